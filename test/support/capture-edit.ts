/** Captures changed record by record: packets dropped, cut, moved in time and order, put into the other byte order, renumbered. */

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const ENHANCED = 6;

/** A file as its header and its records; of a pcapng file every block is a record, and those of packets are `packet`. */
interface Records {
  readonly start: Buffer;
  readonly records: readonly { readonly bytes: Buffer; readonly packet: boolean }[];
}

/** Splits a little-endian pcap or pcapng file. */
function splitCapture(file: Buffer): Records {
  const pcapng = file.readUInt32BE(0) === 0x0a0d0d0a;
  const records: { bytes: Buffer; packet: boolean }[] = [];
  for (let at = pcapng ? 0 : PCAP_HEADER; at < file.length;) {
    const length = pcapng ? file.readUInt32LE(at + 4) : RECORD_HEADER + file.readUInt32LE(at + 8);
    const packet = !pcapng || file.readUInt32LE(at) === ENHANCED;
    records.push({ bytes: file.subarray(at, at + length), packet });
    at += length;
  }
  return { start: file.subarray(0, pcapng ? 0 : PCAP_HEADER), records };
}

/** The file without the packets that `keeps` refuses; it is asked for each by its number. */
export function keepPackets(file: Buffer, keeps: (index: number) => boolean): Buffer {
  const { start, records } = splitCapture(file);
  let index = 0;
  const kept = records.filter(({ packet }) => !packet || keeps(index++));
  return Buffer.concat([start, ...kept.map(({ bytes }) => bytes)]);
}

export function countPackets(file: Buffer): number {
  return splitCapture(file).records.filter(({ packet }) => packet).length;
}

/** A pcap file as a clock `seconds` ahead would have made it. */
export function moveClock(file: Buffer, seconds: number): Buffer {
  return mapRecords(file, (record) => {
    record.writeUInt32LE(record.readUInt32LE(0) + seconds, 0);
    return record;
  });
}

/** The file with its packets in another order: each up to `within` seconds late. */
export function reorderPackets(
  file: Buffer,
  within: number,
  random: (below: number) => number,
): Buffer {
  const { start, records } = splitCapture(file);
  const pcapng = start.length === 0;
  const timeOf = (bytes: Buffer): number =>
    pcapng
      ? (bytes.readUInt32LE(12) * 2 ** 32 + bytes.readUInt32LE(16)) / 1e9
      : bytes.readUInt32LE(0) + bytes.readUInt32LE(4) / 1e6;
  const packets = records
    .filter(({ packet }) => packet)
    .map(({ bytes }) => ({ bytes, at: timeOf(bytes) + (random(1000) / 1000) * within }))
    .sort((a, b) => a.at - b.at);
  const others = records.filter(({ packet }) => !packet);
  return Buffer.concat([
    start,
    ...others.map(({ bytes }) => bytes),
    ...packets.map(({ bytes }) => bytes),
  ]);
}

/** The file with its later half before its earlier one. */
export function swapHalves(file: Buffer): Buffer {
  const { start, records } = splitCapture(file);
  const packets = records.filter(({ packet }) => packet);
  const middle = packets.length >> 1;
  const others = records.filter(({ packet }) => !packet);
  const all = [...others, ...packets.slice(middle), ...packets.slice(0, middle)];
  return Buffer.concat([start, ...all.map(({ bytes }) => bytes)]);
}

/** The file with bytes of its packets changed, each with the likelihood of one in `among`. */
export function damageBytes(
  file: Buffer,
  among: number,
  random: (below: number) => number,
): Buffer {
  const { start, records } = splitCapture(file);
  const [from, padded] = start.length === 0 ? [28, 4] : [RECORD_HEADER, 0];
  const damaged = records.map(({ bytes, packet }) => {
    if (!packet) return bytes;
    const copy = Buffer.from(bytes);
    for (let at = from; at < copy.length - padded; at++) {
      if (random(among) === 0) copy[at] = random(256);
    }
    return copy;
  });
  return Buffer.concat([start, ...damaged]);
}

/** Numbers of the devices in a file: of a pcapng file its interfaces, of a cooked one those in its frames. */
export function listDevices(file: Buffer): number[] {
  const numbers = splitCapture(file).records.flatMap((record) => deviceOf(file, record) ?? []);
  return [...new Set(numbers)];
}

/** What only one device saw. */
export function keepDevice(file: Buffer, device: number): Buffer {
  const { start, records } = splitCapture(file);
  const kept = records.filter((record) => (deviceOf(file, record) ?? device) === device);
  return Buffer.concat([start, ...kept.map(({ bytes }) => bytes)]);
}

function deviceOf(file: Buffer, { bytes, packet }: Records['records'][number]): number | null {
  if (!packet) return null;
  if (file.readUInt32BE(0) === 0x0a0d0d0a) return bytes.readUInt32LE(8);
  return file.readUInt32LE(20) === 276 ? bytes.readUInt32BE(RECORD_HEADER + 4) : 0;
}

/** The file as if `from` had been `to` wherever it is a port of TCP or UDP. */
export function renamePort(file: Buffer, from: number, to: number): Buffer {
  const { start, records } = splitCapture(file);
  const changed = records.map(({ bytes, packet }) => {
    if (!packet) return bytes;
    const copy = Buffer.from(bytes);
    const pcapng = start.length === 0;
    const frame = copy.subarray(pcapng ? 28 : RECORD_HEADER);
    const link = pcapng ? 14 : ({ 1: 14, 113: 16, 276: 20 }[file.readUInt32LE(20)] ?? 0);
    const v6 = (frame[link] ?? 0) >> 4 === 6;
    const next = frame[link + (v6 ? 6 : 9)];
    const at = link + (v6 ? 40 : ((frame[link] ?? 0) & 15) * 4);
    for (const port of next === 6 || next === 17 ? [at, at + 2] : []) {
      if (frame.readUInt16BE(port) === from) frame.writeUInt16BE(to, port);
    }
    return copy;
  });
  return Buffer.concat([start, ...changed]);
}

/** A pcap file as `tcpdump -s length` would have made it. */
export function cutPackets(file: Buffer, length: number): Buffer {
  return mapRecords(file, (record) => {
    if (record.length - RECORD_HEADER <= length) return record;
    record.writeUInt32LE(length, 8);
    return record.subarray(0, RECORD_HEADER + length);
  });
}

/** A pcap file as a big-endian machine would have made it. */
export function swapOrder(file: Buffer): Buffer {
  const { start, records } = splitCapture(file);
  const swap = (bytes: Buffer, words: readonly number[]): Buffer => {
    const copy = Buffer.from(bytes);
    for (const at of words) copy.writeUInt32BE(bytes.readUInt32LE(at), at);
    return copy;
  };
  const header = swap(start, [0, 8, 12, 16, 20]);
  header.writeUInt16BE(start.readUInt16LE(4), 4);
  header.writeUInt16BE(start.readUInt16LE(6), 6);
  return Buffer.concat([header, ...records.map(({ bytes }) => swap(bytes, [0, 4, 8, 12]))]);
}

function mapRecords(file: Buffer, change: (record: Buffer) => Buffer): Buffer {
  const { start, records } = splitCapture(file);
  return Buffer.concat([start, ...records.map(({ bytes }) => change(Buffer.from(bytes)))]);
}
