/** How much of what a pair carried is its own: a few bytes that every client of a protocol sends are anyone's. */
import type { ByteStream } from '../../model/conversation.js';
import { streamsOf } from './contents.js';
import type { CapturedLeg } from './legs.js';

/** Bytes of content, both ways together, from which on another connection would not carry them by chance. */
export const ENOUGH = 128;

/**
 * Content in both ways together, in bytes: of a stream how many different runs of three bytes its beginning has, so that
 * a filler counts for little; of datagrams what different ones have in all.
 */
export function countTelling({ leg, ...captured }: CapturedLeg): number {
  if (leg.protocol === 'udp') {
    const different = new Map<string, number>();
    for (const { length, wire } of leg.range.list())
      different.set(`${length}|${wire.digest}`, length);
    return [...different.values()].reduce((sum, length) => sum + length, 0);
  }
  const { request, reply } = streamsOf({ leg, ...captured });
  return countRuns(request) + countRuns(reply);
}

function countRuns({ head, known }: ByteStream): number {
  const runs = new Set<number>();
  for (let at = 0; at < head.length; at++) {
    if (known && known[at] !== 1) continue;
    runs.add(((head[at] ?? 0) << 16) | ((head[at + 1] ?? 0) << 8) | (head[at + 2] ?? 0));
  }
  return runs.size;
}
