/** Reassembles the payload of one TCP direction while it is read: its first bytes, its length, and a hash of all. */
import type { Endpoint } from '../../model/address.js';
import { STREAM_HEAD as HEAD, STREAM_START, type ByteStream } from '../../model/conversation.js';
import { DIGEST_START, digestBytes } from './digest.js';
import { BytePool } from './pool.js';

/** Segments and bytes that may wait for an earlier one. */
const MAX_WAITING = 32;
const MAX_WAITING_BYTES = 262_144;
/** Nanoseconds after which a repeated segment is a retransmission; sooner, another device saw the same packet. */
const SENT_AGAIN = 150_000_000;
/** Distance beyond which a sequence number is taken for a leftover of another connection. */
const TOO_FAR = 0x40000000;

const NOTHING = new Uint8Array(0);

/**
 * There are two per connection, so the fields are compact: sequence numbers and hashes are signed 32-bit integers, and
 * missing times are NaN.
 */
export class Assembler implements ByteStream {
  readonly from: Endpoint;
  readonly #datagrams: boolean;
  readonly #pool: BytePool;
  packets = 0;
  /** Payload bytes of datagrams. */
  datagramBytes = 0;
  #firstData = NaN;
  #lastData = NaN;
  /** Sequence number of the first byte, once anything was seen. */
  #base = 0;
  #based = false;
  /** Number of bytes in order so far, and the end of the furthest segment. */
  #next = 0;
  #furthest = 0;
  #digest = DIGEST_START | 0;
  #whole = true;
  /** Where the pool keeps the head, how many bytes fit there, and how many are filled. */
  #address = 0;
  #room = 0;
  #headLength = 0;
  #head: Uint8Array | null = null;
  /** Hash of the first bytes; -1 while it was not asked for. */
  #start = -1;
  /** Null while the head has no hole. */
  #known: Uint8Array | null = null;
  /** Null while nothing waits, as nearly always. */
  #waiting: { at: number; bytes: Uint8Array }[] | null = null;
  #waitingBytes = 0;
  /** The other side's first and highest acknowledgement; valid once `#acknowledged` is true. */
  #firstAck = 0;
  #lastAck = 0;
  #acknowledged = false;
  /** Bytes are missing before others that were seen. */
  #gap = false;
  /** The last retransmission: its position, its time, and how many there were; null while there is none. */
  #again: { at: number; time: number; count: number } | null = null;

  constructor(from: Endpoint, datagrams: boolean, pool: BytePool) {
    this.from = from;
    this.#datagrams = datagrams;
    this.#pool = pool;
  }

  get length(): number {
    return this.#datagrams ? this.datagramBytes : this.#furthest;
  }

