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

function haveSameNumbers(a: WirePacket, b: WirePacket): boolean {
  const same = a.protocol === b.protocol && a.length === b.length;
  if (a.protocol === 'udp') return same && a.wire.digest === b.wire.digest;
  return same && a.seq === b.seq && a.ack === b.ack && a.flags === b.flags;
}

/**
 * Compares the times of packets that agree in everything else. `passing`: one may have come from one place to the
 * other. `late`: only if the clocks of their files differ. `never`: they are too far apart for any clock difference.
 */
export function compareTimes(a: WirePacket, b: WirePacket): 'passing' | 'late' | 'never' {
  const apart = Math.abs(a.time - b.time);
  if (apart <= ONE_WAY) return 'passing';
  return a.wire.file !== b.wire.file && apart <= MAX_SHIFT ? 'late' : 'never';
}

/**
 * Whether two packets with equal keys are the same, regardless of time. Sequence numbers alone do not suffice: two
 * connections may carry the same bytes under the same numbers. So something must agree that a new packet would not
 * share: the sender's IP identification or timestamp, or one end of the tuple. Datagrams have no numbers, so one end of
 * theirs must always agree.
 */
export function isSame(a: WirePacket, b: WirePacket): boolean {
  if (!haveSameNumbers(a, b)) return false;
  const [one, two] = [a.wire, b.wire];
  if (differ(one.ipId, two.ipId) || differ(one.timestamp, two.timestamp)) return false;
  if (differ(one.digest, two.digest)) return false;
  if (a.protocol === 'udp' && !keepsEnd(a, b)) return false;
  return isMarked(a, b) || (hasContent(a, b) && keepsEnd(a, b) && one.ttl !== two.ttl);
}

/** Whether the sender's own marks (IP identification or timestamp) agree: a relay's new packet would have others. */
export function isMarked({ wire: one }: WirePacket, { wire: two }: WirePacket): boolean {
  const id = one.ipId !== null && one.ipId !== 0 && one.ipId === two.ipId;
  return id || (one.timestamp !== null && one.timestamp === two.timestamp);
}

function differ(a: number | null, b: number | null): boolean {
  return a !== null && b !== null && a !== b;
}

function hasContent(a: WirePacket, b: WirePacket): boolean {
  const digest = a.wire.digest !== null && a.wire.digest === b.wire.digest;
  return digest || (a.flags & TCP.SYN) !== 0;
}

/** Whether one end agrees: NAT of the destination keeps the source, and the other way round. */
function keepsEnd(a: WirePacket, b: WirePacket): boolean {
  return sameEndpoint(a.source, b.source) || sameEndpoint(a.destination, b.destination);
}
