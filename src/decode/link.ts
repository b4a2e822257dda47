/** Finds the network layer in a frame of any supported link type. Total: any bytes give an answer. */
import { byteAt, uint16, uint32 } from './bytes.js';
import { decodeEthertype, decodeIp } from './ip.js';
import type { Decoded, Packet } from './packet.js';

/** Link types as the capture formats number them (www.tcpdump.org/linktypes.html). */
const LINK = {
  NULL: 0,
  ETHERNET: 1,
  RAW_BSD: 12,
  RAW_OPENBSD: 14,
  RAW: 101,
  LOOP: 108,
  SLL: 113,
  IPV4: 228,
  IPV6: 229,
  SLL2: 276,
} as const;

/** Address families for IPv6 in null and loop headers: systems number it differently. */
const FAMILIES_V6 = new Set([10, 24, 28, 30]);
const ARPHRD_LOOPBACK = 772;
const PACKET_OUTGOING = 4;

/**
 * Decodes the frame from `from` to `end` of `bytes` into `packet`. `length` is its length on the wire, at least as much
 * as was captured.
 */
export function decodeFrame(
  bytes: Uint8Array,
  length: number,
  linkType: number,
  packet: Packet,
  from = 0,
  end = bytes.length,
): Decoded {
  packet.reset(bytes, end);
  const captured = end - from;
  switch (linkType) {
    case LINK.ETHERNET:
      if (captured < 14) return 'malformed';
      packet.hardwareAt = from + 6;
      return decodeEthertype(uint16(bytes, from + 12), from + 14, length - 14, packet);
    case LINK.SLL2:
      if (captured < 20) return 'malformed';
      packet.ifindex = uint32(bytes, from + 4);
      packet.loopback = uint16(bytes, from + 8) === ARPHRD_LOOPBACK;
      packet.direction = byteAt(bytes, from + 10) === PACKET_OUTGOING ? 'out' : 'in';
      if (byteAt(bytes, from + 11) === 6) packet.hardwareAt = from + 12;
      return decodeEthertype(uint16(bytes, from), from + 20, length - 20, packet);
    case LINK.SLL:
      if (captured < 16) return 'malformed';
      packet.direction = uint16(bytes, from + 0) === PACKET_OUTGOING ? 'out' : 'in';
      packet.loopback = uint16(bytes, from + 2) === ARPHRD_LOOPBACK;
      if (uint16(bytes, from + 4) === 6) packet.hardwareAt = from + 6;
      return decodeEthertype(uint16(bytes, from + 14), from + 16, length - 16, packet);
    case LINK.RAW:
    case LINK.RAW_BSD:
    case LINK.RAW_OPENBSD:
    case LINK.IPV4:
    case LINK.IPV6:
      return decodeIp(packet, from, length);
    case LINK.NULL:
    case LINK.LOOP:
      return decodeFamily(packet, from, length);
    default:
      return 'unknown-link';
  }
}

/**
 * The family is in the byte order of the capturing machine; families are small numbers, so their size tells the order.
 */
function decodeFamily(packet: Packet, from: number, length: number): Decoded {
  const { bytes, end } = packet;
  if (end - from < 4) return 'malformed';
  const big = uint32(bytes, from);
  const family = big > 0xffff ? byteAt(bytes, from) | (byteAt(bytes, from + 1) << 8) : big;
  if (family !== 2 && !FAMILIES_V6.has(family)) return 'other';
  return decodeIp(packet, from + 4, length - 4);
}
