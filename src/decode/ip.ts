/** Decodes the network layer, its payload, and packets inside tunnels. Total: any bytes give an answer. */
import { byteAt, uint16 } from './bytes.js';
import { decodeIcmp } from './icmp.js';
import { readNetwork } from './network.js';
import { IP_PROTOCOL, type Decoded, type Packet } from './packet.js';
import { decodeTcp, decodeUdp } from './transport.js';
import { ETHERNET, readDatagram, readGre, type Inner } from './tunnels.js';

const ETHERTYPE = { IPV4: 0x0800, IPV6: 0x86dd } as const;
/** 802.1Q, 802.1ad (QinQ), and the numbers that were used for QinQ before it. */
const VLAN = new Set([0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]);
/** More tags than any network has; a frame with more is malformed. */
const MAX_TAGS = 8;
/** Most nested tunnels that are decoded. */
const MAX_TUNNELS = 4;
const ETHERNET_HEADER = 14;

/** Decodes what follows an Ethertype, at `at`, with `length` bytes on the wire. */
export function decodeEthertype(type: number, at: number, length: number, packet: Packet): Decoded {
  const { bytes, end } = packet;
  let next = type;
  let offset = at;
  for (let tags = 0; VLAN.has(next); tags++) {
    if (tags === MAX_TAGS || offset + 4 > end) return 'malformed';
    next = uint16(bytes, offset + 2);
    offset += 4;
  }
  if (next !== ETHERTYPE.IPV4 && next !== ETHERTYPE.IPV6) return 'other';
  return decodeIp(packet, offset, length - (offset - at));
}

/** Decodes the IP packet at `at`; `length` is its length on the wire. */
export function decodeIp(packet: Packet, at: number, length: number): Decoded {
  const network = readNetwork(packet.bytes, at, packet.end, length, packet);
  if (network === null) return 'malformed';
  readHeader(packet, at);
  packet.fragmented = network.first;
  packet.piece = network.piece;
  if (network.later) return 'fragment';
  switch (network.next) {
    case IP_PROTOCOL.TCP:
      return decodeTcp(packet, network.at, network.length);
    case IP_PROTOCOL.UDP: {
      const decoded = decodeUdp(packet, network.at, network.length);
      if (decoded !== 'ok' || packet.fragmented) return decoded;
      const { bytes, payloadAt, destinationPort, end, hardwareAt } = packet;
      const inner = readDatagram(bytes, destinationPort, payloadAt, end);
      if (inner === null) return 'ok';
      const inside = enter(packet, inner, network.at + network.length - inner.at);
      if (inside !== null && inside !== 'malformed') return inside;
      // Not a tunnel: something else uses this port.
      packet.leaveTunnel(at);
      packet.hardwareAt = hardwareAt;
      readNetwork(bytes, at, end, length, packet);
      readHeader(packet, at);
      return decodeUdp(packet, network.at, network.length);
    }
    case IP_PROTOCOL.ICMP:
    case IP_PROTOCOL.ICMPV6:
      return decodeIcmp(packet, network.at, network.next === IP_PROTOCOL.ICMPV6);
    case IP_PROTOCOL.GRE: {
      const inner = packet.fragmented ? null : readGre(packet.bytes, network.at, packet.end);
      const rest = inner === null ? 0 : network.length - (inner.at - network.at);
      return (inner === null ? null : enter(packet, inner, rest)) ?? 'other';
    }
    case IP_PROTOCOL.IPV4:
    case IP_PROTOCOL.IPV6: {
      if (packet.fragmented) return 'other';
      const type = network.next === IP_PROTOCOL.IPV4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6;
      const inner: Inner = { kind: 'ipip', id: null, at: network.at, type };
      return enter(packet, inner, network.length) ?? 'other';
    }
    default:
      return 'other';
  }
}

function readHeader(packet: Packet, at: number): void {
  const { bytes, version } = packet;
  packet.ttl = byteAt(bytes, version === 4 ? at + 8 : at + 7);
  packet.ipId = version === 4 ? uint16(bytes, at + 4) : -1;
  packet.networkAt = at;
}

/** Decodes the packet inside the tunnel; null where tunnels are nested too deeply. */
function enter(packet: Packet, { kind, id, at, type }: Inner, length: number): Decoded | null {
  const { bytes, end, tunnels } = packet;
  if (tunnels.length === MAX_TUNNELS) return null;
  const { version, sourceAt, destinationAt, networkAt, destinationPort } = packet;
  const port = kind === 'vxlan' || kind === 'geneve' ? destinationPort : null;
  tunnels.push({ kind, id, port, version, sourceAt, destinationAt, networkAt });
  if (type !== ETHERNET) return decodeEthertype(type, at, length, packet);
  if (at + ETHERNET_HEADER > end) return 'malformed';
  packet.hardwareAt = at + 6;
  const inside = at + ETHERNET_HEADER;
  return decodeEthertype(uint16(bytes, at + 12), inside, length - ETHERNET_HEADER, packet);
}
