/** Whether two sightings in a capture are one and the same packet, under different addresses perhaps. */
import { sameEndpoint } from '../../model/address.js';
import { MAX_SHIFT, type WireFacts } from '../../model/conversation.js';
import { TCP, type PacketEvent } from '../../model/event.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';

export type WirePacket = PacketEvent & { readonly wire: WireFacts };

/** Nanoseconds that a packet may take from one device to the next. */
const ONE_WAY = 2_000_000_000;

/** Whether a packet of one file came too long before another one of it to be the same. */
export function isPast(before: number, time: number): boolean {
  return time - before > ONE_WAY;
}

/** Of what NAT leaves alone; only packets with equal keys can be the same, and hardly any others have equal ones. */
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
 * For packets that are the same by all but their times. `passing`: it may have come from one place to the other. `late`: it may only
 * where the clocks of their files differ. `never`: it is of another day.
 */
export function compareTimes(a: WirePacket, b: WirePacket): 'passing' | 'late' | 'never' {
  const apart = Math.abs(a.time - b.time);
  if (apart <= ONE_WAY) return 'passing';
  return a.wire.file !== b.wire.file && apart <= MAX_SHIFT ? 'late' : 'never';
}

/**
 * For packets with equal keys; of times nothing is asked. Sequence numbers alone are not enough: two connections may carry the same bytes under
 * the same numbers, so something must agree that a new packet would not have: the sender's IP identification or
 * timestamp, or one end of the tuple. Datagrams have no numbers: of theirs an end must agree in any case.
 */
export function isSame(a: WirePacket, b: WirePacket): boolean {
  if (!haveSameNumbers(a, b)) return false;
  const [one, two] = [a.wire, b.wire];
  if (differ(one.ipId, two.ipId) || differ(one.timestamp, two.timestamp)) return false;
  if (differ(one.digest, two.digest)) return false;
  if (a.protocol === 'udp' && !keepsEnd(a, b)) return false;
  return isMarked(a, b) || (hasContent(a, b) && keepsEnd(a, b) && one.ttl !== two.ttl);
}

/** The sender's own marks agree: a relay's new packet would have others. */
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

/** NAT of the destination leaves the source as it is, and the other way round. */
function keepsEnd(a: WirePacket, b: WirePacket): boolean {
  return sameEndpoint(a.source, b.source) || sameEndpoint(a.destination, b.destination);
}
