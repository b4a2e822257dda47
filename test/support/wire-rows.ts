/** Packets of captures row by row as the program keeps them; a test names only what it is about. */
import { TwinRows, type Twin } from '../../src/correlate/capture/twins.js';
import type { Endpoint } from '../../src/model/address.js';
import { CapturedPacket } from '../../src/model/captured-packet.js';
import { TCP, type Protocol } from '../../src/model/event.js';
import { BIT, PacketTable } from '../../src/model/packet-table.js';

export interface Row {
  readonly protocol: Protocol;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Nanoseconds. */
  readonly time: number;
  readonly device: number;
  readonly file: number;
  /** Null where the capture does not say. */
  readonly way: 'in' | 'out' | null;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly length: number;
  readonly ttl: number;
  readonly ipId: number | null;
  readonly timestamp: number | null;
  readonly digest: number | null;
  /** The last byte of the sender's hardware address; null without one. */
  readonly hardware: number | null;
}

const PLAIN: Row = {
  protocol: 'tcp',
  time: 1_000_000,
  device: 1,
  file: 0,
  way: null,
  source: { address: '198.51.100.2', port: 40_000 },
  destination: { address: '198.51.100.1', port: 8080 },
  seq: 100,
  ack: 200,
  flags: TCP.ACK,
  length: 5,
  ttl: 64,
  ipId: 7,
  timestamp: null,
  digest: 9,
  hardware: null,
};

export class Rows {
  readonly table = new PacketTable();
  readonly #conversations = new Map<string, number>();

  /** Packets of one pair of ends and one file are of one conversation. */
  add(fields: Partial<Row> = {}): CapturedPacket {
    const row: Row = { ...PLAIN, ...fields };
    const { table } = this;
    const at = table.claimRow();
    const ends = [row.source, row.destination].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const [one = row.source, two = row.destination] = ends;
    const key = `${row.protocol}|${keyOf(one)}|${keyOf(two)}|${row.file}`;
    const conversation = this.#conversations.get(key) ?? this.#conversations.size + 1;
    this.#conversations.set(key, conversation);
    table.announce(conversation, [one, two]);
    table.conversation[at] = conversation;
    table.time[at] = row.time;
    table.device[at] = row.device;
    table.file[at] = row.file;
    table.seq[at] = row.seq;
    table.ack[at] = row.ack;
    table.flags[at] = row.flags;
    table.length[at] = row.length;
    table.ttl[at] = row.ttl;
    table.ipId[at] = row.ipId ?? -1;
    table.timestamp[at] = row.timestamp ?? 0;
    table.digest[at] = row.digest ?? 0;
    table.hardware[at] = row.hardware ?? -1;
    table.bits[at] =
      (row.protocol === 'tcp' ? BIT.TCP : 0) |
      (one === row.source ? 0 : BIT.BACK) |
      (row.way === 'out' ? BIT.OUT : 0) |
      (row.way === null ? 0 : BIT.DIRECTED) |
      (row.digest === null ? 0 : BIT.DIGEST) |
      (row.timestamp === null ? 0 : BIT.STAMPED);
    return new CapturedPacket(table, at);
  }
}

/** Twins as the program keeps them. Packets of several tables are copied into one. */
export function listTwins(twins: Iterable<Twin>): TwinRows {
  const all = [...twins];
  const [first] = all;
  const table = first?.a.table;
  if (table !== undefined && all.every(({ a, b }) => a.table === table && b.table === table)) {
    const rows = new TwinRows(table);
    for (const { a, b } of all) rows.push(a.row, b.row);
    return rows;
  }
  const copies = new Rows();
  const rows = new TwinRows(copies.table);
  for (const { a, b } of all) rows.push(copies.add(readRow(a)).row, copies.add(readRow(b)).row);
  return rows;
}

function readRow(packet: CapturedPacket): Row {
  const { protocol, source, destination, time, ifindex, file, seq, ack, flags, length } = packet;
  const { ttl, ipId, timestamp, digest, table, row } = packet;
  const hardware = table.hardware[row] ?? -1;
  return {
    protocol,
    source,
    destination,
    time,
    device: ifindex,
    file,
    way: packet.directed ? packet.direction : null,
    seq,
    ack,
    flags,
    length,
    ttl,
    ipId,
    timestamp,
    digest,
    hardware: hardware < 0 ? null : hardware,
  };
}

function keyOf({ address, port }: Endpoint): string {
  return `${address}|${port}`;
}
