/** Reads sections, interfaces, packets and comments of pcapng from chunks of any size (draft-ietf-opsawg-pcapng). */
import { Carry } from './carry.js';
import { readOptions } from './pcapng-options.js';
import { Timestamps } from './pcapng-time.js';
import {
  emptyFrame,
  MAX_CAPTURED,
  type ChunkReader,
  type FrameSink,
  type ReadEnd,
} from './sink.js';

const BLOCK = {
  SECTION: 0x0a0d0d0a,
  INTERFACE: 1,
  PACKET_OLD: 2,
  SIMPLE: 3,
  STATISTICS: 5,
  ENHANCED: 6,
} as const;
const BYTE_ORDER = 0x1a2b3c4d;
/** Bytes; no program writes larger blocks, so a larger length is damaged. */
const MAX_BLOCK = 4 * 1024 * 1024;
const MAX_COMMENTS = 20;
const OPTION = {
  COMMENT: 1,
  IF_NAME: 2,
  PACKET_FLAGS: 2,
  IF_DROP: 5,
  IF_TSRESOL: 9,
  IF_TSOFFSET: 14,
};
const OF_INTERFACES = [OPTION.IF_NAME, OPTION.IF_TSRESOL, OPTION.IF_TSOFFSET];
const OF_PACKETS = [OPTION.PACKET_FLAGS];
const OF_STATISTICS = [OPTION.IF_DROP];
const COMMENTS = [OPTION.COMMENT];

interface Interface {
  readonly device: number;
  readonly linkType: number;
  readonly snapLength: number;
  readonly clock: Timestamps;
}

export function isPcapng(start: Buffer): boolean {
  return start.length >= 4 && start.readUInt32BE(0) === BLOCK.SECTION;
}

