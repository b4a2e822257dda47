/** Whether the ends of a pair's legs fit a relay: it ends one side because the other ended. */
import { TCP } from '../../model/event.js';
import { ResetNumbers } from '../reset-fit.js';
import type { CapturedLeg } from './legs.js';
import type { WirePacket } from './same-packet.js';

/** Nanoseconds within which a relay that ends by itself ends both sides. */
const TOGETHER = 100_000_000;

/** When each side first said that it would send no more. */
export interface Closes {
  readonly request: number | null;
  readonly reply: number | null;
}

/** A reset whose numbers do not fit ends nothing. */
export function findCloses({ leg }: CapturedLeg): Closes {
  const { requests, replies } = leg.split();
  const isOwn = new Set<WirePacket>(requests);
  const numbers = new ResetNumbers(leg.unlisted);
  const closes: { request: number | null; reply: number | null } = { request: null, reply: null };
  for (const packet of [...requests, ...replies].sort((a, b) => a.time - b.time || a.id - b.id)) {
    const request = isOwn.has(packet);
    const isReset = (packet.flags & TCP.RST) !== 0;
    if (!isReset) numbers.see(packet, request);
    if (isReset ? numbers.judge(packet, request) === 'stray' : (packet.flags & TCP.FIN) === 0) {
      continue;
    }
    closes[request ? 'request' : 'reply'] ??= packet.time;
  }
  return closes;
}

/**
 * `relayed`: the relay ended one side after the other had ended, and nothing else did. `open`: it ended neither. `contrary`: its
 * own leg ended by itself while the client's went on, so that it was no relay's. `unknown`: packets that would tell are
 * not there, or it gave up both sides.
 */
export type Ends = 'relayed' | 'open' | 'contrary' | 'unknown';

export function compareEnds(client: CapturedLeg, upstream: CapturedLeg, slack: number): Ends {
  const { request: byClient, reply: toClient } = findCloses(client);
  const { request: toServer, reply: byServer } = findCloses(upstream);
  const isCaused = (effect: number | null): boolean =>
    effect === null ||
    [byClient, byServer].some((cause) => cause !== null && cause <= effect + slack);
  if (isCaused(toServer) && isCaused(toClient)) {
    const passed = (cause: number | null, effect: number | null): boolean =>
      cause !== null && effect !== null && cause <= effect + slack && effect - cause < TOGETHER;
    if (passed(byClient, toServer) || passed(byServer, toClient)) return 'relayed';
    return toServer === null && toClient === null ? 'open' : 'unknown';
  }
  if (isCaused(toServer) || byClient === null || toServer === null) return 'unknown';
  // A relay that gives up ends both of its sides.
  const gaveUp = toClient !== null && !isCaused(toClient);
  return gaveUp && Math.abs(toClient - toServer) < TOGETHER ? 'unknown' : 'contrary';
}
