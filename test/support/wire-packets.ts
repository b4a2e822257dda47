/** Builds packets byte by byte, and writes them as capture files of every form that is read. */
import { block, numbers, section } from './pcapng-blocks.js';

export interface End {
  readonly address: string;
  readonly port: number;
}

export interface Segment {
  readonly protocol: 'tcp' | 'udp';
  readonly source: End;
  readonly destination: End;
  readonly seq?: number;
  readonly ack?: number;
  readonly flags?: number;
  readonly payload?: Buffer;
  readonly ttl?: number;
  /** IPv4 identification. */
  readonly id?: number;
  /** TCP timestamp. */
  readonly stamp?: number | null;
}

/** One packet as one device saw it. */
export interface Shot {
  /** Nanoseconds since the capture's start. */
  readonly time: number;
  readonly device: string;
  readonly way: 'in' | 'out';
  /** The sender's hardware address. */
  readonly hardware: string;
  /** From the IP header on. */
  readonly bytes: Buffer;
}

const START = 1_760_000_000;
const ARPHRD = { ETHERNET: 1, LOOPBACK: 772 } as const;
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;

const word = (value: number): number[] => [(value >> 8) & 255, value & 255];
const long = (value: number): number[] => [...word(value >>> 16), ...word(value & 0xffff)];
const bytesOf = (hardware: string): number[] =>
  hardware.split(':').map((part) => parseInt(part, 16));

function addressBytes(address: string): number[] {
  if (!address.includes(':')) return address.split('.').map(Number);
  const [left = '', right = ''] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').flatMap((group) => word(parseInt(group, 16)));
  const [before, after] = [groups(left), groups(right)];
  return [...before, ...Array<number>(16 - before.length - after.length).fill(0), ...after];
}

export function ipPacket(segment: Segment): Buffer {
  const { protocol, source, destination, payload = Buffer.alloc(0) } = segment;
  const ports = [...word(source.port), ...word(destination.port)];
  const head = protocol === 'udp' ? [...ports, ...word(8 + payload.length), 0, 0] : tcp(segment);
  const body = Buffer.concat([Buffer.from(head), payload]);
  return wrap(segment, PROTOCOL[protocol], body);
}

function tcp({
  source,
  destination,
  seq = 0,
  ack = 0,
  flags = 0,
  stamp = null,
}: Segment): number[] {
  const options = stamp === null ? [] : [1, 1, 8, 10, ...long(stamp), ...long(0)];
  return [
    ...[...word(source.port), ...word(destination.port), ...long(seq), ...long(ack)],
    ...[(5 + options.length / 4) << 4, flags, 1, 0, 0, 0, 0, 0],
    ...options,
  ];
}

function wrap(
  { source, destination, ttl = 64, id = 0 }: Pick<Segment, 'source' | 'destination' | 'ttl' | 'id'>,
  protocol: number,
  body: Buffer,
  fragment = 0x4000,
): Buffer {
  const [from, to] = [addressBytes(source.address), addressBytes(destination.address)];
  const header =
    from.length === 16
      ? [0x60, 0, 0, 0, ...word(body.length), protocol === 1 ? 58 : protocol, ttl]
      : [
          ...[0x45, 0, ...word(20 + body.length), ...word(id), ...word(fragment)],
          ttl,
          protocol,
          0,
          0,
        ];
  return Buffer.concat([Buffer.from([...header, ...from, ...to]), body]);
}

/** The error that `from` sends about a packet to its sender, with as much of it as routers quote. */
export function icmpError(from: string, type: number, code: number, about: Buffer): Buffer {
  const v6 = (about[0] ?? 0) >> 4 === 6;
  const at = v6 ? 8 : 12;
  const sender = [...about.subarray(at, at + (v6 ? 16 : 4))];
  const groups = sender.flatMap((byte, i) =>
    i % 2 === 0 ? [(byte << 8) | (sender[i + 1] ?? 0)] : [],
  );
  const to = v6 ? groups.map((group) => group.toString(16)).join(':') : sender.join('.');
  const body = Buffer.concat([
    Buffer.from([type, code, 0, 0, 0, 0, 0, 0]),
    about.subarray(0, v6 ? 80 : 48),
  ]);
  const ends = { source: { address: from, port: 0 }, destination: { address: to, port: 0 } };
  return wrap(ends, PROTOCOL.icmp, body);
}

/** An IPv4 packet in pieces, of which all but the last have `size` bytes (a multiple of eight). */
export function fragment(bytes: Buffer, size: number): Buffer[] {
  const [header, body] = [bytes.subarray(0, 20), bytes.subarray(20)];
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = Buffer.concat([header, body.subarray(at, at + size)]);
    piece.writeUInt16BE(piece.length, 2);
    piece.writeUInt16BE((at + size < body.length ? 0x2000 : 0) | (at / 8), 6);
    pieces.push(piece);
  }
  return pieces;
}

/** The same of an IPv6 packet, with a fragment header each. */
export function fragment6(bytes: Buffer, size: number, id: number): Buffer[] {
  const [header, body] = [bytes.subarray(0, 40), bytes.subarray(40)];
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const more = at + size < body.length ? 1 : 0;
    const extension = [header[6] ?? 0, 0, ...word(at | more), ...long(id)];
    const piece = Buffer.concat([header, Buffer.from(extension), body.subarray(at, at + size)]);
    piece[6] = 44;
    piece.writeUInt16BE(piece.length - 40, 4);
    pieces.push(piece);
  }
  return pieces;
}

/** The ends and the number of a tunnel. */
export interface Carrier {
  readonly kind: 'vxlan' | 'geneve' | 'gre' | 'gre-ethernet' | 'ipip';
  readonly id: number;
  readonly from: string;
  readonly to: string;
}

