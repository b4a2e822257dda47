/** Encodes the headers of a traced packet, from its IP header on; traces keep no payload. */
import ipaddr from 'ipaddr.js';
import type { PacketFields } from '../../model/event.js';

const PROTOCOL = { tcp: 6, udp: 17 } as const;
const HEADER = { ip4: 20, ip6: 40, tcp: 20, udp: 8 } as const;
/** Values of fields that a trace does not know. The window is not 0: that would mean that the receiver is full. */
const UNKNOWN = { ttl: 64, window: 65_535 } as const;

/** The IP and the TCP or UDP header without options, and the length of the whole packet in bytes. */
export function encodeHeaders(
  packet: PacketFields,
  known: { readonly ttl?: number | undefined; readonly ipId?: number | null | undefined } = {},
): { readonly bytes: Buffer; readonly length: number } {
  const transport = packet.protocol === 'tcp' ? tcpHeader(packet) : udpHeader(packet);
  const source = bytesOf(packet.source.address);
  const destination = bytesOf(packet.destination.address);
  const ttl = known.ttl ?? UNKNOWN.ttl;
  const rest = transport.length + packet.length;
  const { protocol } = packet;
  const ip =
    source.length === 4 && destination.length === 4
      ? ip4Header({ protocol, source, destination, rest, ttl }, known.ipId ?? 0)
      : ip6Header({ protocol, source: wide(source), destination: wide(destination), rest, ttl });
  const bytes = Buffer.concat([ip, transport]);
  return { bytes, length: bytes.length + packet.length };
}

function tcpHeader({ source, destination, seq, ack, flags }: PacketFields): Buffer {
  const header = Buffer.alloc(HEADER.tcp);
  header.writeUInt16BE(source.port, 0);
  header.writeUInt16BE(destination.port, 2);
  header.writeUInt32BE(seq, 4);
  header.writeUInt32BE(ack, 8);
  header.writeUInt8((HEADER.tcp / 4) << 4, 12);
  header.writeUInt8(flags & 0xff, 13);
  header.writeUInt16BE(UNKNOWN.window, 14);
  return header;
}

function udpHeader({ source, destination, length }: PacketFields): Buffer {
  const header = Buffer.alloc(HEADER.udp);
  header.writeUInt16BE(source.port, 0);
  header.writeUInt16BE(destination.port, 2);
  header.writeUInt16BE(lengthField(HEADER.udp + length), 4);
  header.writeUInt16BE(0xffff, 6); // 0 is not allowed over IPv6
  return header;
}

/** Fields that both IP headers have. */
interface HeaderFields {
  readonly protocol: PacketFields['protocol'];
  readonly source: Buffer;
  readonly destination: Buffer;
  /** Length of what follows the header. */
  readonly rest: number;
  readonly ttl: number;
}

function ip4Header(fields: HeaderFields, id: number): Buffer {
  const { protocol, source, destination, rest, ttl } = fields;
  const header = Buffer.alloc(HEADER.ip4);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(lengthField(HEADER.ip4 + rest), 2);
  header.writeUInt16BE(id, 4);
  header.writeUInt8(ttl, 8);
  header.writeUInt8(PROTOCOL[protocol], 9);
  source.copy(header, 12);
  destination.copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ip6Header({ protocol, source, destination, rest, ttl }: HeaderFields): Buffer {
  const header = Buffer.alloc(HEADER.ip6);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(lengthField(rest), 4);
  header.writeUInt8(PROTOCOL[protocol], 6);
  header.writeUInt8(ttl, 7);
  source.copy(header, 8);
  destination.copy(header, 24);
  return header;
}

/** Joined segments may be too long for 16 bits: the field is then 0, as the kernel has it for the device. */
function lengthField(length: number): number {
  return length > 0xffff ? 0 : length;
}

/** The Internet checksum (RFC 1071) of a header of even length. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function bytesOf(address: string): Buffer {
  return Buffer.from(ipaddr.parse(address).toByteArray());
}

/** The address in 16 bytes; an IPv4 address becomes an IPv4-mapped IPv6 address. */
function wide(address: Buffer): Buffer {
  if (address.length === 16) return address;
  return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), address]);
}
