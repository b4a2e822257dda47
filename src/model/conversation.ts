/** The types for what a capture shows of a pair of endpoints apart from packets: who began, and the bytes each way. */
import type { Endpoint } from './address.js';
import type { CounterEvent, Protocol } from './event.js';
import type { PacketTable } from './packet-table.js';

export type { WireFacts } from './wire-facts.js';

/** How many bytes of a stream's beginning are hashed. */
export const STREAM_START = 16;

/** How many bytes of a stream's beginning are kept. */
export const STREAM_HEAD = 512;

/** Nanoseconds of silence after which a packet of a TCP connection that has ended is a stray. */
export const LINGER = 2_000_000_000;

/** The bytes of one direction of a conversation, put in order. */
export interface ByteStream {
  readonly from: Endpoint;
  readonly packets: number;
  /** Payload bytes, each counted once (TCP), or of all datagrams at the device that saw most (UDP). */
  readonly length: number;
  /** The first bytes, as far as `known`. */
  readonly head: Uint8Array;
  /** Hash of the first `STREAM_START` bytes; null where not all of them were captured. */
  readonly start: number | null;
  /** 1 where `head` holds a byte that was captured; null where it holds no other. */
  readonly known: Uint8Array | null;
  /** Hash of all `length` bytes; null when the capture lacks some of them. */
  readonly digest: number | null;
  /** Some sent bytes were not captured: they were acknowledged, or later ones were seen. */
  readonly lost: boolean;
  /** How often bytes that the other side has not acknowledged were sent again since the last progress. */
  readonly repeats: number;
  /** Time of the first and last payload; null without any. */
  readonly firstData: number | null;
  readonly lastData: number | null;
}

/** A tunnel that packets went through; `from` and `to` are the addresses of its ends. */
export interface TunnelPassed {
  readonly kind: 'vxlan' | 'geneve' | 'gre' | 'ipip';
  /** VXLAN's and Geneve's network, GRE's key; null without one. */
  readonly id: number | null;
  /** The UDP port that the outer packets go to; null of GRE and IP in IP. */
  readonly port: number | null;
  readonly from: string;
  readonly to: string;
}

/** One use of a pair of endpoints in one file. `streams[0]` is sent by `streams[0].from`. */
export interface Conversation {
  readonly id: number;
  readonly file: number;
  readonly protocol: Protocol;
  /** Which of the streams is the client's; null when the capture began in the middle and does not show it. */
  readonly client: 0 | 1 | null;
  /** Sequence numbers of SYN and SYN+ACK; null when not seen. */
  readonly syn: number | null;
  readonly synAck: number | null;
  /** Times of the first SYN, of the packet that completed the handshake, of the first and last packet. */
  readonly synTime: number | null;
  readonly established: number | null;
  /** The client acknowledged the handshake. */
  readonly completed: boolean;
  readonly first: number;
  readonly last: number;
  /** A FIN or RST was seen. */
  readonly closed: boolean;
  /** Whether nothing that comes at that time or later belongs to it; nanoseconds since the epoch. */
  isOverAt(time: number): boolean;
  readonly streams: readonly [ByteStream, ByteStream];
  /** Tunnels that it was found in, the outermost first, as the first stream goes through them; null without any. */
  readonly via: readonly TunnelPassed[] | null;
  /** Packets that were counted but not kept. */
  readonly hasCounters: boolean;
  readonly counters: readonly CounterEvent[];
}

/** An ICMP error about a packet of a conversation. */
export interface IcmpError {
  readonly time: number;
  readonly file: number;
  readonly from: string;
  readonly protocol: Protocol;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly message: IcmpMessage;
}

/** The numbers of an ICMP or ICMPv6 message. */
export interface IcmpMessage {
  /** 4 or 6, of IP. */
  readonly version: number;
  readonly type: number;
  readonly code: number;
}

/** How the clock of a further file was set to the first one's: nanoseconds as text, null when nothing was shared. */
export interface ClockShift {
  readonly file: string;
  readonly shift: string | null;
  readonly packets: number;
}

/** Most nanoseconds that clocks may differ: the width of all time zones. Files farther apart are of another day. */
export const MAX_SHIFT = 14 * 3600e9;

/** What a file could have shown of any connection. */
export interface CaptureWitness {
  /** The file contains pure acknowledgements, which a filter may leave out. */
  readonly acks: boolean;
  /** Time of its last packet. */
  readonly until: number;
  /** It lacks bytes that were acknowledged, or was cut off, or its program reports losses. */
  readonly lossy: boolean;
}

/** Everything of a capture that is not an event. */
export interface CaptureFacts {
  /** The packets that were kept; the trace's events are made of them. */
  readonly packets: PacketTable;
  readonly files: readonly string[];
  /** By file. */
  readonly witnesses: readonly CaptureWitness[];
  /** Of the second file and those after it; absent with one file. */
  readonly clocks?: readonly ClockShift[] | undefined;
  readonly conversations: readonly Conversation[];
  readonly errors: readonly IcmpError[];
  /** How many conversations were left out because there were too many. */
  readonly omitted: number;
}
