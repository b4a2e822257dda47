/** The pcapng export as Wireshark reads it: no complaint, every packet, interface and comment as the trace has it. */
import { execa } from 'execa';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { PacketFields } from '../../src/model/event.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderPcapng } from '../../src/render/pcapng/pcapng.js';
import { CAPTURES, readCapture } from '../support/captures.js';
import { findLiveObstacle } from '../support/live.js';
import { readSample, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';

const FIELDS = [
  ...['frame.time_epoch', 'frame.interface_name', 'ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst'],
  ...['tcp.srcport', 'tcp.dstport', 'udp.srcport', 'udp.dstport', 'tcp.seq_raw', 'tcp.ack_raw'],
  ...['tcp.flags', 'tcp.len', 'udp.length', 'frame.comment'],
] as const;

const test = suite<{ folder: string }>('render: pcapng in Wireshark', { folder: '' });
test.skipUnless(findLiveObstacle('tshark'));
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-pcapng-'));
});
test.after(({ folder }) => {
  rmSync(folder, { recursive: true });
});

for (const name of Object.keys(TRUTHS)) {
  test(`${name}: as the trace has it`, async ({ folder }) => {
    await compareWithTrace(folder, readSample(name));
  });
}

for (const [name, { files, ports }] of Object.entries(CAPTURES)) {
  test(`capture ${name}: as the trace has it`, async ({ folder }) => {
    await compareWithTrace(folder, await readCapture(files, ports));
  });
}

async function compareWithTrace(folder: string, trace: Trace): Promise<void> {
  const report = analyse(trace, { hops: null });
  const file = join(folder, 'trace.pcapng');
  writeFileSync(file, renderPcapng(report, trace));
  const hops = new Map(
    report.connections.flatMap((one) => one.hops.map((hop) => [hop.event, hop])),
  );
  const expected = trace.events.flatMap((event) => {
    const hop = hops.get(event.id);
    if (!hop || (event.kind !== 'packet' && event.kind !== 'drop')) return [];
    const device = `${hop.namespace}:${hop.interface}${event.kind === 'drop' ? ' (dropped)' : ''}`;
    return [[describeTime(hop.time), device, ...describe(event)].join(' ')];
  });
  const rows = await dissect(file);
  assert.ok(expected.length > 0);
  assert.equal(
    rows.map((row) => describeRow(row)),
    expected,
  );
  const rewritten = [...hops.values()].flatMap(({ rewrite, secondRewrite }) =>
    [rewrite, secondRewrite].flatMap((one) => one ?? []),
  );
  const told = rows.flatMap((row) => row['frame.comment'].match(/ rewrote the /g) ?? []);
  assert.is(told.length, rewritten.length, 'every rewriting is told once, NAT hooks’ too');
  for (const row of rows) {
    const [, id] = /^event (\d+): /.exec(row['frame.comment']) ?? [];
    const event = trace.events.find((one) => one.id === Number(id));
    const isPacket = event?.kind === 'packet' || event?.kind === 'drop';
    assert.ok(isPacket, `event ${id}`);
    if (!isPacket) continue;
    if (event.skb !== null) assert.match(row['frame.comment'], `skb ${event.skb}`);
    assert.is(row['frame.comment'].includes('conntrack '), event.conntrack !== null);
  }
}

type Row = Readonly<Record<(typeof FIELDS)[number], string>>;

async function dissect(file: string): Promise<Row[]> {
  const { stdout, stderr } = await execa('tshark', [
    ...['-r', file, '-n', '-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=f'],
    ...FIELDS.flatMap((field) => ['-e', field]),
  ]);
  const complaints = stderr.split('\n').filter((line) => !/^$|^Running as user/.test(line));
  assert.equal(complaints, []);
  return stdout.split('\n').map((line) => {
    const values = line.split('\t');
    return Object.fromEntries(FIELDS.map((field, index) => [field, values[index] ?? ''])) as Row;
  });
}

function describeRow(row: Row): string {
  const [source, destination] = [
    row['ip.src'] || row['ipv6.src'],
    row['ip.dst'] || row['ipv6.dst'],
  ];
  const tcp = row['tcp.srcport'] !== '';
  return [
    ...[row['frame.time_epoch'], row['frame.interface_name'], tcp ? 'tcp' : 'udp'],
    ...[source, row[tcp ? 'tcp.srcport' : 'udp.srcport']],
    ...[destination, row[tcp ? 'tcp.dstport' : 'udp.dstport']],
    ...[row['tcp.seq_raw'] || '0', row['tcp.ack_raw'] || '0', Number(row['tcp.flags'] || 0)],
    tcp ? row['tcp.len'] : String(Number(row['udp.length']) - 8),
  ].join(' ');
}

function describe(packet: PacketFields): (string | number)[] {
  const { protocol, source, destination, seq, ack, flags, length } = packet;
  return [
    ...[protocol, source.address, source.port, destination.address, destination.port],
    ...[seq, ack, flags & 0xff, length],
  ];
}

/** Seconds with nine digits, as tshark prints them. */
function describeTime(nanoseconds: string): string {
  return `${nanoseconds.slice(0, -9)}.${nanoseconds.slice(-9)}`;
}

test.run();
