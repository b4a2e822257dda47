/** Declares the part of pcap-parser 0.2.1 that is used; the package has no types. */
declare module 'pcap-parser' {
  /** The input or a part of it: a PcapWindow. */
  export interface Part {
    readonly bytes: Buffer;
    readonly from: number;
    readonly length: number;
    view(): Buffer;
  }

  export interface PacketHeader {
    timestampSeconds: number;
    timestampMicroseconds: number;
    capturedLength: number;
    originalLength: number;
  }

  export interface Parser {
    /** What is left of the input so far. */
    buffer: Part | null;
    /** The suffix of the number-reading methods that it calls: `LE` or `BE`. */
    endianness: string | null;
    /** The next step of parsing; it returns false to wait for more input. */
    state: () => boolean;
    on(event: 'packetHeader', listener: (header: PacketHeader) => void): this;
    on(event: 'packet', listener: (packet: { header: PacketHeader; data: Part }) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  const pcapParser: { parse(input: NodeJS.ReadableStream): Parser };
  export default pcapParser;
}
