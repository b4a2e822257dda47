/** The network layer and what it carries. Total: any bytes give an answer. */
import { byteAt, uint16 } from './bytes.js';
import { decodeIcmp } from './icmp.js';
import { readNetwork } from './network.js';
import { IP_PROTOCOL, type Decoded, type Packet } from './packet.js';
import { decodeTcp, decodeUdp } from './transport.js';

/** Decodes the IP packet that begins at `at`; `length` is what there was of it on the wire. */
export function decodeIp(packet: Packet, at: number, length: number): Decoded {
  const { bytes, end } = packet;
  const network = readNetwork(bytes, at, end, length, packet);
  if (network === null) return 'malformed';
  const version = packet.version;
  packet.ttl = byteAt(bytes, version === 4 ? at + 8 : at + 7);
  if (version === 4) packet.ipId = uint16(bytes, at + 4);
  packet.fragmented = network.first;
  if (network.later) return 'fragment';
  switch (network.next) {
    case IP_PROTOCOL.TCP:
      return decodeTcp(packet, network.at, network.length);
    case IP_PROTOCOL.UDP:
      return decodeUdp(packet, network.at, network.length);
    case IP_PROTOCOL.ICMP:
    case IP_PROTOCOL.ICMPV6:
      return decodeIcmp(packet, network.at, network.next === IP_PROTOCOL.ICMPV6);
    default:
      return 'other';
  }
}
