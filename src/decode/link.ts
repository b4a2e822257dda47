/** Link layers: finds the network layer in a frame, whatever carried it. Total: any bytes give an answer. */
import { byteAt, uint16, uint32 } from './bytes.js';
import { decodeIp } from './ip.js';
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

const ETHERTYPE = { IPV4: 0x0800, IPV6: 0x86dd } as const;
/** 802.1Q, 802.1ad (QinQ) and the numbers that were used before it. */
const VLAN = new Set([0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]);
/** More tags than any network has; a frame with more is malformed. */
const MAX_TAGS = 8;
/** Address families of the null and loop headers: the same families have different numbers on different systems. */
const FAMILIES_V6 = new Set([10, 24, 28, 30]);
const ARPHRD_LOOPBACK = 772;
const PACKET_OUTGOING = 4;

/**
 * Decodes a frame into `packet`. `length` is what the frame had on the wire, at least as much as was captured.
 */
export function decodeFrame(
  frame: Uint8Array,
  length: number,
  linkType: number,
  packet: Packet,
): Decoded {
  packet.reset(frame);
  switch (linkType) {
    case LINK.ETHERNET:
      if (frame.length < 14) return 'malformed';
      packet.hardwareAt = 6;
      return decodeEthertype(uint16(frame, 12), 14, length, packet);
    case LINK.SLL2:
      if (frame.length < 20) return 'malformed';
      packet.ifindex = uint32(frame, 4);
      packet.loopback = uint16(frame, 8) === ARPHRD_LOOPBACK;
      packet.direction = byteAt(frame, 10) === PACKET_OUTGOING ? 'out' : 'in';
      if (byteAt(frame, 11) === 6) packet.hardwareAt = 12;
      return decodeEthertype(uint16(frame, 0), 20, length, packet);
    case LINK.SLL:
      if (frame.length < 16) return 'malformed';
      packet.direction = uint16(frame, 0) === PACKET_OUTGOING ? 'out' : 'in';
      packet.loopback = uint16(frame, 2) === ARPHRD_LOOPBACK;
      if (uint16(frame, 4) === 6) packet.hardwareAt = 6;
      return decodeEthertype(uint16(frame, 14), 16, length, packet);
    case LINK.RAW:
    case LINK.RAW_BSD:
    case LINK.RAW_OPENBSD:
    case LINK.IPV4:
    case LINK.IPV6:
      return decodeIp(packet, 0, length);
    case LINK.NULL:
    case LINK.LOOP:
      return decodeFamily(packet, length);
    default:
      return 'unknown-link';
  }
}

function decodeEthertype(type: number, at: number, length: number, packet: Packet): Decoded {
  const { frame } = packet;
  let next = type;
  let offset = at;
  for (let tags = 0; VLAN.has(next); tags++) {
    if (tags === MAX_TAGS || offset + 4 > frame.length) return 'malformed';
    next = uint16(frame, offset + 2);
    offset += 4;
  }
  if (next !== ETHERTYPE.IPV4 && next !== ETHERTYPE.IPV6) return 'other';
  return decodeIp(packet, offset, length - offset);
}

/** The family stands in the byte order of the machine that captured; families are small, so both can be tried. */
function decodeFamily(packet: Packet, length: number): Decoded {
  const { frame } = packet;
  if (frame.length < 4) return 'malformed';
  const big = uint32(frame, 0);
  const family = big > 0xffff ? byteAt(frame, 0) | (byteAt(frame, 1) << 8) : big;
  if (family !== 2 && !FAMILIES_V6.has(family)) return 'other';
  return decodeIp(packet, 4, length - 4);
}
