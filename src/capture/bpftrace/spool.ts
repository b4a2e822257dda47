/** A file without a name in which the tracer's output waits: however busy its reader is, the writer never has to. */
import { closeSync, createWriteStream, readSync, type WriteStream } from 'node:fs';
import { openNameless } from './nameless-file.js';

export interface Spool {
  /** To be the writer's standard output, by its descriptor. */
  readonly output: WriteStream;
  /** Hands over what is left, and closes it. */
  end(): void;
}

/** Milliseconds between two looks at what is new. */
const LOOK = 10;
/** Bytes that are handed over at once: a few milliseconds of work. */
const CHUNK = 262_144;

/**
 * @param onText gets the output as Latin-1, in pieces that end anywhere.
 * @returns null where no such file can be made
 */
export function openSpool(onText: (text: string) => void): Spool | null {
  const fd = openNameless();
  if (fd === null) return null;
  const buffer = Buffer.allocUnsafe(CHUNK);
  let position = 0;
  const readOnce = (): boolean => {
    const length = readSync(fd, buffer, 0, CHUNK, position);
    if (length === 0) return false;
    position += length;
    onText(buffer.toString('latin1', 0, length));
    return length === CHUNK;
  };
  let timer: NodeJS.Timeout;
  const look = (): void => {
    // A full piece has more behind it; between two of them others have their turn.
    timer = setTimeout(look, readOnce() ? 0 : LOOK);
  };
  timer = setTimeout(look, LOOK);
  return {
    output: createWriteStream('', { fd, autoClose: false }),
    end() {
      clearTimeout(timer);
      while (readOnce());
      closeSync(fd);
    },
  };
}
