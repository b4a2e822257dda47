/** Replaces the Buffer in pcap-parser, which slices it three times per packet: here a slice is only two numbers. */

export class PcapWindow {
  readonly bytes: Buffer;
  readonly little: boolean;
  readonly from: number;
  readonly length: number;

  constructor(bytes: Buffer, little: boolean, from = 0, to = bytes.length) {
    this.bytes = bytes;
    this.little = little;
    this.from = from;
    this.length = to - from;
  }

  slice(from: number, to = this.length): PcapWindow {
    return new PcapWindow(this.bytes, this.little, this.from + from, this.from + to);
  }

  /** A view of the bytes themselves. */
  view(): Buffer {
    return this.bytes.subarray(this.from, this.from + this.length);
  }

  toString(encoding: BufferEncoding, from: number, to: number): string {
    return this.bytes.toString(encoding, this.from + from, this.from + to);
  }

  /** Reads in the byte order of the file; pcap-parser calls this when its endianness is empty. */
  readUInt32(at: number): number {
    const { bytes, from, little } = this;
    return little ? bytes.readUInt32LE(from + at) : bytes.readUInt32BE(from + at);
  }

  readUInt16LE(at: number): number {
    return this.bytes.readUInt16LE(this.from + at);
  }

  readUInt16BE(at: number): number {
    return this.bytes.readUInt16BE(this.from + at);
  }

  readUInt32LE(at: number): number {
    return this.bytes.readUInt32LE(this.from + at);
  }

  readUInt32BE(at: number): number {
    return this.bytes.readUInt32BE(this.from + at);
  }

  readInt32LE(at: number): number {
    return this.bytes.readInt32LE(this.from + at);
  }

  readInt32BE(at: number): number {
    return this.bytes.readInt32BE(this.from + at);
  }
}
