/** Large captures for the benchmark, the same bytes every time: requests and answers of many TCP connections, interleaved. */
import { closeSync, openSync, writeSync } from 'node:fs';

export interface Shape {
  readonly format: 'pcap' | 'pcapng';
  readonly packets: number;
  /** Packets per connection, handshake and end included; 1 makes every packet a connection of its own. */
  readonly each: number;
}

/** Of a hundred connections, one goes to the rare port. */
export const PORTS = { common: 8080, rare: 6379 } as const;
/** Connections that are open at the same time, where there are as many. */
const OPEN = 500;
const BATCH = 1 << 20;
const START = 1_760_000_000;
const REQUEST = 100;
const ANSWER = 500;
const HEADERS = 66;
const MAX_RECORD = 32 + HEADERS + ANSWER + 4;
const FLAG = { FIN: 0x11, SYN: 0x02, SYN_ACK: 0x12, ACK: 0x10, PUSH: 0x18 } as const;

interface Connection {
  readonly index: number;
  step: number;
  /** Bytes sent by client and server. */
  readonly sent: [number, number];
}

interface Segment {
  readonly way: 0 | 1;
  readonly flags: number;
  readonly length: number;
}

/** Handshake, then request, answer and acknowledgement over and over, then both ends' FIN. */
function segmentAt(step: number, each: number): Segment {
  if (step === 0) return { way: 0, flags: FLAG.SYN, length: 0 };
  if (step === 1) return { way: 1, flags: FLAG.SYN_ACK, length: 0 };
  if (step === 2) return { way: 0, flags: FLAG.ACK, length: 0 };
  if (step >= each - 2) return { way: step === each - 2 ? 0 : 1, flags: FLAG.FIN, length: 0 };
  if (step % 3 === 0) return { way: 0, flags: FLAG.PUSH, length: REQUEST };
  if (step % 3 === 1) return { way: 1, flags: FLAG.PUSH, length: ANSWER };
  return { way: 0, flags: FLAG.ACK, length: 0 };
}

/** Writes the capture; the file is overwritten. */
export function makeCapture(file: string, { format, packets, each }: Shape): void {
  const out = openSync(file, 'w');
  const batch = Buffer.alloc(BATCH + MAX_RECORD, 'trace-flow ');
  let at = format === 'pcap' ? startPcap(batch) : startPcapng(batch);
  const open: Connection[] = [];
  let begun = 0;
  const slots = Math.min(OPEN, Math.ceil(packets / each));
  const begin = (): Connection => ({ index: begun++, step: 0, sent: [0, 0] });
  for (let number = 0; number < packets; number++) {
    const slot = number % slots;
    const current = open[slot];
    const connection = current && current.step < each ? current : begin();
    open[slot] = connection;
    const segment = segmentAt(connection.step, each);
    at = writeRecord(batch, at, format, HEADERS + segment.length, number);
    writeFrame(batch, at, connection, segment);
    connection.step += 1;
    at += HEADERS + segment.length;
    if (format === 'pcapng') at = endBlock(batch, at, HEADERS + segment.length);
    if (at < BATCH) continue;
    writeSync(out, batch, 0, at);
    at = 0;
  }
  writeSync(out, batch, 0, at);
  closeSync(out);
}

function startPcap(batch: Buffer): number {
  [0xa1b2c3d4, 0x00040002, 0, 0, 262_144, 1].forEach((word, i) => batch.writeUInt32LE(word, i * 4));
  return 24;
}

/** A section, and an Ethernet interface with microseconds. */
function startPcapng(batch: Buffer): number {
  const words = [0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28, 1, 20, 1, 262_144, 20];
  words.forEach((word, i) => batch.writeUInt32LE(word, i * 4));
  return words.length * 4;
}

/** The record's header; a packet every ten microseconds. */
function writeRecord(
  batch: Buffer,
  at: number,
  format: Shape['format'],
  length: number,
  number: number,
): number {
  const seconds = START + Math.floor(number / 100_000);
  const microseconds = (number % 100_000) * 10;
  if (format === 'pcap') {
    [seconds, microseconds, length, length].forEach((word, i) =>
      batch.writeUInt32LE(word, at + i * 4),
    );
    return at + 16;
  }
  const time = seconds * 1_000_000 + microseconds;
  const size = 32 + Math.ceil(length / 4) * 4;
  [6, size, 0, Math.floor(time / 2 ** 32), time % 2 ** 32, length, length].forEach((word, i) =>
    batch.writeUInt32LE(word, at + i * 4),
  );
  return at + 28;
}

function endBlock(batch: Buffer, at: number, length: number): number {
  const padded = Math.ceil(length / 4) * 4;
  batch.fill(0, at, at + padded - length);
  return batch.writeUInt32LE(32 + padded, at + padded - length);
}

/** Ethernet, IPv4, TCP with timestamps; the payload is whatever the batch holds there. */
function writeFrame(batch: Buffer, at: number, connection: Connection, segment: Segment): void {
  const { index, sent } = connection;
  const { way, flags, length } = segment;
  const client = 0x0a010000 + (index >>> 15);
  const clientPort = 20_000 + (index & 0x7fff);
  const serverPort = index % 100 === 0 ? PORTS.rare : PORTS.common;
  const server = 0x0a000001 + (index % 16);
  batch.writeUIntBE(0x020000000001, at, 6);
  batch.writeUIntBE(0x020000000002, at + 6, 6);
  batch.writeUInt16BE(0x0800, at + 12);
  const ip = at + 14;
  batch.writeUInt32BE(0x45000000 + 52 + length, ip);
  batch.writeUInt32BE((((index * 7 + connection.step) & 0xffff) << 16) >>> 0, ip + 4);
  batch.writeUInt32BE(0x40060000, ip + 8);
  batch.writeUInt32BE(way === 0 ? client : server, ip + 12);
  batch.writeUInt32BE(way === 0 ? server : client, ip + 16);
  const tcp = ip + 20;
  batch.writeUInt16BE(way === 0 ? clientPort : serverPort, tcp);
  batch.writeUInt16BE(way === 0 ? serverPort : clientPort, tcp + 2);
  const base = (which: 0 | 1): number => Math.imul(index + 1, 2_654_435_761 + which) >>> 0;
  batch.writeUInt32BE((base(way) + sent[way]) >>> 0, tcp + 4);
  const other = way === 0 ? 1 : 0;
  batch.writeUInt32BE(flags === FLAG.SYN ? 0 : (base(other) + sent[other]) >>> 0, tcp + 8);
  batch.writeUInt32BE(((0x8000 | flags) << 16) >>> 0, tcp + 12);
  batch.writeUInt16BE(0xfaf0, tcp + 14);
  batch.writeUInt32BE(0, tcp + 16);
  batch.writeUInt32BE(0x0101080a, tcp + 20);
  batch.writeUInt32BE(index * 1000 + connection.step, tcp + 24);
  batch.writeUInt32BE(0, tcp + 28);
  if (length > 0) batch.writeUInt32BE(index, tcp + 32);
  sent[way] += length + ((flags & 0x03) !== 0 ? 1 : 0);
}
