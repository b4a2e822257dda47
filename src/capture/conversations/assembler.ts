/** Puts the payload of one TCP direction in order while it is read: its first bytes, its length, and a hash of all. */
import type { Endpoint } from '../../model/address.js';
import type { ByteStream } from '../../model/conversation.js';
import { DIGEST_START, digestBytes } from './digest.js';
import type { BytePool } from './pool.js';

/** Bytes kept of the beginning of a stream. */
const HEAD = 512;
/** Segments and bytes that may wait for an earlier one. */
const MAX_WAITING = 32;
const MAX_WAITING_BYTES = 262_144;
/** Distance at which a sequence number is taken for another connection's leftover. */
const TOO_FAR = 0x40000000;

const NOTHING = new Uint8Array(0);
/** What is known of a beginning without a hole, as nearly all are: one for all of them. */
const ALL = new Uint8Array(HEAD).fill(1);

export class Assembler implements ByteStream {
  readonly from: Endpoint;
  packets = 0;
  /** Payload bytes of datagrams. */
  datagramBytes = 0;
  firstData: number | null = null;
  lastData: number | null = null;
  /** Sequence number of the first byte; null before anything was seen. */
  #base: number | null = null;
  /** Bytes in order so far, and the end of the furthest. */
  #next = 0;
  #furthest = 0;
  #digest = DIGEST_START;
  #whole = true;
  readonly #pool: BytePool;
  readonly #datagrams: boolean;
  /** The first `#headLength` bytes of it are of the stream. */
  #room: Uint8Array = NOTHING;
  #headLength = 0;
  #head: Uint8Array | null = null;
  /** Null while the head has no hole. */
  #known: Uint8Array | null = null;
  /** Null while nothing waits, as nearly always. */
  #waiting: { at: number; bytes: Uint8Array }[] | null = null;
  #waitingBytes = 0;
  /** What the other side acknowledged first and last. */
  #firstAck = -1;
  #lastAck = -1;
  /** Bytes before others that were seen never came. */
  #gap = false;

  constructor(from: Endpoint, datagrams: boolean, pool: BytePool) {
    this.from = from;
    this.#datagrams = datagrams;
    this.#pool = pool;
  }

  get length(): number {
    return this.#datagrams ? this.datagramBytes : this.#furthest;
  }

  get head(): Uint8Array {
    return (this.#head ??= this.#room.subarray(0, this.#headLength));
  }

  get known(): Uint8Array {
    return this.#known ?? ALL.subarray(0, this.#headLength);
  }

  get digest(): number | null {
    const all = this.#whole && this.#next === this.#furthest && !this.#datagrams;
    return all ? this.#digest : null;
  }

  /** A FIN takes a number as well, so that one more than the bytes may be acknowledged. */
  get lost(): boolean {
    if (this.#gap || this.#waiting !== null) return true;
    if (this.#lastAck < 0) return false;
    const seen = this.#base === null ? 0 : this.#furthest;
    return ((this.#lastAck - (this.#base ?? this.#firstAck)) | 0) - seen > 1;
  }

  /** The SYN's number: the stream begins one behind it. */
  begin(syn: number): void {
    this.#base ??= (syn + 1) >>> 0;
  }

  /** The other side's acknowledgement. */
  acknowledge(ack: number): void {
    if (this.#firstAck < 0) this.#firstAck = ack;
    if (this.#lastAck < 0 || ((ack - this.#lastAck) | 0) > 0) this.#lastAck = ack;
  }

  /** Payload of `length` bytes, of which `captured` stand in `frame` from `at` on. */
  take(
    seq: number,
    frame: Uint8Array,
    at: number,
    captured: number,
    length: number,
    time: number,
  ): void {
    this.#base ??= seq;
    const position = this.#next + ((seq - this.#base - this.#next) | 0);
    const end = position + length;
    if (position < 0 || position - this.#next > TOO_FAR) return;
    this.firstData ??= time;
    if (end > this.#furthest) {
      this.#furthest = end;
      this.lastData = time;
    }
    if (end <= this.#next) return; // seen before, at another device or sent again
    if (position < HEAD) this.#keepHead(frame, at, captured, position);
    if (position > this.#next) {
      this.#wait(frame, at, captured, length, position);
      return;
    }
    this.#append(frame, at, captured, length, position);
    this.#resume();
  }

  /** Sets the times to another clock. */
  shiftTimes(nanoseconds: number): void {
    if (this.firstData !== null) this.firstData += nanoseconds;
    if (this.lastData !== null) this.lastData += nanoseconds;
  }

  #append(frame: Uint8Array, at: number, captured: number, length: number, position: number): void {
    const skip = this.#next - position;
    if (captured < length) this.#whole = false;
    else if (this.#whole) this.#digest = digestBytes(frame, at + skip, at + length, this.#digest);
    this.#next = position + length;
  }

  /** Keeps a segment that came before its turn; with too many of them the gap is given up. */
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

  #resume(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    for (;;) {
      const index = waiting.findIndex((segment) => segment.at <= this.#next);
      const [segment] = index < 0 ? [] : waiting.splice(index, 1);
      if (segment === undefined) break;
      const { at, bytes } = segment;
      this.#waitingBytes -= bytes.length;
      if (at + bytes.length > this.#next) this.#append(bytes, 0, bytes.length, bytes.length, at);
    }
    if (waiting.length === 0) this.#waiting = null;
  }

  #keepHead(frame: Uint8Array, at: number, captured: number, position: number): void {
    const end = Math.min(position + captured, HEAD);
    if (end <= position) return;
    const before = this.#headLength;
    if (position > before) {
      // From here on there is a hole, and what the room held before is none of this stream's.
      this.#known ??= new Uint8Array(HEAD).fill(1, 0, before);
    }
    if (end > this.#room.length) this.#widen(end);
    if (position > before) this.#room.fill(0, before, position);
    if (before < end) {
      this.#headLength = end;
      this.#head = null;
    }
    for (let i = position; i < end; i++) this.#room[i] = frame[at + i - position] ?? 0;
    this.#known?.fill(1, position, end);
  }

  #widen(length: number): void {
    const room = this.#pool.take(length);
    room.set(this.#room.subarray(0, this.#headLength));
    if (this.#room.length > 0) this.#pool.giveBack(this.#room);
    this.#room = room;
  }
}
