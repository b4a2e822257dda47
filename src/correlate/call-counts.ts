/** Counts the bytes that a process read, wrote or spliced on sockets, including calls that were not listed. */
import type { CopyEvent, SocketEnds, TotalEvent, TraceEvent } from '../model/event.js';
import { pairKey } from './leg.js';
import { keyOfSockets, keyOfSum } from './sum-keys.js';
import type { Transfer } from './transfers.js';

/**
 * The period of a socket's use that is counted: an earlier connection may have had the same kernel address and ports.
 */
export interface SocketSpan {
  readonly ends: SocketEnds & Pick<CopyEvent, 'life'>;
  readonly since: number;
  readonly until: number;
}

type Operation = CopyEvent['operation'];

/** Looks up calls and totals by socket. */
export class Counts {
  readonly #bySocket = new Map<string, (CopyEvent | TotalEvent)[]>();

  constructor(events: readonly TraceEvent[]) {
    for (const event of events) {
      if (event.kind !== 'copy' && event.kind !== 'total') continue;
      const socket = event.kind === 'copy' ? event.socket : event.from.socket;
      const own = this.#bySocket.get(socket);
      if (own) own.push(event);
      else this.#bySocket.set(socket, [event]);
    }
  }

  /** Bytes read from or written to a socket; null where calls were not listed, so that there may be more. */
  copied(operation: Operation, { ends, since, until }: SocketSpan): number | null {
    const key = pairKey('tcp', ends.local, ends.remote);
    const calls = this.#of(ends.socket).filter(
      (event): event is CopyEvent =>
        event.kind === 'copy' &&
        event.operation === operation &&
        event.life === ends.life &&
        pairKey('tcp', event.local, event.remote) === key,
    );
    const own = calls.filter(({ time }) => since <= time && time <= until);
    const [first] = own;
    // If an earlier use has used up the budget, no calls of this one are listed.
    if (!first) return calls.length === 0 ? 0 : null;
    const before = first.total - first.bytes;
    const running = Math.max(...own.map(({ total }) => total)) - before;
    const last = calls.at(-1) === own.at(-1);
    return last ? Math.max(running, this.#total(operation, ends) - before) : running;
  }

  /** Bytes spliced from one socket into another, by transfers of one direction between them. */
  spliced(moves: readonly Transfer[]): number {
    const [first] = moves;
    if (!first) return 0;
    const { from, to } = first;
    const running = moves.map(({ event }) => (event.kind === 'move' ? event.total : 0));
    const last = Math.max(...moves.map(({ event }) => event.time));
    // An earlier pair of sockets may have had the same addresses and ports.
    const sum = this.#sums('move', from, to).find(({ time }) => time >= last);
    return Math.max(sum?.bytes ?? 0, ...running);
  }

  /** The final count of one socket; 0 when there is none, or when two of its peers have the same port. */
  #total(operation: Operation, from: SocketSpan['ends']): number {
    const found = this.#sums(operation, from, null);
    return found.length === 1 ? (found[0]?.bytes ?? 0) : 0;
  }

  #sums(
    operation: TotalEvent['operation'],
    from: SocketSpan['ends'],
    to: SocketEnds | null,
  ): TotalEvent[] {
    const key = keyOfSockets(operation, from, to);
    return this.#of(from.socket).filter(
      (event): event is TotalEvent => event.kind === 'total' && keyOfSum(event) === key,
    );
  }

  #of(socket: string): readonly (CopyEvent | TotalEvent)[] {
    return this.#bySocket.get(socket) ?? [];
  }
}
