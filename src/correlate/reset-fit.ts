/**
 * Decides whether a reset belongs to the connection with its addresses: its numbers must fit what its receiver expects.
 */
import { TCP, type PacketEvent } from '../model/event.js';

/**
 * `stray`: outside the window, from another connection that used the same port, or forged; it ends nothing (RFC 9293,
 * 3.10.7). `unknown`: what its receiver expected was not seen.
 */
export type ResetFit = 'fits' | 'stray' | 'unknown';

type Segment = Pick<PacketEvent, 'seq' | 'ack' | 'flags' | 'length'>;

interface Side {
  /** The next number after everything that it sent; null before anything was seen. */
  next: number | null;
  /** The numbers that it acknowledged, and so expected next, and the furthest of them. */
  readonly acks: Set<number>;
  acked: number | null;
}

/** Most bytes that may have been sent unseen, beyond those that were seen; no usual window is larger. */
const UNSEEN = 2 ** 24;

/** Tracks the sequence numbers of one connection from all its packets except resets, in order of time. */
export class ResetNumbers {
  readonly #request: Side = { next: null, acks: new Set(), acked: null };
  readonly #reply: Side = { next: null, acks: new Set(), acked: null };
  readonly #unlisted: boolean;

  /** @param unlisted whether any number of bytes may be missing from the list of packets */
  constructor(unlisted: boolean) {
    this.#unlisted = unlisted;
  }

  /** @param request whether the client sent it */
  see({ seq, ack, flags, length }: Segment, request: boolean): void {
    if ((flags & TCP.RST) !== 0) return;
    const side = request ? this.#request : this.#reply;
    const next = (seq + length + count(flags, TCP.SYN) + count(flags, TCP.FIN)) >>> 0;
    if (side.next === null || isAhead(next, side.next)) side.next = next;
    if ((flags & TCP.ACK) === 0) return;
    side.acks.add(ack);
    if (side.acked === null || isAhead(ack, side.acked)) side.acked = ack;
  }

  judge({ seq, ack, flags }: Segment, request: boolean): ResetFit {
    const [own, peer] = request ? [this.#request, this.#reply] : [this.#reply, this.#request];
    if (own.next === null && peer.acked === null) {
      // The reset answers a segment without an acknowledgement: a SYN.
      if ((flags & TCP.ACK) === 0 || peer.next === null) return 'unknown';
      return ack === peer.next ? 'fits' : 'stray';
    }
    if (seq === own.next || peer.acks.has(seq)) return 'fits';
    const [least, most] = [peer.acked ?? own.next ?? 0, own.next ?? peer.acked ?? 0];
    if (isAhead(least, seq)) return 'stray';
    if (!isAhead(seq, most)) return 'fits';
    return this.#unlisted || (seq - most) >>> 0 <= UNSEEN ? 'unknown' : 'stray';
  }
}

function count(flags: number, flag: number): 0 | 1 {
  return (flags & flag) === 0 ? 0 : 1;
}

/** Compares two sequence numbers, which wrap. */
function isAhead(one: number, other: number): boolean {
  return ((one - other) | 0) > 0;
}
