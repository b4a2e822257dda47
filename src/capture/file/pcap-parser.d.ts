/** The part of pcap-parser 0.2.1 that is used; it comes without types. */
declare module 'pcap-parser' {
  /** What was pushed in, or a part of it: a PcapWindow. */
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
    /** What it puts behind the names of the methods that read numbers: `LE`, `BE`. */
    endianness: string | null;
    /** The next step of parsing; false from it waits for more input. */
    state: () => boolean;
    on(event: 'packetHeader', listener: (header: PacketHeader) => void): this;
    on(event: 'packet', listener: (packet: { header: PacketHeader; data: Part }) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  const pcapParser: { parse(input: NodeJS.ReadableStream): Parser };
  export default pcapParser;
}
