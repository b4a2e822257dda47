/** How many bytes went from one socket into another in all, also beyond the calls that were printed. */
import type { CopyEvent, SocketEnds, TotalEvent, TraceEvent } from '../model/event.js';
import { pairKey } from './leg.js';
import type { Transfer } from './transfers.js';

export interface Moved {
  readonly bytes: number;
  /** As many were read from the one as were written to the other. A splice cannot differ. */
  readonly equal: boolean;
}

/** Calls and totals by the socket that they are of: its address in the kernel. */
export type Counts = ReadonlyMap<string, readonly (CopyEvent | TotalEvent)[]>;

export function groupCounts(events: readonly TraceEvent[]): Counts {
  const counts = new Map<string, (CopyEvent | TotalEvent)[]>();
  for (const event of events) {
    if (event.kind !== 'copy' && event.kind !== 'total') continue;
    const socket = event.kind === 'copy' ? event.socket : event.from.socket;
    const own = counts.get(socket);
    if (own) own.push(event);
    else counts.set(socket, [event]);
  }
  return counts;
}

/** For the transfers of one direction between two sockets. */
export function countMoved(moves: readonly Transfer[], counts: Counts): Moved {
  const [first] = moves;
  if (!first) return { bytes: 0, equal: true };
  const { event, from, to } = first;
  if (event.kind === 'move') {
    const final = findTotal(counts, 'move', from, to);
    const running = moves.map((move) => (move.event.kind === 'move' ? move.event.total : 0));
    return { bytes: Math.max(final, ...running), equal: true };
  }
  const read = countCopied(counts, 'read', listSockets(moves, 'from'));
  const written = countCopied(counts, 'write', listSockets(moves, 'to'));
  return { bytes: Math.min(read, written), equal: read === written };
}

/** The sockets at one end, each once: a relay may take several one after the other. */
function listSockets(moves: readonly Transfer[], end: 'from' | 'to'): SocketEnds[] {
  const sockets = new Map(
    moves.map((move) => [
      `${move[end].socket}|${pairKey('tcp', move[end].local, move[end].remote)}`,
      move[end],
    ]),
  );
  return [...sockets.values()];
}

function countCopied(
  counts: Counts,
  operation: CopyEvent['operation'],
  sockets: readonly SocketEnds[],
): number {
  return sockets.reduce((sum, ends) => sum + countSocket(counts, operation, ends), 0);
}

function countSocket(counts: Counts, operation: CopyEvent['operation'], ends: SocketEnds): number {
  const key = pairKey('tcp', ends.local, ends.remote);
  const running = (counts.get(ends.socket) ?? []).flatMap((event) =>
    event.kind === 'copy' &&
    event.operation === operation &&
    pairKey('tcp', event.local, event.remote) === key
      ? [event.total]
      : [],
  );
  return Math.max(findTotal(counts, operation, ends, null), ...running);
}

/** The final count; 0 when there is none, or when two peers of a socket have the same port. */
function findTotal(
  counts: Counts,
  operation: TotalEvent['operation'],
  from: SocketEnds,
  to: SocketEnds | null,
): number {
  const found = (counts.get(from.socket) ?? []).filter(
    (event): event is TotalEvent =>
      event.kind === 'total' &&
      event.operation === operation &&
      event.from.localPort === from.local.port &&
      event.from.remotePort === from.remote.port &&
      (to === null || (event.to?.socket === to.socket && event.to.localPort === to.local.port)),
  );
  return found.length === 1 ? (found[0]?.bytes ?? 0) : 0;
}
