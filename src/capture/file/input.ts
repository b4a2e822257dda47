/** Opens a capture or recording, from a file or standard input, unpacked where it is compressed, as chunks. */
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import { UserError } from '../../model/errors.js';

/** Large enough that a million packets are a few hundred turns. */
const CHUNK = 262_144;
/** Bytes that tell the formats apart. */
const ENOUGH = 4;

export interface Input {
  /** What begins the input, at least four bytes unless it is shorter. Part of the first chunk. */
  readonly start: Buffer;
  readonly chunks: AsyncIterable<Buffer>;
  /** Why the chunks ended early; null when they did not. Known once they have ended. */
  problem(): string | null;
}

/** `name` is a file or `-`. Throws UserError when it cannot be read; `stop` ends the chunks early. */
export async function openInput(
  name: string,
  standardInput: Readable,
  stop: AbortSignal,
): Promise<Input> {
  const raw = name === '-' ? standardInput : createReadStream(name, { highWaterMark: CHUNK });
  const state: { problem: string | null } = { problem: null };
  stop.addEventListener('abort', () => raw.destroy(), { once: true });
  const packed = raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const beginning = await gather(name, packed);
  const isGzip = beginning[0] === 0x1f && beginning[1] === 0x8b;
  const all = chain(beginning, keepQuiet(packed, stop));
  if (!isGzip) return { start: beginning, chunks: all, problem: () => state.problem };
  const plain = unpack(all, state)[Symbol.asyncIterator]();
  const start = await gather(name, plain);
  return {
    start,
    chunks: chain(start, { [Symbol.asyncIterator]: () => plain }),
    problem: () => state.problem,
  };
}

/** The first chunks, joined until they are long enough to tell the format by. */
async function gather(name: string, chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < ENOUGH) {
    const next = await chunks.next().catch((cause: unknown) => {
      throw describeUnreadable(name, cause);
    });
    if (next.done === true) break;
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
  }
  return start;
}

async function* chain(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  yield* rest;
}

/** A stream that was destroyed on purpose has ended, not failed. */
async function* keepQuiet(
  chunks: AsyncIterator<Buffer>,
  stop: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    yield* { [Symbol.asyncIterator]: () => chunks };
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

async function* unpack(
  packed: AsyncIterable<Buffer>,
  state: { problem: string | null },
): AsyncGenerator<Buffer> {
  // What comes out of a cut-off file is kept: its reader says where it ends.
  const gunzip = createGunzip({ chunkSize: CHUNK, finishFlush: constants.Z_SYNC_FLUSH });
  let read = 0;
  const feed = (async () => {
    for await (const chunk of packed) {
      read += chunk.length;
      if (!gunzip.write(chunk)) {
        await new Promise<void>((resolve) => {
          gunzip.once('drain', resolve);
          gunzip.once('close', resolve);
        });
      }
      if (gunzip.destroyed) return;
    }
    gunzip.end();
  })();
  feed.catch((error: unknown) => gunzip.destroy(error as Error));
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch {
    state.problem = `its gzip data is damaged before byte ${read} of the compressed file`;
  }
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
