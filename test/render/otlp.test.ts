/** One connection as spans and measures: what was seen is there, and what was not seen is left out. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import { traceIdOf } from '../../src/render/otlp/ids.js';
import { measure } from '../../src/render/otlp/measures.js';
import { mapSpans, type SpanData } from '../../src/render/otlp/spans.js';
import { parseNanoseconds } from '../../src/words/numbers.js';
import { readConnections, readFirst } from '../otlp/connections.js';
import { suite } from '../support/suite.js';
import { TRUTHS } from '../support/samples.js';

const test = suite('render: otlp');
const SEALED = { state: 'sealed', lostEvents: 0 } as const;

function namesOf(spans: readonly SpanData[]): string[] {
  return spans.map(({ name }) => name);
}

function withId(connection: Connection, id: number): Connection {
  return { ...connection, id };
}

function rootOf(connection: Connection): SpanData {
  const [root] = mapSpans(connection, SEALED);
  if (!root) throw new Error('it has no span');
  return root;
}

test('a relay: the connection, both legs and the relay between them', () => {
  const connection = readFirst('proxy-loopback');
  const spans = mapSpans(connection, SEALED);
  assert.equal(namesOf(spans), ['tcp docker-proxy', 'leg client', 'leg relay', 'relay']);
  const [root, client, relayed, relay] = spans as [SpanData, SpanData, SpanData, SpanData];
  assert.equal(
    spans.map(({ traceId }) => traceId),
    spans.map(() => root.traceId),
  );
  assert.is(root.parentSpanId, null);
  for (const child of [client, relayed, relay]) assert.is(child.parentSpanId, root.spanId);
  assert.is(new Set(spans.map(({ spanId }) => spanId)).size, 4);
  assert.is(root.start, parseNanoseconds(connection.timing.start));
  assert.is(root.end - root.start, BigInt(connection.timing.duration ?? -1));
  for (const child of [client, relayed, relay]) {
    assert.ok(child.start >= root.start && child.end <= root.end, child.name);
  }
  assert.is(root.attributes['client.address'], '127.0.0.1');
  assert.is(root.attributes['server.port'], 8080);
  assert.is(root.attributes['network.type'], 'ipv4');
  assert.is(root.attributes['network.transport'], 'tcp');
  assert.is(root.attributes['container.name'], 'redis');
  assert.is(root.attributes['trace_flow.proof'], 'proven');
  assert.is(root.attributes['trace_flow.relay_ns'], connection.timing.relay);
  assert.not.ok('trace_flow.because' in root.attributes);
  assert.not.ok('trace_flow.nat.hook' in root.attributes);
  assert.is(relayed.attributes['source.address'], '172.17.0.1');
  assert.is(relayed.attributes['destination.port'], 6379);
  assert.is(relay.attributes['process.executable.name'], 'docker-proxy');
  assert.is(root.error, null);
});

test('NAT is an event of the leg, and the relay of a chain each has a span', () => {
  const [, leg] = mapSpans(readFirst('dnat-outside'), SEALED) as [SpanData, SpanData];
  const nat = leg.events.filter(({ name }) => name === 'nat');
  assert.ok(nat.length > 0);
  assert.is(nat[0]?.attributes['trace_flow.nat.from'], '198.51.100.1:8080');
  assert.is(nat[0]?.attributes['trace_flow.nat.to'], '172.17.0.2:6379');
  const chain = namesOf(mapSpans(readFirst('relay-chain'), SEALED));
  const { relays } = readFirst('relay-chain');
  assert.is(chain.filter((name) => name === 'relay').length, relays?.length);
  assert.is(chain.filter((name) => name === 'leg relay').length, relays?.length);
});

test('drops and what was sent again are events, and the outcome is an error', () => {
  const connection = readFirst('no-neighbour');
  const [root, leg] = mapSpans(connection, SEALED) as [SpanData, SpanData];
  const named = (name: string) => leg.events.filter((event) => event.name === name);
  assert.is(named('retransmit').length, connection.retransmits);
  const [drop] = named('drop');
  assert.is(drop?.attributes['trace_flow.drop.reason'], 'NEIGH_FAILED');
  assert.is(root.error, 'dropped');
  assert.is(root.attributes['trace_flow.outcome'], 'dropped');
  assert.is(root.attributes['trace_flow.drop.reason'], 'NEIGH_FAILED');
});

test('what was not seen has no attribute: no latency, no count, no address', () => {
  const whole = readFirst('proxy-loopback');
  const { start } = whole.timing;
  const blind: Connection = {
    ...whole,
    server: null,
    container: null,
    relay: null,
    path: 'unknown',
    proof: 'inconclusive',
    because: ['events-lost', 'older-than-trace'],
    retransmits: null,
    sourceSeen: null,
    why: null,
    processes: { client: null, server: null },
    timing: { start, connect: null, firstReply: null, duration: null, relay: null },
    hops: [],
  };
  const spans = mapSpans(blind, { state: 'open', lostEvents: 3 });
  assert.equal(namesOf(spans), ['tcp unknown']);
  const [{ attributes, start: began, end } = rootOf(blind)] = spans;
  const absent = [
    ...['server.address', 'server.port', 'container.name', 'trace_flow.connect_ns'],
    ...['trace_flow.first_reply_ns', 'trace_flow.duration_ns', 'trace_flow.relay_ns'],
    ...['trace_flow.retransmits', 'trace_flow.relay.process.pid', 'trace_flow.source_seen'],
  ];
  for (const name of absent) assert.not.ok(name in attributes, name);
  assert.is(attributes['trace_flow.proof'], 'inconclusive');
  assert.equal(attributes['trace_flow.because'], ['events-lost', 'older-than-trace']);
  assert.is(attributes['trace_flow.coverage'], 'open');
  assert.is(attributes['trace_flow.lost_events'], 3);
  assert.is(attributes['trace_flow.end_is_lower_bound'], true);
  assert.is(end, began);
  const { measures, attributes: labels } = measure(blind);
  assert.equal(
    measures.map(({ instrument }) => instrument),
    ['connections', 'bytesFromClient', 'bytesFromServer'],
  );
  assert.is(labels['trace_flow.because'], 'events-lost');
  assert.not.ok('container.name' in labels);
});

test('a span whose last packets are not listed ends no earlier than what is', () => {
  const whole = readFirst('proxy-loopback');
  const open: Connection = { ...whole, timing: { ...whole.timing, duration: null } };
  const latest = whole.hops.map(({ time }) => BigInt(time)).sort((a, b) => Number(a - b));
  const root = rootOf(open);
  assert.is(root.end, latest.at(-1));
  assert.is(root.attributes['trace_flow.end_is_lower_bound'], true);
  assert.not.ok('trace_flow.end_is_lower_bound' in rootOf(whole).attributes);
});

test('without a beginning there is no span, and it counts nevertheless', () => {
  const whole = readFirst('proxy-loopback');
  const timeless: Connection = { ...whole, timing: { ...whole.timing, start: null } };
  assert.equal(mapSpans(timeless, SEALED), []);
  assert.is(measure(timeless).measures[0]?.value, 1);
});

test('what is likely says why, what is proven says nothing', () => {
  const likely = readFirst('asks-database');
  assert.equal(rootOf(likely).attributes['trace_flow.because'], ['ways-elsewhere']);
  assert.not.ok('trace_flow.because' in measure(likely).attributes);
});

test('latencies are seconds', () => {
  const connection = readFirst('proxy-loopback');
  const { measures } = measure(connection);
  const connect = measures.find(({ instrument }) => instrument === 'connect');
  assert.is(connect?.value, (connection.timing.connect ?? NaN) / 1e9);
});

test('events beyond the limit are counted', () => {
  const whole = readFirst('no-neighbour');
  const drop = whole.hops.find(({ kind }) => kind === 'drop');
  if (!drop) throw new Error('the sample has a drop');
  const many: Connection = {
    ...whole,
    hops: Array.from({ length: 130 }, () => ({ ...drop, rewrite: null })),
  };
  const [, leg] = mapSpans(many, SEALED) as [SpanData, SpanData];
  assert.is(leg.events.length, 128);
  assert.is(leg.droppedEvents, 2);
});

test('ids: the same connection has the same, and others have others', () => {
  const all = Object.keys(TRUTHS).flatMap(readConnections);
  const ids = all.map(traceIdOf);
  assert.is(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  const [one] = all as [Connection];
  // Its number may change while a trace runs.
  assert.is(traceIdOf(withId(one, one.id + 1)), traceIdOf(one));
  const other = { ...one, client: { ...one.client, port: one.client.port + 1 } };
  assert.is.not(traceIdOf(other), traceIdOf(one));
  const later = { ...one, timing: { start: '2026-01-01T00:00:00.000000001Z' } };
  assert.is.not(traceIdOf(later), traceIdOf(one));
  const elsewhere = { ...one, server: { address: '203.0.113.1', port: 1 } };
  assert.is.not(traceIdOf(elsewhere), traceIdOf(one));
});

test('nanoseconds are kept, and what is no time is none', () => {
  assert.is(parseNanoseconds('1970-01-01T00:00:01.000000002Z'), 1_000_000_002n);
  for (const text of [null, '', 'yesterday', '1970-13-01T00:00:01.000000002Z']) {
    assert.is(parseNanoseconds(text), null);
  }
});

test.run();
