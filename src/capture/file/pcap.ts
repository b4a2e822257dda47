/** Reads classic pcap with pcap-parser and adds what it lacks: checks of lengths, ends and version, and nanoseconds. */
import { EventEmitter } from 'node:events';
import pcapParser, { type Parser } from 'pcap-parser';
import { Carry } from './carry.js';
import { PcapWindow } from './pcap-window.js';
import {
  emptyFrame,
  MAX_CAPTURED,
  type ChunkReader,
  type FrameSink,
  type ReadEnd,
} from './sink.js';

const HEADER = 24;
const PACKET_HEADER = 16;
const NOTHING = Buffer.alloc(0);
/** The most empty packets in a row: no program writes such packets, but a hole in a file looks like many of them. */
const MAX_EMPTY = 1_000;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;

/** True when these are the first bytes of a classic pcap file of either byte order. */
export function isPcap(start: Buffer): boolean {
  return readMagic(start) !== null;
}

interface Magic {
  readonly little: boolean;
  readonly nanoseconds: boolean;
}

function readMagic(start: Buffer): Magic | null {
  if (start.length < 4) return null;
  for (const little of [true, false]) {
    const magic = little ? start.readUInt32LE(0) : start.readUInt32BE(0);
    if (magic === MAGIC_MICROSECONDS) return { little, nanoseconds: false };
    if (magic === MAGIC_NANOSECONDS) return { little, nanoseconds: true };
  }
  return null;
}

export class PcapReader implements ChunkReader {
  readonly #sink: FrameSink;
  /** The stream that pcap-parser reads. Chunks are pushed through it one by one, so nothing piles up. */
  readonly #feed = new Feed();
  readonly #parser: Parser;
  readonly #carry = new Carry();
  #begun = false;
  #little = true;
  #problem: string | null = null;
  /** Offset of the packet header that comes next. */
  #offset = HEADER;

  constructor(sink: FrameSink) {
    this.#sink = sink;
    this.#parser = pcapParser.parse(this.#feed as unknown as NodeJS.ReadableStream);
    this.#parser.on('error', (error: Error) => this.#stop(error.message));
  }

  push(chunk: Buffer): boolean {
    const bytes = this.#carry.join(chunk);
    if (this.#begun) return this.#hand(bytes);
    if (bytes.length < HEADER) {
      this.#carry.keep(bytes);
      return true;
    }
    this.#begin(bytes);
    return this.#problem === null && this.#hand(bytes.subarray(HEADER));
  }

  end(): ReadEnd {
    if (!this.#begun && this.#problem === null) {
      const { length } = this.#carry;
      this.#stop(`the file header is cut off at byte ${length} (it has ${HEADER} bytes)`);
    }
    // Inside a packet's body, the packet header has already left the buffer.
    if (this.#problem === null && (this.#carry.length > 0 || this.#inBody)) {
      this.#stop(`the file is cut off inside the packet at byte ${this.#offset}`);
    }
    return { problem: this.#problem, notes: [], lost: 0 };
  }

  #inBody = false;

  #hand(bytes: Buffer): boolean {
    // Otherwise pcap-parser would put its own rest before the chunk with the deprecated `new Buffer`.
    this.#parser.buffer = null;
    this.#feed.emit('data', new PcapWindow(bytes, this.#little));
    this.#carry.keep(this.#rest());
    return this.#problem === null;
  }

  #rest(): Buffer {
    return this.#parser.buffer?.view() ?? NOTHING;
  }

  /** Checks the file header and passes it on in the form that pcap-parser expects. */
  #begin(start: Buffer): void {
    const magic = readMagic(start);
    if (magic === null) {
      this.#stop('this is no pcap file (byte 0)');
      return;
    }
    const { little, nanoseconds } = magic;
    const read16 = (at: number): number =>
      little ? start.readUInt16LE(at) : start.readUInt16BE(at);
    const read32 = (at: number): number =>
      little ? start.readUInt32LE(at) : start.readUInt32BE(at);
    const version = `${read16(4)}.${read16(6)}`;
    if (version !== '2.4') {
      this.#stop(`pcap version ${version} is not known (byte 4)`);
      return;
    }
    // The upper bits describe frame check sequences.
    this.#listen(read32(20) & 0xffff, nanoseconds ? 1 : 1000);
    const header = Buffer.from(start.subarray(0, HEADER));
    if (little) header.writeUInt32LE(MAGIC_MICROSECONDS, 0);
    else header.writeUInt32BE(MAGIC_MICROSECONDS, 0);
    this.#begun = true;
    this.#little = little;
    this.#feed.emit('data', new PcapWindow(header, little));
    // Otherwise pcap-parser builds four method names for every packet, which is the slowest part of reading one.
    this.#parser.endianness = '';
  }

  #listen(linkType: number, unit: number): void {
    const sink = this.#sink;
    const frame = { ...emptyFrame(), linkType, device: sink.addInterface(null) };
    let empty = 0;
    this.#parser.on('packetHeader', ({ capturedLength }) => {
      this.#inBody = true;
      empty = capturedLength === 0 ? empty + 1 : 0;
      if (capturedLength <= MAX_CAPTURED && empty <= MAX_EMPTY) return;
      this.#stop(
        empty > MAX_EMPTY
          ? `the ${MAX_EMPTY} packets before byte ${this.#offset} are without a byte`
          : `the packet at byte ${this.#offset} claims ${capturedLength} captured bytes (at most ${MAX_CAPTURED} are possible)`,
      );
      // Otherwise pcap-parser would gather input until it has that many bytes.
      this.#parser.state = () => false;
    });
    this.#parser.on('packet', ({ header, data: body }) => {
      if (this.#problem !== null) return;
      this.#inBody = false;
      this.#offset += PACKET_HEADER + body.length;
      const { timestampSeconds, timestampMicroseconds, originalLength } = header;
      frame.bytes = body.bytes;
      frame.from = body.from;
      frame.to = body.from + body.length;
      frame.length = Math.max(originalLength, body.length);
      frame.seconds = timestampSeconds;
      frame.nanoseconds = timestampMicroseconds * unit;
      sink.takeFrame(frame);
    });
  }

  #stop(problem: string): void {
    this.#problem ??= problem;
  }
}

/** pause and resume do nothing here: a push returns only when its chunk has been processed. */
class Feed extends EventEmitter {
  pause(): this {
    return this;
  }
  resume(): this {
    return this;
  }
}
