/** Estimates how far apart the clocks of two captures are, from the packets that both saw. */
import { sameEndpoint } from '../../model/address.js';
import { MAX_SHIFT } from '../../model/conversation.js';
import type { PacketEvent } from '../../model/event.js';

export type Skew =
  | {
      readonly known: true;
      /** Nanoseconds to add to the second file's times. */
      readonly shift: number;
      /** Packets seen in both. */
      readonly packets: number;
    }
  | {
      readonly known: false;
      /** `none`: no packet was seen in both. `few`: too few, or of one direction only, or they contradict each other.
       * `far`: the captures are of different days. */
      readonly why: 'none' | 'few' | 'far';
      readonly packets: number;
    };

/** The most packets that are compared; more do not improve the result. */
const MAX_PACKETS = 20_000;
/** Packets of each direction that must have been seen in both. */
const SEVERAL = 2;
/** Nanoseconds that a packet may take from one capture to the other and its answer back. */
const MAX_ROUND = 2e9;
/** Nanoseconds by which the two directions may contradict each other: the resolution of clocks. */
const GRAIN = 1e6;

/**
 * Packets travel both ways, and none arrives before it was sent. So the smallest differences of both directions bound
 * the skew, and the middle is taken. Copies and replays travel one way and reveal nothing about a clock.
 */
export function estimateSkew(
  reference: readonly PacketEvent[],
  other: readonly PacketEvent[],
): Skew {
  const known = new Map<string, PacketEvent>();
  for (const packet of reference.slice(0, MAX_PACKETS)) {
    const key = describeKey(packet);
    // Only the first sighting counts: a repeat (another device, a retransmission) says nothing about time.
    if (key !== null && !known.has(key)) known.set(key, packet);
  }
  const there: number[] = [];
  const back: number[] = [];
  const seen = new Set<string>();
  let packets = 0;
  for (const packet of other.slice(0, MAX_PACKETS)) {
    const key = describeKey(packet);
    const twin = key === null || seen.has(key) ? null : known.get(key);
    if (key !== null) seen.add(key);
    if (!twin?.wire || !packet.wire || !keepsEnd(twin, packet)) continue;
    packets += 1;
    const difference = packet.time - twin.time;
    // Routers decrement the TTL: the packet with the larger one was seen first.
    const ahead = twin.wire.ttl - packet.wire.ttl;
    if (ahead > 0) there.push(difference);
    else if (ahead < 0) back.push(difference);
    else if (isUnchanged(twin, packet)) {
      there.push(difference);
      back.push(difference);
    }
  }
  return conclude(there, back, packets);
}

function conclude(there: readonly number[], back: readonly number[], packets: number): Skew {
  if (packets === 0) return { known: false, why: 'none', packets };
  if (there.length < SEVERAL || back.length < SEVERAL) return { known: false, why: 'few', packets };
  const [least, most] = [Math.min(...there), Math.max(...back)];
  const shift = -Math.round((least + most) / 2);
  if (Math.abs(shift) > MAX_SHIFT) return { known: false, why: 'far', packets };
  const round = least - most;
  if (round < -GRAIN || round > MAX_ROUND) return { known: false, why: 'few', packets };
  return { known: true, shift, packets };
}

/** NAT leaves one end unchanged. */
function keepsEnd(a: PacketEvent, b: PacketEvent): boolean {
  return sameEndpoint(a.source, b.source) || sameEndpoint(a.destination, b.destination);
}

function isUnchanged(a: PacketEvent, b: PacketEvent): boolean {
  return sameEndpoint(a.source, b.source) && sameEndpoint(a.destination, b.destination);
}

/** Null for packets without anything that identifies them. */
function describeKey({ protocol, seq, ack, flags, length, wire }: PacketEvent): string | null {
  if (!wire || ((wire.ipId ?? 0) === 0 && wire.timestamp === null)) return null;
  const numbers = protocol === 'tcp' ? `${seq}|${ack}|${flags}` : (wire.digest ?? '');
  return `${protocol}|${numbers}|${length}|${wire.ipId ?? ''}|${wire.timestamp ?? ''}`;
}
