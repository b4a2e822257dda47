/** Decides whether two sightings in a capture are the same packet, possibly under different addresses. */
import { sameEndpoint } from '../../model/address.js';
import { MAX_SHIFT, type WireFacts } from '../../model/conversation.js';
import { TCP, type PacketEvent } from '../../model/event.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';

export type WirePacket = PacketEvent & { readonly wire: WireFacts };

/** Most nanoseconds that a packet may take from one device to the next. */
const ONE_WAY = 2_000_000_000;

/** Whether a packet came too long before another one of the same file to be the same. */
export function isPast(before: number, time: number): boolean {
  return time - before > ONE_WAY;
}

/**
 * A key of what NAT leaves alone: only packets with equal keys can be the same, and hardly any others have equal keys.
 */
export function identityKey(table: PacketTable, row: number): number {
  const length = table.length[row] ?? 0;
  if (!table.has(row, BIT.TCP)) {
    const [digest, ipId] = [table.digest[row] ?? 0, table.ipId[row] ?? 0];
    return Math.imul(digest, 0x9e3779b1) ^ Math.imul(length, 0x85ebca6b) ^ Math.max(ipId, 0);
  }
  const [seq, ack, flags] = [table.seq[row] ?? 0, table.ack[row] ?? 0, table.flags[row] ?? 0];
  return Math.imul(seq, 0x9e3779b1) ^ Math.imul(ack, 0x85ebca6b) ^ (length << 8) ^ flags;
}

/**
 * Compares the times of packets that agree in everything else. `passing`: one may have come from one place to the
 * other. `late`: only if the clocks of their files differ. `never`: they are too far apart for any clock difference.
 */
export function compareTimes(
  { time, file }: PacketTable,
  a: number,
  b: number,
): 'passing' | 'late' | 'never' {
  const apart = Math.abs((time[a] ?? 0) - (time[b] ?? 0));
  if (apart <= ONE_WAY) return 'passing';
  return file[a] !== file[b] && apart <= MAX_SHIFT ? 'late' : 'never';
}

/**
 * Whether the packets in two rows with equal keys are the same, regardless of time. Sequence numbers alone do not
 * suffice: two connections may carry the same bytes under the same numbers. So something must agree that a new packet
 * would not share: the sender's IP identification or timestamp, or one end of the tuple. Datagrams have no numbers, so
 * one end of theirs must always agree.
 */
export function isSame(table: PacketTable, a: number, b: number): boolean {
  const { length, seq, ack, flags, bits, digest, ttl } = table;
  const [one, two] = [bits[a] ?? 0, bits[b] ?? 0];
  if (((one | two) & BIT.DAMAGED) !== 0) return false;
  const isTcp = (one & BIT.TCP) !== 0;
  if (((one ^ two) & BIT.TCP) !== 0 || length[a] !== length[b]) return false;
  // An unknown digest differs from a known one between datagrams only.
  const digested = one & two & BIT.DIGEST;
  if (digested !== 0 && digest[a] !== digest[b]) return false;
  if (isTcp) {
    if (seq[a] !== seq[b] || ack[a] !== ack[b] || flags[a] !== flags[b]) return false;
  } else if (((one ^ two) & BIT.DIGEST) !== 0) return false;
  if (haveOtherMarks(table, a, b)) return false;
  if (!isTcp && !keepsEnd(table, a, b)) return false;
  if (isMarkedIn(table, a, b)) return true;
  const hasContent = digested !== 0 || ((flags[a] ?? 0) & TCP.SYN) !== 0;
  return hasContent && ttl[a] !== ttl[b] && keepsEnd(table, a, b);
}

function haveOtherMarks({ ipId, timestamp, bits }: PacketTable, a: number, b: number): boolean {
  const [one, two] = [ipId[a] ?? -1, ipId[b] ?? -1];
  if (one !== two && one >= 0 && two >= 0) return true;
  const stamped = (bits[a] ?? 0) & (bits[b] ?? 0) & BIT.STAMPED;
  return stamped !== 0 && timestamp[a] !== timestamp[b];
}

/** Whether the sender's own marks agree, like {@link isMarked}, by rows. */
export function isMarkedIn(table: PacketTable, a: number, b: number): boolean {
  const { ipId, timestamp, bits } = table;
  const id = ipId[a] ?? -1;
  if (id > 0 && id === ipId[b]) return true;
  const stamped = (bits[a] ?? 0) & (bits[b] ?? 0) & BIT.STAMPED;
  return stamped !== 0 && timestamp[a] === timestamp[b];
}

/** Whether the sender's own marks (IP identification or timestamp) agree: a relay's new packet would have others. */
export function isMarked({ wire: one }: WirePacket, { wire: two }: WirePacket): boolean {
  const id = one.ipId !== null && one.ipId !== 0 && one.ipId === two.ipId;
  return id || (one.timestamp !== null && one.timestamp === two.timestamp);
}

/** Whether one end agrees: NAT of the destination keeps the source, and the other way round. */
function keepsEnd(table: PacketTable, a: number, b: number): boolean {
  return (
    sameEndpoint(table.sourceOf(a), table.sourceOf(b)) ||
    sameEndpoint(table.destinationOf(a), table.destinationOf(b))
  );
}
