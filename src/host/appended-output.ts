/** Opens an output that grows while the program runs; what was written stays readable however the program ends. */
import { rename, type FileHandle } from 'node:fs/promises';
import {
  describeUnwritable,
  keepDraft,
  locateOutput,
  openDraft,
  openSpecial,
} from './output-file.js';

/** Takes pieces one after the other; each call settles when the output has taken its piece. */
export interface AppendedOutput {
  write(piece: Buffer): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the output with its first piece. An existing ordinary file is replaced in one step by one with this piece.
 * @param streams writers of the process's own descriptors
 * @throws UserError
 */
export async function openAppended(
  name: string,
  first: Buffer,
  streams: ReadonlyMap<number, (content: Buffer) => Promise<void>>,
): Promise<AppendedOutput> {
  try {
    const place = await locateOutput(name);
    if (place.kind === 'descriptor') {
      const stream = streams.get(place.fd);
      if (stream) {
        await stream(first);
        return { write: stream, close: async () => Promise.resolve() };
      }
    }
    const handle =
      place.kind === 'file'
        ? await beginFile(place.path, first)
        : await openSpecial(place.kind === 'special' ? place.path : `/proc/self/fd/${place.fd}`);
    if (place.kind !== 'file') await handle.writeFile(first);
    return fromHandle(handle, name);
  } catch (error) {
    throw describeUnwritable(name, error);
  }
}

async function beginFile(path: string, first: Buffer): Promise<FileHandle> {
  const draft = await openDraft(path);
  await draft.handle.writeFile(first);
  await rename(draft.path, path);
  keepDraft(draft);
  return draft.handle;
}

function fromHandle(handle: FileHandle, name: string): AppendedOutput {
  const told = (error: unknown): never => {
    throw describeUnwritable(name, error);
  };
  return {
    write: async (piece) => handle.writeFile(piece).catch(told),
    close: async () => handle.close().catch(told),
  };
}
