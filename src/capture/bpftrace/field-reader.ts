/** Reads groups of fields that several kinds of lines share: a packet, a conntrack entry, the ends of a socket. */
import { addressFromBytes, type Endpoint } from '../../model/address.js';
import type { ConntrackView, OuterEvent, PacketFields, SocketEnds } from '../../model/event.js';
import { hex, highHalf, lowHalf, portsOf } from './line-fields.js';
import { bytesOf, bytesOfIpv4 } from './map-keys.js';

/** Number of fields of the packet part, from time to sequence numbers. */
export const PACKET_FIELDS = 11;
/** Number of fields of a conntrack entry: its address, its status, four addresses, four ports. */
export const CONNTRACK_FIELDS = 11;
/** Number of fields of a tunnel: two addresses, and a word with family, kind and number of the network. */
export const TUNNEL_FIELDS = 5;
/** Number of fields of a socket: its address, both ends' addresses, ports. */
export const SOCKET_FIELDS = 6;

/** The kinds of tunnels that the probes tell, by the number that they give them. */
const TUNNELS_BY_NUMBER: readonly (OuterEvent['tunnel']['kind'] | undefined)[] = [
  undefined,
  'vxlan',
  'geneve',
];

/** IPPROTO_UDP; the probes report no other protocol than this and TCP. */
const UDP = 17;

/** The most addresses that are cached as text, and ends and entries that are shared between events. */
const MOST_ADDRESSES = 10_000;
const MOST_SHARED = 10_000;

const WORD = 2 ** 32;

export interface FieldReaderOptions {
  /** Drop reasons of this kernel by number. */
  readonly dropReasons: ReadonlyMap<number, string>;
  readonly littleEndian: boolean;
}

/** The packet part of a line. */
export interface PacketPart extends PacketFields {
  readonly time: number;
  readonly namespace: number | null;
  readonly ifindex: number | null;
  readonly skb: string | null;
  readonly socket: string | null;
}

export class FieldReader {
  readonly #options: FieldReaderOptions;
  readonly #addresses = new Map<string, string>();
  readonly #endpoints = new Map<string, Map<number, Endpoint>>();
  #endpointCount = 0;
  /** Conntrack entries by their text: the packets of a connection carry the same one. */
  readonly #entries = new Map<string, ConntrackView>();
  /** The clock at BEGIN, in two halves. */
  #base: readonly [high: number, low: number] | null = null;

  constructor(options: FieldReaderOptions) {
    this.#options = options;
  }

  /** Only the first BEGIN counts: times are nanoseconds since then. */
  begin(clock: bigint): void {
    this.#base ??= [Number(clock >> 32n), Number(clock & 0xffffffffn)];
  }

  /** Nanoseconds since BEGIN: these stay exact in a double even when the machine has been up for long. */
  time(field: string | undefined): number {
    const [high, low] = this.#base ?? [0, 0];
    return (highHalf(field) - high) * WORD + (lowHalf(field) - low);
  }

  dropReason(code: number): string {
    return this.#options.dropReasons.get(code) ?? `reason ${code}`;
  }

  /** Reads the packet part that begins at field `at`. */
  packet(f: readonly string[], at: number): PacketPart {
    const what = lowHalf(f[at + 4]);
    const family = familyOf(what);
    const namespace = highHalf(f[at + 1]);
    const ifindex = lowHalf(f[at + 1]);
    const [sport, dport] = portsOf(f[at + 9]);
    return {
      time: this.time(f[at]),
      // A packet that a socket has received has no namespace any more, and one that a socket sends has no device yet.
      namespace: namespace === 0 ? null : namespace,
      ifindex: namespace === 0 || ifindex === 0 ? null : ifindex,
      skb: f[at + 2] ?? null,
      socket: f[at + 3] === '0' ? null : (f[at + 3] ?? null),
      protocol: (what & 0xff) === UDP ? 'udp' : 'tcp',
      source: this.#endpoint(this.#address(8, family, f[at + 5], f[at + 6]), sport),
      destination: this.#endpoint(this.#address(8, family, f[at + 7], f[at + 8]), dport),
      seq: highHalf(f[at + 10]),
      ack: lowHalf(f[at + 10]),
      flags: (what >>> 16) & 0xff,
      // The three lowest bytes are flags, family and protocol.
      length: hex(f[at + 4]?.slice(0, -6) || '0'),
    };
  }