  get head(): Uint8Array {
    if (this.#headLength === 0) return NOTHING;
    const at = BytePool.offsetOf(this.#address);
    return (this.#head ??= this.#pool.slabOf(this.#address).subarray(at, at + this.#headLength));
  }

  get start(): number | null {
    if (this.#headLength < STREAM_START || this.#known !== null) return null;
    if (this.#start < 0) {
      const slab = this.#pool.slabOf(this.#address);
      const at = BytePool.offsetOf(this.#address);
      this.#start = digestBytes(slab, at, at + STREAM_START, DIGEST_START);
    }
    return this.#start;
  }

  get known(): Uint8Array | null {
    return this.#known;
  }

  get digest(): number | null {
    const all = this.#whole && this.#next === this.#furthest && !this.#datagrams;
    return all ? this.#digest >>> 0 : null;
  }

  /** A FIN takes a sequence number as well, so one more than the bytes may be acknowledged. */
  get lost(): boolean {
    if (this.#gap || this.#waiting !== null) return true;
    if (!this.#acknowledged) return false;
    const seen = this.#based ? this.#furthest : 0;
    return ((this.#lastAck - (this.#based ? this.#base : this.#firstAck)) | 0) - seen > 1;
  }

  get repeats(): number {
    return this.#again?.count ?? 0;
  }

  get firstData(): number | null {
    return Number.isNaN(this.#firstData) ? null : this.#firstData;
  }

  get lastData(): number | null {
    return Number.isNaN(this.#lastData) ? null : this.#lastData;
  }

  /** Takes the SYN's sequence number: the stream begins one after it. */
  begin(syn: number): void {
    if (!this.#based) this.#setBase(syn + 1);
  }

  /** Takes an acknowledgement of the other side. */
  acknowledge(ack: number): void {
    if (!this.#acknowledged) {
      this.#acknowledged = true;
      this.#firstAck = ack | 0;
      this.#lastAck = ack | 0;
    } else if (((ack - this.#lastAck) | 0) > 0) this.#lastAck = ack | 0;
    else return;
    if (this.#again !== null && this.#hasAcknowledged(this.#again.at)) this.#again = null;
  }

  /** Whether the other side has the byte at this position. */
  #hasAcknowledged(position: number): boolean {
    return this.#acknowledged && ((this.#lastAck - this.#base - position) | 0) > 0;
  }

  /** Counts a retransmission. A single byte is none: it probes whether the other side is alive. */
  #repeat(position: number, length: number, time: number): void {
    if (length === 1 || this.#hasAcknowledged(position + length - 1)) return;
    const again = this.#again;
    if (time - (again?.time ?? this.#lastData) < SENT_AGAIN) return;
    this.#again = { at: position, time, count: (again?.count ?? 0) + 1 };
  }

  /** Records the time of a datagram. */
  mark(time: number): void {
    if (Number.isNaN(this.#firstData)) this.#firstData = time;
    this.#lastData = time;
  }

  /** Takes a payload of `length` bytes, of which `captured` are in `frame` from `at` on. */
  take(
    seq: number,
    frame: Uint8Array,
    at: number,
    captured: number,
    length: number,
    time: number,
  ): void {
    if (!this.#based) this.#setBase(seq);
    const position = this.#next + ((seq - this.#base - this.#next) | 0);
    const end = position + length;
    if (position < 0 || position - this.#next > TOO_FAR) return;
    if (Number.isNaN(this.#firstData)) this.#firstData = time;
    if (end > this.#furthest) {
      this.#furthest = end;
      this.#lastData = time;
      this.#again = null;
    } else this.#repeat(position, length, time);
    if (end <= this.#next) return; // seen before, at another device or sent again
    if (position < HEAD) this.#keepHead(frame, at, captured, position);
    if (position > this.#next) {
      this.#wait(frame, at, captured, length, position);
      return;
    }
    this.#append(frame, at, captured, length, position);
    if (this.#waiting !== null) this.#resume(this.#waiting);
  }

  /**
   * Whether a reset with this sequence number ends the stream: it directly follows what was seen, or it is the number
   * that the other side expects.
   */
  endsAt(seq: number): boolean {
    const behind = this.#based ? (seq - this.#base - this.#furthest) | 0 : -1;
    return behind === 0 || behind === 1 || (this.#acknowledged && this.#lastAck === (seq | 0));
  }

  /** Returns the memory of the first bytes to the pool. The stream is not used after this. */
  release(): void {
    if (this.#room > 0) this.#pool.giveBack(this.#address, this.#room);
    this.#room = 0;
    this.#headLength = 0;
    this.#head = null;
    this.#waiting = null;
  }

  /** Shifts the times to another clock. */
  shiftTimes(nanoseconds: number): void {
    this.#firstData += nanoseconds;
    this.#lastData += nanoseconds;
    if (this.#again !== null) this.#again.time += nanoseconds;
  }

  #setBase(seq: number): void {
    this.#base = seq | 0;
    this.#based = true;
  }

  #append(frame: Uint8Array, at: number, captured: number, length: number, position: number): void {
    const skip = this.#next - position;
    if (captured < length) this.#whole = false;
    else if (this.#whole)
      this.#digest = digestBytes(frame, at + skip, at + length, this.#digest) | 0;
    this.#next = position + length;
  }

  /** Keeps an out-of-order segment. When too many wait, the gap is given up. */
  #wait(frame: Uint8Array, at: number, captured: number, length: number, position: number): void {
    const waiting = (this.#waiting ??= []);
    const room = waiting.length < MAX_WAITING && this.#waitingBytes + length <= MAX_WAITING_BYTES;
    if (!this.#whole || captured < length || !room) {
      this.#gap = true;
      this.#whole = false;
      this.#waiting = null;
      this.#waitingBytes = 0;
      this.#next = position + length;
      return;
    }
    if (waiting.some((segment) => segment.at === position)) return;
    waiting.push({ at: position, bytes: frame.slice(at, at + length) });
    this.#waitingBytes += length;
  }

  #resume(waiting: { at: number; bytes: Uint8Array }[]): void {
    while (waiting.length > 0) {
      const index = waiting.findIndex((segment) => segment.at <= this.#next);
      const [segment] = index < 0 ? [] : waiting.splice(index, 1);
      if (segment === undefined) return;
      const { at, bytes } = segment;
      this.#waitingBytes -= bytes.length;
      if (at + bytes.length > this.#next) this.#append(bytes, 0, bytes.length, bytes.length, at);
    }
    this.#waiting = null;
  }

  #keepHead(frame: Uint8Array, at: number, captured: number, position: number): void {
    const end = Math.min(position + captured, HEAD);
    if (end <= position) return;
    const before = this.#headLength;
    // From here on there is a hole.
    if (position > before) this.#known ??= new Uint8Array(HEAD).fill(1, 0, before);
    if (end > this.#room) this.#widen(end);
    if (position < STREAM_START) this.#start = -1;
    const slab = this.#pool.slabOf(this.#address);
    const start = BytePool.offsetOf(this.#address);
    if (position > before) slab.fill(0, start + before, start + position);
    if (before < end) {
      this.#headLength = end;
      this.#head = null;
    }
    slab.set(frame.subarray(at, at + end - position), start + position);
    this.#known?.fill(1, position, end);
  }

  #widen(length: number): void {
    const pool = this.#pool;
    const size = BytePool.sizeFor(length);
    const address = pool.take(size);
    if (this.#room > 0) {
      pool.slabOf(address).set(this.head, BytePool.offsetOf(address));
      pool.giveBack(this.#address, this.#room);
    }
    this.#address = address;
    this.#room = size;
  }
}
