/** How far apart the clocks of two captures are, by the packets that both saw. */
import type { PacketEvent } from '../../model/event.js';

export interface Skew {
  /** Nanoseconds to add to the second file's times. */
  readonly shift: number;
  /** Packets seen in both. */
  readonly packets: number;
}

/** Packets that are compared; more make it no better. */
const MAX_PACKETS = 20_000;

/**
 * Packets travel both ways, and none arrives before it was sent: the smallest differences of both ways bound the skew,
 * and their middle is taken. Null when no packet was seen in both.
 */
export function estimateSkew(
  reference: readonly PacketEvent[],
  other: readonly PacketEvent[],
): Skew | null {
  const known = new Map<string, PacketEvent>();
  for (const packet of reference.slice(0, MAX_PACKETS)) {
    const key = describeKey(packet);
    // What was seen twice (at several devices, sent again) tells nothing of time, unless it is the first.
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
    if (!twin?.wire || !packet.wire) continue;
    packets += 1;
    const difference = packet.time - twin.time;
    // A router takes one off: the larger TTL was seen first.
    const ahead = twin.wire.ttl - packet.wire.ttl;
    if (ahead > 0) there.push(difference);
    else if (ahead < 0) back.push(difference);
    else {
      there.push(difference);
      back.push(difference);
    }
  }
  if (there.length === 0 && back.length === 0) return null;
  const least = there.length > 0 ? Math.min(...there) : Math.max(...back);
  const most = back.length > 0 ? Math.max(...back) : least;
  return { shift: -Math.round((least + most) / 2), packets };
}

/** Null for packets that have no mark of their own. */
function describeKey({ protocol, seq, ack, flags, length, wire }: PacketEvent): string | null {
  if (!wire || ((wire.ipId ?? 0) === 0 && wire.timestamp === null)) return null;
  const numbers = protocol === 'tcp' ? `${seq}|${ack}|${flags}` : (wire.digest ?? '');
  return `${protocol}|${numbers}|${length}|${wire.ipId ?? ''}|${wire.timestamp ?? ''}`;
}
