/** Buffers the tracer's output in a file without a name, so that the writer never waits for a busy reader. */
import { closeSync, createWriteStream, readSync, type WriteStream } from 'node:fs';
import { openNameless } from '../nameless-file.js';

export interface Spool {
  /** Its descriptor becomes the writer's standard output. */
  readonly output: WriteStream;
  /** Passes on the rest, and closes the file. */
  end(): void;
}

/** Milliseconds between two checks for new output. */
const LOOK = 10;
/** Bytes that are passed on at once: a few milliseconds of work. */
const CHUNK = 262_144;

/**
 * @param onText gets the output as Latin-1, in pieces that end anywhere.
 * @returns null when no such file can be made
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
    // After a full piece there is more to read; other tasks run between two pieces.
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
