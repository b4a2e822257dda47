/** Decodes ICMP and ICMPv6 errors, with the packet that they are about. Total: any bytes give an answer. */
import { byteAt, uint16 } from './bytes.js';
import { readNetwork } from './network.js';
import { IP_PROTOCOL, type Decoded, type Packet } from './packet.js';

/** Destination unreachable, source quench, redirect, time exceeded, parameter problem. */
const ERRORS_V4 = new Set([3, 4, 5, 11, 12]);
/** Types below 128 are errors (RFC 4443). */
const FIRST_INFORMATION_V6 = 128;

export function decodeIcmp(packet: Packet, at: number, v6: boolean): Decoded {
  const { bytes, end, about } = packet;
  if (at + 8 > end) return 'malformed';
  packet.icmpType = byteAt(bytes, at);
  packet.icmpCode = byteAt(bytes, at + 1);
  const isError = v6 ? packet.icmpType < FIRST_INFORMATION_V6 : ERRORS_V4.has(packet.icmpType);
  if (!isError) return 'other';
  const inner = at + 8;
  const network = readNetwork(bytes, inner, end, end - inner, about);
  if (network === null || network.later) return 'other';
  const hasPorts = about.protocol === IP_PROTOCOL.TCP || about.protocol === IP_PROTOCOL.UDP;
  if (!hasPorts || network.at + 4 > end) return 'other';
  about.sourcePort = uint16(bytes, network.at);
  about.destinationPort = uint16(bytes, network.at + 2);
  return 'error';
}
