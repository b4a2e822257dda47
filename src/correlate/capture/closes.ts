/** Compares how a pair's legs ended: a relay ends one side because the other side ended. */
import { TCP } from '../../model/event.js';
import { ResetNumbers } from '../reset-fit.js';
import type { CapturedLeg } from './legs.js';
import type { Closes, WireLeg } from './wire-leg.js';

/** Nanoseconds within which a relay that ends of its own accord ends both sides. */
const TOGETHER = 100_000_000;

/** When one side certainly closed, and when it closed if doubtful resets count as well. */
interface Said {
  sure: number | null;
  perhaps: number | null;
}

/**
 * All possible readings of how a leg ended. A reset whose numbers do not fit ends nothing. A reset whose fit is unknown
 * may have ended its side, so a conclusion from a close, or from its absence, must hold in both cases.
 */
function readCloses({ leg }: CapturedLeg): readonly Closes[] {
  return (leg.closes ??= leg.range.hasFlag(TCP.RST) ? readResets(leg) : [readFins(leg)]);
}

function readFins(leg: WireLeg): Closes {
  const { table, rows, from, to } = leg.range;
  const closes: { -readonly [K in keyof Closes]: Closes[K] } = { request: null, reply: null };
  for (let at = from; at < to; at++) {
    const row = rows[at] ?? 0;
    if (((table.flags[row] ?? 0) & TCP.FIN) === 0) continue;
    closes[leg.isRequest(row) ? 'request' : 'reply'] ??= table.time[row] ?? 0;
  }
  return closes;
}

function readResets(leg: WireLeg): readonly Closes[] {
  const numbers = new ResetNumbers(leg.unlisted);
  const [request, reply]: [Said, Said] = [
    { sure: null, perhaps: null },
    { sure: null, perhaps: null },
  ];
  for (const packet of leg.range.list()) {
    const side = leg.isRequest(packet.row) ? request : reply;
    const isReset = (packet.flags & TCP.RST) !== 0;
    if (!isReset) numbers.see(packet, side === request);
    if (!isReset && (packet.flags & TCP.FIN) === 0) continue;
    const fit = isReset ? numbers.judge(packet, side === request) : 'fits';
    if (fit === 'stray') continue;
    side.perhaps ??= packet.time;
    if (fit === 'fits') side.sure ??= packet.time;
  }
  const readings = ({ sure, perhaps }: Said): (number | null)[] =>
    sure === perhaps ? [sure] : [sure, perhaps];
  return readings(request).flatMap((one) =>
    readings(reply).map((other) => ({ request: one, reply: other })),
  );
}

/**
 * How the ends of two legs relate. `relayed`: the relay ended one side after the other had ended, and nothing else did.
 * `open`: it ended neither. `contrary`: the upstream leg ended by itself while the client's went on, so it is no
 * relay's. `unknown`: decisive packets are missing, the relay gave up both sides, or the answer depends on a reset that
 * may belong to another connection.
 */
export type CloseOrder = 'relayed' | 'open' | 'contrary' | 'unknown';

export function compareEnds(client: CapturedLeg, upstream: CapturedLeg, slack: number): CloseOrder {
  const [first, ...others] = readBoth(client, upstream).map((both) => compareCloses(both, slack));
  return first !== undefined && others.every((ends) => ends === first) ? first : 'unknown';
}

/** How both legs ended, in every combination of readings. */
export function readBoth(
  client: CapturedLeg,
  upstream: CapturedLeg,
): (readonly [client: Closes, upstream: Closes])[] {
  const theirs = readCloses(upstream);
  return readCloses(client).flatMap((own) => theirs.map((other) => [own, other] as const));
}

function compareCloses([own, theirs]: readonly [Closes, Closes], slack: number): CloseOrder {
  const { request: byClient, reply: toClient } = own;
  const { request: toServer, reply: byServer } = theirs;
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
