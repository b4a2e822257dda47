/** A journey: one packet on its way, with every place that it was seen at, what was rewritten between them, and its end. */
import type { Endpoint } from '../../model/address.js';
import type { DropEvent, NatEvent, PacketEvent } from '../../model/event.js';

/** An event that shows a packet at a place. */
export type Sight = PacketEvent | NatEvent | DropEvent;

/** Which NAT hook rewrote a packet; `reply` where NAT was undone for the answer, by whichever hook. */
export type RewritingHook = 'PREROUTING' | 'INPUT' | 'OUTPUT' | 'POSTROUTING' | 'reply';

/** One end of a packet that NAT gave another address or port. */
export interface Rewriting {
  readonly hook: RewritingHook;
  readonly field: 'source' | 'destination';
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** A place on the way, in the order in which the packet was there. */
export interface Passage {
  readonly event: Sight;
  /** What was rewritten since the passage before; for the first one, what had been rewritten by then. */
  readonly rewritings: readonly Rewriting[];
}

/**
 * `delivered`: it entered the namespace that has its destination. `dropped`: the kernel threw it away. `left`: it went
 * out by a device whose other end is not traced. `unknown`: none of these was seen, which does not mean that it was lost.
 */
export type JourneyEnd = 'delivered' | 'dropped' | 'left' | 'unknown';

export interface Journey {
  /** 1, 2, 3 … within its leg, in the order in which the packets were first seen. */
  readonly number: number;
  /** From the client's side to the server's. */
  readonly request: boolean;
  readonly passages: readonly Passage[];
  /** Number of the packet that a bridge copied this one from, or that this one is a segment of; null for others. */
  readonly copyOf: number | null;
  readonly end: JourneyEnd;
}

/** A journey as a reader makes it: which sightings are one packet. */
export interface Track {
  readonly sights: readonly Sight[];
  /** The packet that this one is a copy or a segment of. */
  readonly copyOf: Track | null;
}