export class PcapngReader implements ChunkReader {
  readonly #sink: FrameSink;
  readonly #carry = new Carry();
  /** Bytes that must be available before the next attempt to read a block. */
  #wanted = 12;
  #offset = 0;
  #little = true;
  #interfaces: Interface[] = [];
  #problem: string | null = null;
  readonly #comments: string[] = [];
  readonly #skipped = new Map<number, number>();
  #lost = 0;
  /** Reused for every packet, so a packet without a timestamp keeps that of the previous packet. */
  readonly #frame = emptyFrame();

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): boolean {
    const bytes = this.#carry.join(chunk);
    const used = bytes.length < this.#wanted ? 0 : this.#readBlocks(bytes);
    this.#carry.keep(bytes.subarray(used));
    return this.#problem === null;
  }

  end(): ReadEnd {
    if (this.#problem === null && (this.#carry.length > 0 || this.#offset === 0)) {
      this.#problem = `the file is cut off inside the block at byte ${this.#offset}`;
    }
    const notes = this.#comments.map((comment) => `comment in the capture: ${comment}`);
    for (const [type, count] of this.#skipped) {
      notes.push(
        `${count} block${count === 1 ? '' : 's'} of type 0x${type.toString(16)} skipped: not known`,
      );
    }
    return { problem: this.#problem, notes, lost: this.#lost };
  }

  /** Reads every complete block and returns how many bytes they had. */
  #readBlocks(bytes: Buffer): number {
    let at = 0;
    while (this.#problem === null) {
      this.#wanted = 12;
      if (bytes.length - at < 12) return at;
      if (bytes.readUInt32BE(at) === BLOCK.SECTION && !this.#findByteOrder(bytes, at)) return at;
      const length = this.#read32(bytes, at + 4);
      if (length < 12 || length % 4 !== 0 || length > MAX_BLOCK) {
        this.#problem = `the block at byte ${this.#offset} claims a length of ${length} bytes`;
        return at;
      }
      this.#wanted = length;
      if (bytes.length - at < length) return at;
      if (this.#read32(bytes, at + length - 4) !== length) {
        this.#problem = `the block at byte ${this.#offset} has two different lengths`;
        return at;
      }
      const type = this.#read32(bytes, at);
      // Nearly all blocks are packets, and those need no view of their own.
      if (type === BLOCK.ENHANCED) {
        this.#readPacket(
          bytes,
          at + 8,
          at + length - 4,
          length < 32 ? -1 : this.#read32(bytes, at + 8),
        );
      } else this.#readBlock(type, bytes.subarray(at + 8, at + length - 4));
      at += length;
      this.#offset += length;
    }
    return at;
  }

  /** The magic after the first length gives the byte order of this section. */
  #findByteOrder(bytes: Buffer, at: number): boolean {
    if (bytes.readUInt32LE(at + 8) === BYTE_ORDER) this.#little = true;
    else if (bytes.readUInt32BE(at + 8) === BYTE_ORDER) this.#little = false;
    else this.#problem = `the section at byte ${this.#offset} has no byte-order magic`;
    return this.#problem === null;
  }

  #read32(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }

  #read16(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  #readBlock(type: number, body: Buffer): void {
    switch (type) {
      case BLOCK.SECTION:
        if (body.length < 16) {
          this.#short();
          return;
        }
        this.#interfaces = [];
        if (this.#read16(body, 4) !== 1) {
          this.#problem = `the section at byte ${this.#offset} has version ${this.#read16(body, 4)}, only 1 is known`;
          return;
        }
        this.#keepComments(body.subarray(16));
        return;
      case BLOCK.INTERFACE: {
        this.#addInterface(body);
        return;
      }
      case BLOCK.PACKET_OLD: {
        this.#readPacket(body, 0, body.length, body.length < 20 ? -1 : this.#read16(body, 0));
        return;
      }
      case BLOCK.SIMPLE: {
        this.#readSimple(body);
        return;
      }
      case BLOCK.STATISTICS:
        if (body.length < 12) {
          this.#short();
          return;
        }
        for (const [, value] of readOptions(body.subarray(12), this.#little, OF_STATISTICS)) {
          if (value.length === 8) {
            const [low, high] = this.#little ? [0, 4] : [4, 0];
            this.#lost += this.#read32(value, high) * 2 ** 32 + this.#read32(value, low);
          }
        }
        return;
      default:
        this.#skipped.set(type, (this.#skipped.get(type) ?? 0) + 1);
    }
  }

  #addInterface(body: Buffer): void {
    if (body.length < 8) {
      this.#short();
      return;
    }
    let name: string | null = null;
    let resolution = 6;
    let offset = 0n;
    for (const [code, value] of readOptions(body.subarray(8), this.#little, OF_INTERFACES)) {
      if (code === OPTION.IF_NAME) name = value.toString('utf8').replace(/\0.*$/s, '') || null;
      if (code === OPTION.IF_TSRESOL) resolution = value[0] ?? 6;
      if (code === OPTION.IF_TSOFFSET && value.length === 8) {
        offset = this.#little ? value.readBigInt64LE(0) : value.readBigInt64BE(0);
      }
    }
    this.#keepComments(body.subarray(8));
    this.#interfaces.push({
      device: this.#sink.addInterface(name),
      linkType: this.#read16(body, 0),
      snapLength: this.#read32(body, 4) || MAX_CAPTURED,
      clock: new Timestamps(resolution, offset),
    });
  }

  /** Reads an enhanced packet block, or the obsolete packet block: only their first fields differ. */
  #readPacket(bytes: Buffer, at: number, end: number, index: number): void {
    const from = this.#interfaces[index];
    if (index < 0) {
      this.#short();
      return;
    }
    const captured = this.#read32(bytes, at + 12);
    if (captured > MAX_CAPTURED || at + 20 + captured > end) {
      this.#problem = `the packet at byte ${this.#offset} claims ${captured} captured bytes`;
      return;
    }
    if (from === undefined) {
      this.#problem = `the packet at byte ${this.#offset} is of interface ${index}, which is not described`;
      return;
    }
    const optionsAt = at + 20 + Math.ceil(captured / 4) * 4;
    let direction: 'in' | 'out' | null = null;
    if (optionsAt < end) {
      const options = bytes.subarray(optionsAt, end);
      this.#keepComments(options);
      direction = this.#readDirection(options);
    }
    const frame = this.#frame;
    from.clock.convert(this.#read32(bytes, at + 4), this.#read32(bytes, at + 8), frame);
    frame.direction = direction;
    const length = Math.max(this.#read32(bytes, at + 16), captured);
    this.#hand(bytes, at + 20, captured, length, from);
  }

  #readDirection(options: Buffer): 'in' | 'out' | null {
    for (const [, value] of readOptions(options, this.#little, OF_PACKETS)) {
      if (value.length !== 4) continue;
      const bits = this.#read32(value, 0) & 3;
      return bits === 1 ? 'in' : bits === 2 ? 'out' : null;
    }
    return null;
  }

  /** A simple packet block has no timestamp: it gets that of the previous packet. */
  #readSimple(body: Buffer): void {
    const from = this.#interfaces[0];
    if (body.length < 4) {
      this.#short();
      return;
    }
    if (from === undefined) {
      this.#problem = `the packet at byte ${this.#offset} is of an interface that is not described`;
      return;
    }
    const length = this.#read32(body, 0);
    const captured = Math.min(length, from.snapLength, body.length - 4);
    this.#frame.direction = null;
    this.#hand(body, 4, captured, length, from);
  }

  #hand(
    bytes: Buffer,
    at: number,
    captured: number,
    length: number,
    { linkType, device }: Interface,
  ): void {
    const frame = this.#frame;
    frame.bytes = bytes;
    frame.from = at;
    frame.to = at + captured;
    frame.length = length;
    frame.linkType = linkType;
    frame.device = device;
    this.#sink.takeFrame(frame);
  }

  #keepComments(options: Buffer): void {
    if (this.#comments.length >= MAX_COMMENTS) return;
    for (const [, value] of readOptions(options, this.#little, COMMENTS)) {
      if (this.#comments.length >= MAX_COMMENTS) return;
      this.#comments.push(value.toString('utf8').slice(0, 500));
    }
  }

  #short(): void {
    this.#problem = `the block at byte ${this.#offset} is too short for its kind`;
  }
}