/** An IP packet inside a tunnel, as the outer packet. */
export function carry(inner: Buffer, { kind, id, from, to }: Carrier): Buffer {
  const ends = {
    source: { address: from, port: 50_000 },
    destination: { address: to, port: 4789 },
  };
  const type = (inner[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800;
  const frame = Buffer.concat([
    Buffer.from([2, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0, 7, ...word(type)]),
    inner,
  ]);
  const network = [(id >> 16) & 255, (id >> 8) & 255, id & 255, 0];
  switch (kind) {
    case 'vxlan': {
      const payload = Buffer.concat([Buffer.from([8, 0, 0, 0, ...network]), frame]);
      return ipPacket({ protocol: 'udp', ...ends, payload });
    }
    case 'geneve': {
      const options = [1, 2, 3, 4];
      const head = [1, 0, 0x65, 0x58, ...network, ...options];
      const destination = { address: to, port: 6081 };
      const payload = Buffer.concat([Buffer.from(head), frame]);
      return ipPacket({ protocol: 'udp', ...ends, destination, payload });
    }
    case 'gre':
      return wrap(
        ends,
        47,
        Buffer.concat([Buffer.from([0x20, 0, ...word(type), ...long(id)]), inner]),
      );
    case 'gre-ethernet':
      return wrap(
        ends,
        47,
        Buffer.concat([Buffer.from([0x20, 0, 0x65, 0x58, ...long(id)]), frame]),
      );
    case 'ipip':
      return wrap(ends, type === 0x0800 ? 4 : 41, inner);
  }
}

export const LINKS = {
  ethernet: 1,
  vlan: 1,
  qinq: 1,
  sll: 113,
  sll2: 276,
  raw: 101,
  null: 0,
} as const;

export interface Form {
  readonly format: 'pcap' | 'pcapng';
  readonly link: keyof typeof LINKS;
  readonly big: boolean;
  readonly nanoseconds: boolean;
  readonly snaplen: number;
}

export const PLAIN: Form = {
  format: 'pcap',
  link: 'sll2',
  big: false,
  nanoseconds: false,
  snaplen: 262_144,
};

export function writeCapture(shots: readonly Shot[], form: Form): Buffer {
  const names = [...new Set(shots.map(({ device }) => device))].sort();
  return form.format === 'pcap' ? writePcap(shots, names, form) : writePcapng(shots, names, form);
}

function writePcap(shots: readonly Shot[], names: readonly string[], form: Form): Buffer {
  const { big, nanoseconds, snaplen, link } = form;
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const version = big ? 0x00020004 : 0x00040002;
  const records = shots.flatMap((shot) => {
    const bytes = frameOf(shot, names, link);
    const part = Math.floor((shot.time % 1e9) / (nanoseconds ? 1 : 1000));
    const cut = bytes.subarray(0, snaplen);
    const seconds = START + Math.floor(shot.time / 1e9);
    return [numbers(big, seconds, part, cut.length, bytes.length), cut];
  });
  const header = numbers(big, magic, version, 0, 0, snaplen, LINKS[link]);
  return Buffer.concat([header, ...records]);
}

function writePcapng(shots: readonly Shot[], names: readonly string[], form: Form): Buffer {
  const { big, link, snaplen } = form;
  const option = (code: number, value: Buffer): Buffer => {
    const head = Buffer.alloc(4);
    for (const [index, number] of [code, value.length].entries()) {
      if (big) head.writeUInt16BE(number, index * 2);
      else head.writeUInt16LE(number, index * 2);
    }
    return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
  };
  const devices = names.map((name) => {
    const options = [option(2, Buffer.from(name)), option(9, Buffer.from([9]))];
    const type = big ? LINKS[link] << 16 : LINKS[link];
    return block(1, Buffer.concat([numbers(big, type, snaplen), ...options]), big);
  });
  const packets = shots.map((shot) => {
    const bytes = frameOf(shot, names, link);
    const cut = bytes.subarray(0, snaplen);
    const time = BigInt(START) * 1_000_000_000n + BigInt(shot.time);
    const words = [Number(time >> 32n), Number(time & 0xffffffffn), cut.length, bytes.length];
    const padding = Buffer.alloc((4 - (cut.length % 4)) % 4);
    const flags = option(2, numbers(big, shot.way === 'in' ? 1 : 2));
    const head = numbers(big, names.indexOf(shot.device), ...words);
    return block(6, Buffer.concat([head, cut, padding, flags]), big);
  });
  return Buffer.concat([section(big), ...devices, ...packets]);
}

function frameOf(shot: Shot, names: readonly string[], link: Form['link']): Buffer {
  const v6 = (shot.bytes[0] ?? 0) >> 4 === 6;
  const type = word(v6 ? 0x86dd : 0x0800);
  const [sender, packetType] = [bytesOf(shot.hardware), shot.way === 'out' ? 4 : 0];
  const kind = shot.device === 'lo' ? ARPHRD.LOOPBACK : ARPHRD.ETHERNET;
  const macs = [2, 0, 0, 0, 0, 99, ...sender];
  const head: Record<Form['link'], number[]> = {
    ethernet: [...macs, ...type],
    vlan: [...macs, 0x81, 0, 0, 7, ...type],
    qinq: [...macs, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, ...type],
    sll: [...word(packetType), ...word(kind), 0, 6, ...sender, 0, 0, ...type],
    sll2: [
      ...[...type, 0, 0, ...long(names.indexOf(shot.device) + 1)],
      ...[...word(kind), packetType, 6, ...sender, 0, 0],
    ],
    raw: [],
    null: [v6 ? 10 : 2, 0, 0, 0],
  };
  return Buffer.concat([Buffer.from(head[link]), shot.bytes]);
}
