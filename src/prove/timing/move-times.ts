/** Finds when a relay had read moved bytes: calls are reported on return, when the far side may already have them. */
import type { Move } from '../../correlate/relays.js';
import type { Hop } from '../../model/report.js';

/** Bytes of one side's stream in a packet, and when it was first seen. */
export interface Carried {
  readonly request: boolean;
  readonly time: number;
  readonly stream: NonNullable<Hop['stream']>;
}

/** The packets that carry moved bytes on: requests on the leg that the relay dialled, replies on the client's. */
export interface Onward {
  readonly request: readonly Carried[];
  readonly reply: readonly Carried[];
}

export interface TimedMove {
  readonly move: Move;
  /** Nanoseconds since the trace's epoch. */
  readonly time: number;
}

/** Times each move by its read where that is known, but no later than the first packet that carries the bytes on. */
export function placeMoves(moves: readonly Move[], onward: Onward): TimedMove[] {
  return moves.map((move) => {
    const { event, read, request, bytes } = move;
    const known = read?.time ?? event.time;
    const start = (event.total - event.bytes) % 2 ** 32;
    const packets = move.protocol === 'tcp' ? onward[request ? 'request' : 'reply'] : [];
    const first = packets.find(
      ({ request: way, stream }) =>
        way === request && stream.from < start + bytes && start < stream.to,
    );
    return { move, time: Math.min(known, first?.time ?? known) };
  });
}
