/** Opens a capture or recording from a file or standard input as chunks, and unpacks it when it is compressed. */
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { constants, createGunzip, type Gunzip } from 'node:zlib';
import { UserError } from '../../model/errors.js';

/** Bytes per read; so large that a million packets take only a few hundred reads. */
const CHUNK = 1_048_576;
const UNPACKED = 262_144;
/** Bytes needed to tell the formats apart. */
const ENOUGH = 4;

export interface CaptureInput {
  /** The first bytes of the input: at least four unless it is shorter. The first chunk contains them. */
  readonly start: Buffer;
  /** Each chunk is valid until the next is requested: copy what you keep. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Why the chunks ended early; null when they did not. Known once they have ended. */
  problem(): string | null;
  /** Closes what was opened, also where no chunk was asked for; again and again does no harm. */
  close(): Promise<void>;
}

/** `name` is a file or `-`. Throws UserError when it cannot be read; `stop` ends the chunks early. */
export async function openInput(
  name: string,
  standardInput: Readable,
  stop: AbortSignal,
): Promise<CaptureInput> {
  const state: { problem: string | null } = { problem: null };
  stop.addEventListener('abort', () => standardInput.destroy(), { once: true });
  const raw = name === '-' ? (standardInput as AsyncIterable<Buffer>) : readFile(name);
  const packed = raw[Symbol.asyncIterator]();
  const beginning = await gather(name, packed);
  const isGzip = beginning[0] === 0x1f && beginning[1] === 0x8b;
  const all = chain(beginning, packed, stop);
  const problem = (): string | null => state.problem;
  if (!isGzip) {
    const close = async (): Promise<void> => void (await packed.return?.());
    return { start: beginning, chunks: all, problem, close };
  }
  const plain = unpack(all, state);
  const start = await gather(name, plain);
  const close = async (): Promise<void> => {
    await plain.return(undefined);
    await packed.return?.();
  };
  return { start, chunks: chain(start, plain, stop), problem, close };
}

/** Reuses one buffer: allocating memory for every chunk costs more than reading it. */
async function* readFile(name: string): AsyncGenerator<Buffer> {
  const file = await open(name);
  try {
    const room = Buffer.allocUnsafe(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(room, 0, CHUNK);
      if (bytesRead === 0) return;
      yield room.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Joins the first chunks until they are long enough to tell the format. */
async function gather(name: string, chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < ENOUGH) {
    const next = await chunks.next().catch((cause: unknown) => {
      throw describeUnreadable(name, cause);
    });
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  return start;
}

/**
 * Yields `start`, then `rest`, and closes `rest` even when nobody has read it. A stream that was destroyed on purpose
 * has ended, not failed.
 */
async function* chain(
  start: Buffer,
  rest: AsyncIterator<Buffer>,
  stop: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    if (start.length > 0) yield start;
    yield* { [Symbol.asyncIterator]: () => rest };
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await rest.return?.();
  }
}

async function* unpack(
  packed: AsyncIterable<Buffer>,
  state: { problem: string | null },
): AsyncGenerator<Buffer, void> {
  const gunzip = createGunzip({ chunkSize: UNPACKED });
  let read = 0;
  let fed = false;
  const feed = (async () => {
    for await (const chunk of packed) {
      read += chunk.length;
      // A copy: this one may still wait when the next is read into the same buffer.
      if (!gunzip.write(Buffer.from(chunk))) {
        await new Promise<void>((resolve) => {
          gunzip.once('drain', resolve);
          gunzip.once('close', resolve);
        });
      }
      if (gunzip.destroyed) return;
    }
    await new Promise<void>((resolve) => gunzip.flush(constants.Z_SYNC_FLUSH, resolve));
    fed = true;
    gunzip.emit('readable');
  })();
  feed.catch((error: unknown) => gunzip.destroy(error as Error));
  let damaged = false;
  let ended = false;
  gunzip.on('error', () => (damaged = true)).on('end', () => (ended = true));
  try {
    for (;;) {
      const chunk = gunzip.read() as Buffer | null;
      if (chunk !== null) yield chunk;
      else if (fed || damaged || ended || gunzip.destroyed) break;
      else await untilMore(gunzip);
    }
    // Only when all output is taken: a cut end raises an error, which discards the output that waits.
    if (!damaged && !ended) {
      gunzip.end();
      while (!damaged && !ended && !gunzip.destroyed) {
        gunzip.read();
        await untilMore(gunzip);
      }
    }
    if (damaged) state.problem = describeGzip(fed, read);
  } finally {
    gunzip.destroy();
  }
}

function untilMore(gunzip: Gunzip): Promise<void> {
  return new Promise((resolve) => {
    const events = ['readable', 'end', 'error', 'close'];
    const go = (): void => {
      for (const event of events) gunzip.off(event, go);
      resolve();
    };
    for (const event of events) gunzip.on(event, go);
  });
}

function describeGzip(fed: boolean, read: number): string {
  return fed
    ? `its gzip data is cut off at byte ${read} of the compressed file`
    : `its gzip data is damaged before byte ${read} of the compressed file`;
}

function describeUnreadable(name: string, cause: unknown): UserError {
  const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new UserError(`${name} cannot be read (${why})`, {
    code: 'cannot-read',
    exit: 1,
    remedy: 'check the name and the right to read it',
    cause,
  });
}
