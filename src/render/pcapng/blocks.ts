/** Encodes the pcapng blocks that this program writes: section, interface, packet (draft-ietf-opsawg-pcapng). */

const BLOCK = { SECTION: 0x0a0d0d0a, INTERFACE: 1, PACKET: 6 } as const;
const OPTION = {
  COMMENT: 1,
  SECTION_PROGRAM: 4,
  INTERFACE_NAME: 2,
  INTERFACE_DESCRIPTION: 3,
  INTERFACE_RESOLUTION: 9,
  PACKET_FLAGS: 2,
} as const;
const BYTE_ORDER = 0x1a2b3c4d;
/** LINKTYPE_RAW: the packet begins with its IP header. */
const RAW_IP = 101;
/** Nanoseconds: ten to the power of minus nine. */
const NANOSECONDS = 9;
/** An option's length is 16 bits. */
const MAX_OPTION = 65_535;

export function sectionBlock(program: string, comments: readonly string[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(BYTE_ORDER, 0);
  head.writeUInt16LE(1, 4);
  head.writeBigInt64LE(-1n, 8); // the section's length is not given
  return block(BLOCK.SECTION, [
    head,
    ...comments.map((comment) => option(OPTION.COMMENT, text(comment))),
    option(OPTION.SECTION_PROGRAM, text(program)),
    END_OF_OPTIONS,
  ]);
}

export function interfaceBlock(name: string, description: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(RAW_IP, 0);
  return block(BLOCK.INTERFACE, [
    head,
    option(OPTION.INTERFACE_NAME, text(name)),
    option(OPTION.INTERFACE_DESCRIPTION, text(description)),
    option(OPTION.INTERFACE_RESOLUTION, Buffer.from([NANOSECONDS])),
    END_OF_OPTIONS,
  ]);
}

export interface WrittenPacket {
  /** Index of its interface block in the section. */
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly bytes: Buffer;
  /** Bytes that it had on the device, the captured ones included. */
  readonly length: number;
  readonly direction: 'in' | 'out' | null;
  readonly comment: string;
}

export function packetBlock(packet: WrittenPacket): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(packet.interface, 0);
  head.writeUInt32LE(Number(packet.time >> 32n), 4);
  head.writeUInt32LE(Number(packet.time & 0xffffffffn), 8);
  head.writeUInt32LE(packet.bytes.length, 12);
  head.writeUInt32LE(packet.length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(packet.direction === null ? 0 : packet.direction === 'in' ? 1 : 2);
  return block(BLOCK.PACKET, [
    head,
    pad(packet.bytes),
    option(OPTION.COMMENT, text(packet.comment)),
    option(OPTION.PACKET_FLAGS, flags),
    END_OF_OPTIONS,
  ]);
}

/** Type, length, body, length again. */
function block(type: number, body: readonly Buffer[]): Buffer {
  const length = body.reduce((sum, part) => sum + part.length, 12);
  const start = Buffer.alloc(8);
  start.writeUInt32LE(type, 0);
  start.writeUInt32LE(length, 4);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(length, 0);
  return Buffer.concat([start, ...body, end]);
}

const END_OF_OPTIONS = Buffer.alloc(4);

function option(code: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, pad(value)]);
}

/** Encodes text as UTF-8, cut to the limit of an option; a cut leaves no half character. */
function text(value: string): Buffer {
  let bytes = Buffer.from(value, 'utf8');
  if (bytes.length > MAX_OPTION) bytes = Buffer.from(bytes.subarray(0, MAX_OPTION - 4).toString());
  return bytes;
}

/** Pads to a multiple of four bytes. */
function pad(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
