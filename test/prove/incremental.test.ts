/** A trace that is analysed while it runs gives the same report as one that is analysed whole. */
import * as assert from 'uvu/assert';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { TCP, TCP_STATE, type PacketEvent, type TraceEvent } from '../../src/model/event.js';
import type { Report } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { IncrementalAnalysis } from '../../src/prove/incremental.js';
import { randomizer } from '../decode/frames.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';
import { makeDatagramWorld } from '../worlds/live/datagram-world.js';
import { makeLiveWorld } from '../worlds/live/world.js';

const test = suite('incremental analysis');

/** More by TRACE_FLOW_WORLDS=2000. */
const COUNT = Number(process.env['TRACE_FLOW_WORLDS'] ?? 200);
const SECOND = 1_000_000_000;

const packer = {
  pack: (text: string) => deflateRawSync(text),
  unpack: (packed: Uint8Array) => inflateRawSync(packed).toString(),
};

interface Told {
  readonly report: Report;
  /** How many connections were told before the end. */
  readonly early: number;
}

/** @param every events between two looks */
function analyseInPieces(trace: Trace, every: number, budget: number): Told {
  const { source, header, events, tail } = trace;
  const analysis = new IncrementalAnalysis(header, { hops: 64, budget, packer });
  for (const [index, event] of events.entries()) {
    analysis.take(event);
    if (index % every === every - 1) analysis.advance(event.time);
  }
  const early = analysis.settled;
  return { report: analysis.finish({ source, header, sums: [], tail }).report, early };
}

test('a trace that nobody asks a report of: connections are told, and none is kept', () => {
  const { source, header, events, tail } = readSample('mixed-20');
  const told: string[] = [];
  const analysis = new IncrementalAnalysis(header, { hops: 64, budget: 16, packer, forgets: true });
  for (const event of events) analysis.take(event);
  const last = events.at(-1)?.time ?? 0;
  const { over } = analysis.advance(last + 10 * SECOND);
  told.push(...over.map(({ proof, path }) => `${path} ${proof}`));
  assert.is(told.length, 20);
  assert.is(analysis.settled, 20);
  assert.is(analysis.held, 0);
  const { report, rest } = analysis.finish({ source, header, sums: [], tail });
  assert.equal(report.connections, []);
  assert.equal(rest, []);
});

test('what is told once events are known to be lost rests on no absence; the report is as before', () => {
  const { source, header, events, tail } = readSample('mixed-20');
  const analysis = new IncrementalAnalysis(header, { hops: 64, budget: 16, packer });
  for (const event of events) analysis.take(event);
  analysis.noteLost(3);
  const { over } = analysis.advance((events.at(-1)?.time ?? 0) + 10 * SECOND);
  assert.is(over.length, 20);
  for (const { proof, because } of over) {
    assert.is.not(proof, 'proven');
    assert.ok(because?.includes('events-lost'));
  }
  const { report } = analysis.finish({ source, header, sums: [], tail });
  assert.ok(report.connections.every(({ proof }) => proof === 'proven'));
});

/** The same with pauses between events here and there. */
function stretch({ events, ...rest }: Trace, seed: number): Trace {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  let pause = 0;
  const stretched = events.map((event): TraceEvent => {
    if (random(12) === 0) pause += random(4) * SECOND;
    return { ...event, time: event.time + pause };
  });
  return { ...rest, events: stretched };
}

function compare(
  trace: Trace,
  { every, budget, name }: { every: number; budget: number; name: string },
): number {
  const whole = JSON.parse(JSON.stringify(analyse(trace))) as Report;
  const { report, early } = analyseInPieces(trace, every, budget);
  const told = JSON.parse(JSON.stringify(report)) as Report;
  assert.equal(told.connections, whole.connections, name);
  assert.equal(told, whole, name);
  return early;
}

test(`${COUNT} worlds with pauses: the same report, however often it is looked at meanwhile`, () => {
  let early = 0;
  for (let seed = 1; seed <= COUNT; seed++) {
    const { trace, budget } = makeLiveWorld(seed);
    const every = 20 + (seed % 60);
    early += compare(stretch(trace, seed), { every, budget, name: `seed ${seed}` });
  }
  assert.ok(early > COUNT, `${early} connections were told before the end`);
});

test(`${COUNT} worlds of datagrams`, () => {
  for (let seed = 1; seed <= COUNT; seed++) {
    const { trace } = makeDatagramWorld(seed);
    const every = 20 + (seed % 60);
    compare(stretch(trace, seed), { every, budget: 16, name: `seed ${seed}` });
  }
});

/** A sample whose connection was let go, and what comes later. */
function afterwards(more: (last: PacketEvent) => PacketEvent): Report {
  const { source, header, events, tail } = readSample('dnat-outside');
  const analysis = new IncrementalAnalysis(header, { hops: 64, budget: 16, packer });
  for (const event of events) analysis.take(event);
  const time = events.at(-1)?.time ?? 0;
  analysis.advance(time + 20 * SECOND);
  assert.is(analysis.settled, 1);
  const packet = events.find(
    (event): event is PacketEvent =>
      event.kind === 'packet' && event.namespace === header.topology.host,
  );
  assert.ok(packet);
  const id = (events.at(-1)?.id ?? 0) + 1;
  analysis.take(more({ ...packet, id, time: time + 30 * SECOND, skb: 'ffff888100000000' }));
  return analysis.finish({ source, header, sums: [], tail }).report;
}

test('what comes late of a connection that was let go begins none', () => {
  const { connections } = afterwards((packet) => ({ ...packet, flags: TCP.FIN | TCP.ACK }));
  assert.equal(
    connections.map(({ path, proof }) => [path, proof]),
    [['dnat', 'proven']],
  );
});

test('a connection whose socket was not seen to close is not let go, however long it is silent', () => {
  const { header, events } = readSample('dnat-outside');
  const settle = (kept: readonly TraceEvent[]): number => {
    const analysis = new IncrementalAnalysis(header, { hops: 64, budget: 16, packer });
    for (const event of kept) analysis.take(event);
    analysis.advance((events.at(-1)?.time ?? 0) + 1_000 * SECOND);
    return analysis.settled;
  };
  const closes = (event: TraceEvent): boolean =>
    event.kind === 'state' && event.to === TCP_STATE.CLOSE;
  assert.equal([settle(events), settle(events.filter((one) => !closes(one)))], [1, 0]);
});

test('a SYN between the same ports begins another', () => {
  const { connections } = afterwards((packet) => ({ ...packet, seq: packet.seq + 5_000 }));
  assert.equal(
    connections.map(({ id, path }) => [id, path]),
    [
      [1, 'dnat'],
      [2, 'unknown'],
    ],
  );
});

test('what the end of the trace takes back is taken back of those that were let go', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { trace, budget } = makeLiveWorld(seed);
    const lost = stretch({ ...trace, tail: { ...trace.tail, lostEvents: 3, sealed: false } }, seed);
    compare(lost, { every: 30, budget, name: `seed ${seed}` });
    const skipped = stretch({ ...trace, tail: { ...trace.tail, skippedRuns: 2 } }, seed);
    compare(skipped, { every: 30, budget, name: `seed ${seed}` });
  }
});

test.run();
