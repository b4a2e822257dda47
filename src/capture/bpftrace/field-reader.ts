/** Reads groups of fields that several kinds of lines share: a packet, a conntrack entry, the ends of a socket. */
import { addressFromBytes, type Endpoint } from '../../model/address.js';
import type { ConntrackView, PacketFields, SocketEnds } from '../../model/event.js';
import { hex } from './line-fields.js';
import { bytesOf, bytesOfIpv4 } from './map-keys.js';

/** Number of fields of the packet part, from time to payload. */
export const PACKET_FIELDS = 17;
/** Number of fields of a conntrack entry: its address, its status, two tuples. */
export const CONNTRACK_FIELDS = 22;

/** The most addresses that are cached as text. */
const MOST_ADDRESSES = 10_000;

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
  #base: bigint | null = null;

  constructor(options: FieldReaderOptions) {
    this.#options = options;
  }

  /** Only the first BEGIN counts: times are nanoseconds since then. */
  begin(clock: bigint): void {
    this.#base ??= clock;
  }

  /** Nanoseconds since BEGIN: these stay exact in a double even when the machine has been up for long. */
  time(field: string | undefined): number {
    return Number(BigInt(`0x${field ?? ''}`) - (this.#base ?? 0n));
  }

  dropReason(code: number): string {
    return this.#options.dropReasons.get(code) ?? `reason ${code}`;
  }

  /** Reads the packet part that begins at field `at`. */
  packet(f: readonly string[], at: number): PacketPart {
    const family = f[at + 6] === '6' ? 6 : 4;
    const protocol = f[at + 5] === '11' ? ('udp' as const) : ('tcp' as const);
    const namespace = hex(f[at + 1]);
    const ifindex = hex(f[at + 2]);
    return {
      time: this.time(f[at]),
      // A packet that a socket has received has no namespace any more, and one that a socket sends has no device yet.
      namespace: namespace === 0 ? null : namespace,
      ifindex: namespace === 0 || ifindex === 0 ? null : ifindex,
      skb: f[at + 3] ?? null,
      socket: f[at + 4] === '0' ? null : (f[at + 4] ?? null),
      protocol,
      source: { address: this.#address(8, f.slice(at + 7, at + 9), family), port: hex(f[at + 9]) },
      destination: {
        address: this.#address(8, f.slice(at + 10, at + 12), family),
        port: hex(f[at + 12]),
      },
      seq: hex(f[at + 13]),
      ack: hex(f[at + 14]),
      flags: hex(f[at + 15]),
      length: hex(f[at + 16]),
    };
  }

  /** Reads the conntrack entry at field `at` of the packet whose packet part begins at `packetAt`. */
  conntrack(f: readonly string[], at: number, packetAt: number): ConntrackView {
    const family = f[packetAt + 6] === '6' ? 6 : 4;
    const end = (from: number): Endpoint => ({
      address: this.#address(4, f.slice(from, from + 4), family),
      port: hex(f[from + 4]),
    });
    return {
      id: f[at] ?? '',
      status: hex(f[at + 1]),
      original: { source: end(at + 2), destination: end(at + 7) },
      reply: { source: end(at + 12), destination: end(at + 17) },
    };
  }

  /** Reads a socket's address and both its ends from field `at` on. */
  socketEnds(f: readonly string[], at: number): SocketEnds {
    return {
      socket: f[at] ?? '',
      local: { address: this.#address(4, f.slice(at + 1, at + 5), 6), port: hex(f[at + 5]) },
      remote: { address: this.#address(4, f.slice(at + 6, at + 10), 6), port: hex(f[at + 10]) },
    };
  }

  /** Cached, since a trace has few addresses and many packets. */
  #address(wordBytes: 4 | 8, words: readonly string[], family: 4 | 6): string {
    const key = `${family}:${words.join(':')}`;
    const known = this.#addresses.get(key);
    if (known !== undefined) return known;
    const { littleEndian } = this.#options;
    const bytes = words.flatMap((word) => bytesOf(word, wordBytes, littleEndian));
    const text = addressFromBytes(
      family === 4 ? bytesOfIpv4(bytes, wordBytes, littleEndian) : bytes,
    );
    if (this.#addresses.size > MOST_ADDRESSES) this.#addresses.clear();
    this.#addresses.set(key, text);
    return text;
  }
}
