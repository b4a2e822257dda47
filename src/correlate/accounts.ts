/** Adds up the bytes that a relay read on one leg and wrote on the other, as far as its calls were traced. */
import type { CopyEvent } from '../model/event.js';
import type { Leg } from './leg.js';
import type { Counts } from './call-counts.js';
import type { Transfer } from './transfers.js';

/** One direction through a relay. */
export interface RelayedFlow {
  /** Bytes that it took from one socket; null where some calls were not recorded. */
  readonly taken: number | null;
  /** Bytes that it gave to the other socket; null where some calls were not recorded. */
  readonly given: number | null;
  /** Bytes known to have gone from one socket into the other. */
  readonly moved: number;
  /** At least one transfer was followed exactly, not only matched by likeness (see {@link Transfer}). */
  readonly followed: boolean;
}

/** One end of one direction: a leg, and the calls of processes on their socket of that leg. */
export interface Mouth {
  readonly leg: Leg;
  readonly calls: readonly CopyEvent[];
}

/** Nanoseconds by which a call may lie outside the packets seen of its leg. */
const SLACK = 1_000_000_000;

/** Adds up one direction through a relay: `moves` are its transfers from the legs `from` to the legs `to`. */
export function countFlow(
  moves: readonly Transfer[],
  from: readonly Mouth[],
  to: readonly Mouth[],
  counts: Counts,
): RelayedFlow {
  const spliced = counts.spliced(moves.filter(({ event }) => event.kind === 'move'));
  const read = addUp(from, 'read', counts);
  const written = addUp(to, 'write', counts);
  const copied = moves.some(({ event }) => event.kind === 'copy')
    ? Math.min(read ?? Infinity, written ?? Infinity)
    : 0;
  return {
    taken: read === null ? null : spliced + read,
    given: written === null ? null : spliced + written,
    moved: spliced + (Number.isFinite(copied) ? copied : 0),
    followed: moves.some(({ exact }) => exact),
  };
}

/** Whether the relay sent no more bytes than it received, so that it added nothing of its own. */
export function addsNothing({ taken, given }: RelayedFlow): boolean {
  return taken !== null && given !== null && given <= taken;
}

/**
 * Bytes of all calls of this operation on the sockets of these legs, including calls that were counted but not listed.
 * Null where some calls were not recorded.
 */
export function addUp(
  mouths: readonly Mouth[],
  operation: CopyEvent['operation'],
  counts: Counts,
): number | null {
  let sum: number | null = 0;
  for (const { leg, calls } of mouths) {
    const own = calls.filter((call) => call.operation === operation);
    const since = leg.events[0]?.time ?? 0;
    const until = Math.max(leg.until, own.at(-1)?.time ?? 0) + SLACK;
    for (const ends of listSockets(own)) {
      const bytes = counts.copied(operation, { ends, since, until });
      sum = sum === null || bytes === null ? null : sum + bytes;
    }
    if (own.length > 0 || leg.accepted === null) continue;
    // An earlier connection with the same ports may have used up the socket's budget of listed calls.
    if (counts.copied(operation, { ends: leg.accepted, since, until }) === null) sum = null;
  }
  return sum;
}

/** Lists each socket once: a relay may use several sockets one after the other. */
function listSockets(calls: readonly CopyEvent[]): CopyEvent[] {
  const sockets = new Map<string, CopyEvent>();
  for (const call of calls) {
    const { socket, life, local, remote } = call;
    sockets.set(JSON.stringify([socket, life, local, remote]), call);
  }
  return [...sockets.values()];
}
