/** The types for what both ends of a TCP leg sent and acknowledged. */

/** Nanoseconds within which the same segment at one place is a copy of the same packet. */
export const COPY = 1_000_000;

/** What one end sent and what the other end acknowledged of it. */
export interface EndTraffic {
  /** Number of its SYN (or SYN+ACK); null where none was seen. Of several, the one that the other end acknowledged. */
  readonly syn: number | null;
  /** How often it sent one, counted at the place that saw most. */
  readonly syns: number;
  /** Number of its first byte; null where neither SYN nor bytes were seen. */
  readonly start: number | null;
  /** Highest number that the other end has acknowledged; null where none was seen. */
  readonly acked: number | null;
  /** False where packets may have passed unlisted: they may have acknowledged more. */
  readonly acksSeen: boolean;
  /** A segment that was retransmitted and whose sender never learned that it arrived. */
  readonly stalled: Stalled | null;
  /** Time of its first FIN; null without one. */
  readonly fin: number | null;
}

export interface Stalled {
  readonly seq: number;
  /** Payload bytes. */
  readonly length: number;
  /** How often it was sent, at the place that saw it most often. */
  readonly sent: number;
  /** It was acknowledged, but its sender kept retransmitting: the acknowledgement did not reach it. */
  readonly unheard: boolean;
  /** Payload bytes of the largest earlier segment of this side; null without one. */
  readonly passed: number | null;
}

/** Both ends of a leg. */
export interface Exchange {
  readonly client: EndTraffic;
  readonly server: EndTraffic;
  /** The client completed the handshake, by its ACK, its socket or the server's socket. */
  readonly completed: boolean;
  /** Some packet of the server was seen. */
  readonly replied: boolean;
}
