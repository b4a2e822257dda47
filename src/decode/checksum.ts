/**
 * Checks a packet's checksums: if one is wrong, its addresses and ports may be wrong too. Total: any bytes give an
 * answer.
 */
import { byteAt, uint16 } from './bytes.js';
import { IP_PROTOCOL, type Packet } from './packet.js';

/** Bytes before the addresses in the IP header, and bytes of both addresses, by IP version. */
const ADDRESSES = { 4: { before: 12, length: 8 }, 6: { before: 8, length: 32 } } as const;

/**
 * Whether a checksum is wrong. False also for packets that cannot be checked: cut off, fragmented, or without a
 * checksum. A sender that leaves the checksum to its device stores that of the pseudo header instead.
 */
export function isDamaged(packet: Packet): boolean {
  return (packet.version === 4 && hasWrongHeader(packet)) || hasWrongTransport(packet);
}

function hasWrongHeader({ bytes, sourceAt }: Packet): boolean {
  return !isSoundHeader(bytes, sourceAt - ADDRESSES[4].before);
}

/** Whether the IPv4 header at `at` has a correct checksum, or none. */
export function isSoundHeader(bytes: Uint8Array, at: number): boolean {
  if (uint16(bytes, at + 10) === 0) return true;
  const length = (byteAt(bytes, at) & 0x0f) * 4;
  return fold(add(bytes, at, at + length)) === 0xffff;
}

function hasWrongTransport(packet: Packet): boolean {
  const { bytes, end, version, protocol, sourceAt, transportAt, fragmented } = packet;
  const length = packet.payloadAt - transportAt + packet.payloadLength;
  if (fragmented || transportAt + length > end) return false;
  const stored = uint16(bytes, transportAt + (protocol === IP_PROTOCOL.TCP ? 16 : 6));
  if (stored === 0) return false;
  const addresses = ADDRESSES[version === 4 ? 4 : 6].length;
  const ends = add(bytes, sourceAt, sourceAt + addresses) + protocol;
  const pseudo = ends + (length & 0xffff) + (length >>> 16);
  // For some devices, senders leave the length out of the pseudo header's checksum.
  if (stored === fold(pseudo) || stored === fold(ends)) return false;
  return fold(pseudo + add(bytes, transportAt, transportAt + length)) !== 0xffff;
}

function add(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  let at = from;
  for (; at + 1 < to; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return at < to ? sum + (byteAt(bytes, at) << 8) : sum;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}