  /** Reads the conntrack entry at field `at` of the packet whose packet part begins at `packetAt`. */
  conntrack(f: readonly string[], at: number, packetAt: number): ConntrackView {
    const family = familyOf(lowHalf(f[packetAt + 4]));
    const key = `${family} ${f.slice(at, at + CONNTRACK_FIELDS).join(' ')}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry = this.#readEntry(f, at, family);
    if (this.#entries.size >= MOST_SHARED) this.#entries.clear();
    this.#entries.set(key, entry);
    return entry;
  }

  #readEntry(f: readonly string[], at: number, family: 4 | 6): ConntrackView {
    const end = (from: number, port: number): Endpoint =>
      this.#endpoint(this.#address(4, family, f[from], f[from + 1]), port);
    const ports = (f[at + 10] ?? '').padStart(16, '0');
    const [from, to] = portsOf(ports.slice(0, 8));
    const [replyFrom, replyTo] = portsOf(ports.slice(8));
    return {
      id: f[at] ?? '',
      status: hex(f[at + 1]),
      original: { source: end(at + 2, from), destination: end(at + 4, to) },
      reply: { source: end(at + 6, replyFrom), destination: end(at + 8, replyTo) },
    };
  }

  /** Reads the tunnel at field `at`; null for an unknown kind. */
  tunnel(f: readonly string[], at: number): OuterEvent['tunnel'] | null {
    const what = highHalf(f[at + 4]);
    const kind = TUNNELS_BY_NUMBER[what & 0xff];
    if (kind === undefined) return null;
    const address = (from: number): string =>
      this.#address(8, familyOf(what), f[from], f[from + 1]);
    return { kind, id: lowHalf(f[at + 4]), from: address(at), to: address(at + 2) };
  }

  /** Reads a socket's address and both its ends from field `at` on. */
  socketEnds(f: readonly string[], at: number): SocketEnds {
    const [local, remote] = portsOf(f[at + 5]);
    return {
      socket: f[at] ?? '',
      local: this.#endpoint(this.#address(4, 6, f[at + 1], f[at + 2]), local),
      remote: this.#endpoint(this.#address(4, 6, f[at + 3], f[at + 4]), remote),
    };
  }

  /** The same object for the same end: a connection's many events then hold few. */
  #endpoint(address: string, port: number): Endpoint {
    const known = this.#endpoints.get(address)?.get(port);
    if (known !== undefined) return known;
    const endpoint = { address, port };
    if (this.#endpointCount >= MOST_SHARED) {
      this.#endpoints.clear();
      this.#endpointCount = 0;
    }
    this.#endpointCount += 1;
    const ports = this.#endpoints.get(address);
    if (ports) ports.set(port, endpoint);
    else this.#endpoints.set(address, new Map([[port, endpoint]]));
    return endpoint;
  }

  /**
   * Reads the two words of an address: each holds `wordBytes` bytes as memory does, or, with 4, two such words, the
   * first in its lower half. Cached, since a trace has few addresses and many packets.
   */
  #address(wordBytes: 4 | 8, family: 4 | 6, first = '', second = ''): string {
    const key = `${family}:${first}:${second}`;
    const known = this.#addresses.get(key);
    if (known !== undefined) return known;
    const { littleEndian } = this.#options;
    const words = [first, second];
    const parts = wordBytes === 8 ? words : words.flatMap(halvesOf);
    const bytes = parts.flatMap((word) => bytesOf(word, wordBytes, littleEndian));
    const text = addressFromBytes(
      family === 4 ? bytesOfIpv4(bytes, wordBytes, littleEndian) : bytes,
    );
    if (this.#addresses.size > MOST_ADDRESSES) this.#addresses.clear();
    this.#addresses.set(key, text);
    return text;
  }
}

/** The address family in the word that holds length, flags, family and protocol. */
function familyOf(what: number): 4 | 6 {
  return ((what >>> 8) & 0xff) === 6 ? 6 : 4;
}

function halvesOf(word: string): [low: string, high: string] {
  return [word.slice(-8), word.slice(0, -8)];
}
