/** The exports for other tools hold what the trace holds, and hostile names do no harm. */
import * as assert from 'uvu/assert';
import { formatEndpoint } from '../../src/model/address.js';
import type { PacketFields, TraceEvent } from '../../src/model/event.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { encodeHeaders } from '../../src/render/pcapng/frame.js';
import { renderPcapng } from '../../src/render/pcapng/pcapng.js';
import { renderPerfetto } from '../../src/render/perfetto.js';
import { CAPTURES, readBytes, readCapture } from '../support/captures.js';
import { compareGolden } from '../support/golden.js';
import { readSample, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('render: exports');

for (const name of Object.keys(TRUTHS)) {
  test(`pcapng: ${name} has every packet of the trace`, async () => {
    await compareWithTrace(readSample(name));
  });
}

for (const [name, { files, ports }] of Object.entries(CAPTURES)) {
  test(`pcapng: ${name} has every packet of the capture's connections`, async () => {
    await compareWithTrace(await readCapture(files, ports));
  });
}

test('pcapng: a segment longer than an IP header can say keeps its length', async () => {
  const sample = readSample('dnat-outside');
  const events = sample.events.map((event) =>
    event.kind === 'packet' && event.length > 0 ? { ...event, length: 120_000 } : event,
  );
  await compareWithTrace({ ...sample, events });
});

test('pcapng: the checksum of an IPv4 header, worked by hand', () => {
  const { bytes, length } = encodeHeaders({
    ...({ protocol: 'tcp', seq: 1, ack: 0, flags: 2, length: 0 } as const),
    source: { address: '198.51.100.2', port: 52726 },
    destination: { address: '198.51.100.1', port: 8080 },
  });
  assert.is(length, 40);
  // 4500 + 0028 + 4006 + c633 + 6402 + c633 + 6401 = 2d997, d997 + 2 = d999, and ~d999 = 2666
  assert.is(bytes.readUInt16BE(10), 0x2666);
});

test('pcapng: an IPv4 address among IPv6 ones is a mapped one', () => {
  const { bytes } = encodeHeaders({
    ...({ protocol: 'udp', seq: 0, ack: 0, flags: 0, length: 4 } as const),
    source: { address: '2001:db8::1', port: 1 },
    destination: { address: '192.0.2.1', port: 2 },
  });
  assert.is(bytes.subarray(24, 40).toString('hex'), '00000000000000000000ffffc0000201');
});

test('perfetto: every hop is a slice, and every arrow begins and ends', () => {
  for (const name of Object.keys(TRUTHS)) {
    const report = analyse(readSample(name), { hops: null });
    const { traceEvents } = JSON.parse(renderPerfetto(report)) as {
      traceEvents: { ph: string; id?: string; ts?: number; pid: number; tid: number }[];
    };
    const of = (phase: string): typeof traceEvents => traceEvents.filter(({ ph }) => ph === phase);
    const arrows = (phase: string): unknown[] => of(phase).map(({ id }) => id);
    assert.is(of('X').length, report.connections.flatMap(({ hops }) => hops).length, name);
    assert.equal(arrows('s'), arrows('f'), name);
    assert.ok(
      of('X').every(({ ts, pid, tid }) => (ts ?? -1) >= 0 && pid > 0 && tid > 0),
      name,
    );
  }
});

test('perfetto: golden', () => {
  const drawn = renderPerfetto(analyse(readSample('dnat-outside'), { hops: null }));
  assert.is(compareGolden('samples/dnat-outside.perfetto.json', drawn), null);
});

test('hostile names are written out, not acted on', () => {
  const sample = readSample('dnat-outside');
  const topology = JSON.parse(
    JSON.stringify(sample.header.topology).replaceAll('"redis"', '"\\u001b[2J\\u202ered\\u0000is"'),
  ) as Trace['header']['topology'];
  const trace = { ...sample, header: { ...sample.header, topology } };
  const report = analyse(trace, { hops: null });
  for (const text of [renderPcapng(report, trace).toString('utf8'), renderPerfetto(report)]) {
    assert.match(text, 'x1b[2J');
    assert.not.match(text, '\u001b');
    assert.not.match(text, '\u202e');
  }
});

/** Reads the export with the project's own reader: addresses, numbers, lengths and times must come back. */
async function compareWithTrace(trace: Trace): Promise<void> {
  const report = analyse(trace, { hops: null });
  const shown = new Set(report.connections.flatMap(({ hops }) => hops.map(({ event }) => event)));
  const written = trace.events.filter(({ id }) => shown.has(id));
  const read = await readBytes(renderPcapng(report, trace));
  const expected = written.flatMap((event) => describe(event, trace.header.epoch));
  assert.ok(expected.length > 0);
  assert.equal(
    read.events.flatMap((event) => describe(event, read.header.epoch)),
    expected,
  );
}

function describe(event: TraceEvent, epoch: bigint): string[] {
  if (event.kind !== 'packet' && event.kind !== 'drop') return [];
  const { protocol, source, destination, seq, ack, flags, length }: PacketFields = event;
  const way = `${protocol} ${formatEndpoint(source)} > ${formatEndpoint(destination)}`;
  const time = epoch + BigInt(event.time);
  return [`${time} ${way} seq ${seq} ack ${ack} flags ${flags & 0x3f} length ${length}`];
}

test.run();
