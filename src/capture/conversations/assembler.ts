/** Puts the payload of one TCP direction in order while it is read: its first bytes, its length, and a hash of all. */
import type { Endpoint } from '../../model/address.js';
import type { ByteStream } from '../../model/conversation.js';
import { DIGEST_START, digestBytes } from './digest.js';

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

export class Assembler {
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
  #head: Uint8Array = NOTHING;
  /** Null while the head has no hole. */
  #known: Uint8Array | null = null;
  #waiting: { at: number; bytes: Uint8Array }[] = [];
  #waitingBytes = 0;
  /** What the other side acknowledged first and last. */
  #firstAck = -1;
  #lastAck = -1;
  /** Bytes before others that were seen never came. */
  #gap = false;

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

  describe(from: Endpoint, datagrams: boolean): ByteStream {
    return {
      from,
      packets: this.packets,
      length: datagrams ? this.datagramBytes : this.#furthest,
      head: this.#head,
      known: this.#known ?? ALL.subarray(0, this.#head.length),
      digest: this.#whole && this.#next === this.#furthest && !datagrams ? this.#digest : null,
      firstData: this.firstData,
      lastData: this.lastData,
      lost: this.#isLost(),
    };
  }

  /** A FIN takes a number as well, so that one more than the bytes may be acknowledged. */
  #isLost(): boolean {
    if (this.#gap || this.#waiting.length > 0) return true;
    if (this.#lastAck < 0) return false;
    const seen = this.#base === null ? 0 : this.#furthest;
    return ((this.#lastAck - (this.#base ?? this.#firstAck)) | 0) - seen > 1;
  }

  #append(frame: Uint8Array, at: number, captured: number, length: number, position: number): void {
    const skip = this.#next - position;
    if (captured < length) this.#whole = false;
    else if (this.#whole) this.#digest = digestBytes(frame, at + skip, at + length, this.#digest);
    this.#next = position + length;
  }

  /** Keeps a segment that came before its turn; with too many of them the gap is given up. */
  #wait(frame: Uint8Array, at: number, captured: number, length: number, position: number): void {
    const room =
      this.#waiting.length < MAX_WAITING && this.#waitingBytes + length <= MAX_WAITING_BYTES;
    if (!this.#whole || captured < length || !room) {
      this.#gap = true;
      this.#whole = false;
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#next = position + length;
      return;
    }
    if (this.#waiting.some((segment) => segment.at === position)) return;
    this.#waiting.push({ at: position, bytes: frame.slice(at, at + length) });
    this.#waitingBytes += length;
  }

  #resume(): void {
    while (this.#waiting.length > 0) {
      const index = this.#waiting.findIndex((segment) => segment.at <= this.#next);
      const [segment] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (segment === undefined) return;
      const { at, bytes } = segment;
      this.#waitingBytes -= bytes.length;
      if (at + bytes.length > this.#next) this.#append(bytes, 0, bytes.length, bytes.length, at);
    }
  }

  #keepHead(frame: Uint8Array, at: number, captured: number, position: number): void {
    const end = Math.min(position + captured, HEAD);
    if (end <= position) return;
    const before = this.#head.length;
    // Before it is made larger: from here on there is a hole.
    if (position > before) this.#known ??= new Uint8Array(HEAD).fill(1, 0, before);
    if (before < end) {
      const head = new Uint8Array(end);
      head.set(this.#head);
      this.#head = head;
    }
    this.#head.set(frame.subarray(at, at + end - position), position);
    this.#known?.fill(1, position, end);
  }
}
