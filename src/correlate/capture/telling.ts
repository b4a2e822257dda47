/**
 * Decides whether a leg carried enough content of its own: a few bytes that every client of a protocol sends prove
 * nothing.
 */
import type { ByteStream } from '../../model/conversation.js';
import { streamsOf } from './contents.js';
import type { CapturedLeg } from './legs.js';

/**
 * Bytes of content, in both directions together, from which on another connection would not carry the same by chance.
 */
const ENOUGH = 128;

/**
 * Whether both directions together have enough content. A stream counts by the number of different three-byte runs in
 * its beginning, so that padding counts for little. Datagrams count by the total length of the different ones.
 */
export function isTelling({ leg, ...captured }: CapturedLeg): boolean {
  if (leg.protocol === 'udp') {
    const different = new Map<string, number>();
    for (const { length, wire } of leg.range.list())
      different.set(`${length}|${wire.digest}`, length);
    return [...different.values()].reduce((sum, length) => sum + length, 0) >= ENOUGH;
  }
  const { request, reply } = streamsOf({ leg, ...captured });
  const count = countRuns(request, ENOUGH);
  return count >= ENOUGH || count + countRuns(reply, ENOUGH - count) >= ENOUGH;
}

/** Counts different three-byte runs, up to `most`. */
function countRuns({ head, known }: ByteStream, most: number): number {
  const runs = new Set<number>();
  for (let at = 0; at < head.length && runs.size < most; at++) {
    if (known && known[at] !== 1) continue;
    runs.add(((head[at] ?? 0) << 16) | ((head[at + 1] ?? 0) << 8) | (head[at + 2] ?? 0));
  }
  return runs.size;
}
