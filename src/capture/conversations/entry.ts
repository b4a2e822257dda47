/** The state of one conversation while its capture is read: its ends, its streams, and tallies of its packets. */
import { LINGER, type Conversation } from '../../model/conversation.js';
import type { Endpoint } from '../../model/address.js';
import { CAPTURE_PLACE } from '../../model/captured-packet.js';
import { TCP, type CounterEvent, type Protocol } from '../../model/event.js';
import type { Packet } from '../../decode/packet.js';
import { Assembler } from './assembler.js';
import type { Spent } from './budget.js';
import type { BytePool } from './pool.js';

const SYN_ACK = TCP.SYN | TCP.ACK;
/** Nanoseconds of silence after which the next datagrams of the same ends form another conversation. */
const UDP_IDLE = 90_000_000_000;
/** Nanoseconds of silence after which a connection attempt was given up: a SYN is retransmitted for so long. */
export const ATTEMPT = 127_000_000_000;

/** Packets of one direction at one device. */
export interface DeviceTally {
  readonly device: number;
  readonly way: 0 | 1;
  readonly direction: 'in' | 'out';
  packets: number;
  /** Of those, packets and bytes that were not kept. */
  counted: number;
  countedBytes: number;
  bytes: number;
  /** Its number as an event. */
  id: number;
  /** The next tally of the conversation; most conversations have two. */
  readonly next: DeviceTally | null;
}

function isNext(before: number | null, number: number): boolean {
  return before !== null && (before + 1) >>> 0 === number;
}

export class Entry implements Conversation, Spent {
  /** The record of its ends in the table's index. */
  pair = -1;
  turns = 0;
  #passages: DeviceTally | null = null;
  readonly streams: readonly [Assembler, Assembler];
  first: number;
  client: 0 | 1 | null = null;
  syn: number | null = null;
  synAck: number | null = null;
  synTime: number | null = null;
  established: number | null = null;
  completed = false;
  via: Conversation['via'] = null;
  closed = false;
  last: number;
  /** Which of its streams have sent a FIN, one bit each. */
  #fins = 0;
  #reset = false;

  constructor(
    readonly id: number,
    readonly protocol: Protocol,
    readonly ends: readonly [Endpoint, Endpoint],
    readonly file: number,
    begun: number,
    pool: BytePool,
  ) {
    this.first = begun;
    this.last = begun;
    const datagrams = protocol === 'udp';
    this.streams = [
      new Assembler(ends[0], datagrams, pool),
      new Assembler(ends[1], datagrams, pool),
    ];
  }

  /** Whether the packet begins another conversation: a SYN whose number is not the one that began this one. */
  isOver(packet: Packet, way: 0 | 1): boolean {
    if ((packet.flags & SYN_ACK) !== TCP.SYN) return false;
    if (this.syn === null) return this.closed || this.streams[way].packets > 0;
    if (this.client !== way) return !this.#isCrossing(packet.seq, way);
    return this.syn !== packet.seq;
  }

  take(packet: Packet, way: 0 | 1, time: number): void {
    const stream = this.streams[way];
    stream.packets += 1;
    this.last = Math.max(this.last, time);
    const { payloadLength: length, flags, seq } = packet;
    if (this.protocol === 'udp') {
      this.client ??= way;
      stream.mark(time);
      return;
    }
    if ((flags & TCP.SYN) !== 0) this.#shake(packet, way, time);
    else if (this.established === null && length === 0 && this.client === way) {
      // Any other packet of the client may be a later one, with the ACK of the handshake lost.
      if (isNext(this.syn, seq) && isNext(this.synAck, packet.ack)) this.established = time;
    }
    if (!this.completed && (flags & (SYN_ACK | TCP.RST)) === TCP.ACK) this.#complete(packet, way);
    if ((flags & (TCP.FIN | TCP.RST)) !== 0) this.#close(packet, way);
    if ((flags & (TCP.ACK | TCP.RST)) === TCP.ACK) {
      this.streams[way === 0 ? 1 : 0].acknowledge(packet.ack);
    }
    if (length > 0 && (flags & TCP.RST) === 0) {
      const first = (flags & TCP.SYN) !== 0 ? (seq + 1) >>> 0 : seq;
      stream.take(first, packet.bytes, packet.payloadAt, packet.payloadCaptured, length, time);
    }
  }

  /** Whether both sides have sent a FIN, or one has reset the connection. */
  get ended(): boolean {
    return this.#reset || this.#fins === 3;
  }

