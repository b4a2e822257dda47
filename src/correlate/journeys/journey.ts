/**
 * The types of a journey: one packet with every place where it was seen, what was rewritten between them, and its end.
 */
import type { Endpoint } from '../../model/address.js';
import type { DropEvent, NatEvent, PacketEvent } from '../../model/event.js';

/** An event that shows a packet at a place. */
export type Sight = PacketEvent | NatEvent | DropEvent;

/** The NAT hook that rewrote a packet; `reply` where NAT was undone for the answer, by whichever hook. */
export type RewritingHook = 'PREROUTING' | 'INPUT' | 'OUTPUT' | 'POSTROUTING' | 'reply';

/** A change by NAT of the address or port of one end of a packet. */
export interface Rewriting {
  readonly hook: RewritingHook;
  readonly field: 'source' | 'destination';
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** One place that the packet passed. */
export interface Passage {
  readonly event: Sight;
  /** What was rewritten since the previous passage; for the first one, what had been rewritten before it. */
  readonly rewritings: readonly Rewriting[];
}

/**
 * `delivered`: it entered the namespace that has its destination. `dropped`: the kernel dropped it. `left`: it went out
 * by a device whose other end is not traced. `unknown`: none of these was seen, which does not mean that it was lost.
 */
export type JourneyEnd = 'delivered' | 'dropped' | 'left' | 'unknown';

export interface Journey {
  /** 1, 2, 3 … within its leg, in the order in which the packets were first seen. */
  readonly number: number;
  /** True from the client's side to the server's. */
  readonly request: boolean;
  readonly passages: readonly Passage[];
  /** Number of the packet that this one is a bridge's copy or a segment of; null for others. */
  readonly copyOf: number | null;
  readonly end: JourneyEnd;
}

/** A journey as the readers produce it: the sightings of one packet. */
export interface Track {
  readonly sights: readonly Sight[];
  /** The packet that this one is a copy or a segment of. */
  readonly copyOf: Track | null;
}