  /** Whether packets from that time on no longer belong to it, except for strays. */
  isOverAt(time: number): boolean {
    const silent = time - this.last;
    if (this.protocol === 'udp') return silent > UDP_IDLE;
    if (this.ended) return silent > LINGER;
    return !this.completed && silent > ATTEMPT;
  }

  passageOf(device: number, way: 0 | 1, direction: 'in' | 'out'): DeviceTally {
    for (let one = this.#passages; one !== null; one = one.next) {
      if (one.device === device && one.way === way && one.direction === direction) return one;
    }
    // Written out: a spread would store the object in two parts, and there are very many of them.
    const passage: DeviceTally = {
      device,
      way,
      direction,
      packets: 0,
      counted: 0,
      countedBytes: 0,
      bytes: 0,
      id: 0,
      next: this.#passages,
    };
    this.#passages = passage;
    return passage;
  }

  #close(packet: Packet, way: 0 | 1): void {
    const { flags, seq, ack } = packet;
    this.closed = true;
    if ((flags & TCP.RST) === 0) {
      this.#fins |= way === 0 ? 1 : 2;
      return;
    }
    const refuses =
      this.client !== way &&
      this.syn !== null &&
      ack === (this.syn + 1) >>> 0 &&
      this.synAck === null;
    this.#reset ||= refuses || this.streams[way].endsAt(seq);
  }

  /** Frees the memory of the streams. The conversation is not used after this. */
  release(): void {
    for (const stream of this.streams) stream.release();
  }

  /** Shifts its times to another clock. */
  shiftTimes(nanoseconds: number): void {
    const move = (time: number | null): number | null =>
      time === null ? null : time + nanoseconds;
    this.synTime = move(this.synTime);
    this.established = move(this.established);
    this.first += nanoseconds;
    this.last += nanoseconds;
    for (const stream of this.streams) stream.shiftTimes(nanoseconds);
  }

  /** Numbers the counters of packets that were not kept, from `first` on; returns the next free number. */
  numberCounters(first: number): number {
    const counted: DeviceTally[] = [];
    for (let one = this.#passages; one !== null; one = one.next) {
      if (one.counted > 0) counted.push(one);
    }
    // The latest tally comes first in the list.
    for (const [index, passage] of counted.entries())
      passage.id = first + counted.length - 1 - index;
    return first + counted.length;
  }

  /** Counts of the packets that were not kept, as events at the conversation's end. */
  get counters(): CounterEvent[] {
    const counters: CounterEvent[] = [];
    for (let one = this.#passages; one !== null; one = one.next) {
      if (one.counted === 0) continue;
      counters.push({
        kind: 'counter',
        id: one.id,
        time: this.last,
        namespace: CAPTURE_PLACE,
        ifindex: one.device,
        direction: one.direction,
        protocol: this.protocol,
        source: this.ends[one.way],
        destination: this.ends[one.way === 0 ? 1 : 0],
        packets: one.counted,
        bytes: one.countedBytes,
        conversation: this.id,
      });
    }
    return counters;
  }

  get hasCounters(): boolean {
    for (let one = this.#passages; one !== null; one = one.next) if (one.counted > 0) return true;
    return false;
  }

  /**
   * Recognizes packets that only follow a handshake: the client acknowledges the SYN-ACK, or the server sends data or a
   * FIN or acknowledges data.
   */
  #complete({ ack, payloadLength: length, flags }: Packet, way: 0 | 1): void {
    if (this.client === way) {
      this.completed = this.synAck === null || ((ack - this.synAck) | 0) > 0;
      return;
    }
    const heard = this.syn !== null && ((ack - this.syn) | 0) > 1;
    this.completed = length > 0 || (flags & TCP.FIN) !== 0 || heard;
  }

  /** Whether both ends open at once (RFC 9293, 3.5): then the other side's SYN, its first packet, is its consent. */
  #isCrossing(seq: number, way: 0 | 1): boolean {
    if (this.synAck !== null) return this.synAck === seq;
    return this.streams[way].packets === 0 && !this.closed;
  }

  #shake({ flags, seq }: Packet, way: 0 | 1, time: number): void {
    this.streams[way].begin(seq);
    if (this.syn !== null && this.client !== null) {
      if (way !== this.client) this.synAck ??= seq;
      return;
    }
    if ((flags & TCP.ACK) === 0) {
      this.client = way;
      this.syn ??= seq;
      this.synTime ??= time;
    } else {
      this.client ??= way === 0 ? 1 : 0;
      this.synAck ??= seq;
    }
  }
}
