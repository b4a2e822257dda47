/** The OTLP sink against a real receiver: what it counts has arrived, and a slow or broken receiver blocks nothing. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import * as assert from 'uvu/assert';
import { Sending } from '../../src/app/sending.js';
import type { Report } from '../../src/model/report.js';
import { multiply, readConnections, readFirst } from '../otlp/connections.js';
import { Receiver, type ReceivedSpan } from '../otlp/receiver.js';
import { suite } from '../support/suite.js';

interface Context {
  receiver: Receiver;
  warnings: string[];
}

const test = suite<Context>('app: otlp', {
  receiver: undefined as unknown as Receiver,
  warnings: [],
});

const SETTINGS = [
  'OTEL_BSP_MAX_QUEUE_SIZE',
  'OTEL_BSP_SCHEDULE_DELAY',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_METRIC_EXPORT_INTERVAL',
  'OTEL_METRICS_EXPORTER',
  'OTEL_TRACES_EXPORTER',
  'OTEL_RESOURCE_ATTRIBUTES',
];

test.before.each(async (context) => {
  for (const name of SETTINGS) Reflect.deleteProperty(process.env, name);
  context.receiver = await Receiver.start();
  context.warnings = [];
});
test.after.each(async ({ receiver }) => {
  for (const name of SETTINGS) Reflect.deleteProperty(process.env, name);
  await receiver.stop();
});

const EVERYTHING = { paths: [], outcomes: [], ids: [], slowest: null };

async function open(url: string, warnings: string[], more: object = {}): Promise<Sending> {
  return Sending.open({
    url,
    program: 'trace-flow 9.9.9',
    live: true,
    subject: '6379',
    anonymize: false,
    show: EVERYTHING,
    warn: (text) => warnings.push(text),
    ...more,
  });
}

async function close(sending: Sending): Promise<{ told: string; complete: boolean }> {
  let told = '';
  const complete = await sending.close((text) => (told += text));
  return { told, complete };
}

const COVERAGE: Report['coverage'] = {
  lostEvents: 0,
  unparsedPackets: 0,
  truncated: false,
  probes: { attached: [], missing: [] },
  sealed: true,
  notes: [],
};

function rootsOf(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === '');
}

/** An address where nobody listens. */
async function findNobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('10,000 connections: as many arrive as were sent, each once, and metrics count the same', async ({
  receiver,
  warnings,
}) => {
  const sending = await open(receiver.url, warnings);
  const connection = readFirst('proxy-loopback');
  await sending.addRest([...multiply(connection, 10_000)], COVERAGE);
  const { told, complete } = await close(sending);
  assert.ok(complete, told);
  assert.equal(warnings, []);
  assert.is(told, `sent 10000 connections (40000 spans) and metrics to ${receiver.url}\n`);
  assert.is(receiver.spans.length, 40_000);
  const roots = rootsOf(receiver.spans);
  assert.is(new Set(roots.map(({ traceId }) => traceId)).size, 10_000);
  const ids = new Set(receiver.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`));
  assert.is(ids.size, 40_000);
  const counted = receiver.points.filter(({ name }) => name === 'trace_flow.connections');
  assert.equal(
    counted.map(({ value, attributes }) => [value, attributes]),
    [
      [
        10_000,
        {
          'network.transport': 'tcp',
          'trace_flow.path': 'docker-proxy',
          'trace_flow.proof': 'proven',
          'trace_flow.outcome': 'answered',
          'container.name': 'redis',
        },
      ],
    ],
  );
  const [connect] = receiver.points.filter(({ name }) => name.endsWith('connect.duration'));
  assert.is(connect?.count, 10_000);
  assert.is(connect?.unit, 's');
  const each = (connection.timing.connect ?? NaN) / 1e9;
  assert.ok(Math.abs((connect?.sum ?? NaN) / 10_000 / each - 1) < 1e-6);
});

test('what arrives is what was seen: by the published definitions', async ({
  receiver,
  warnings,
}) => {
  process.env['OTEL_RESOURCE_ATTRIBUTES'] = 'k8s.node.name=n1';
  const sending = await open(receiver.url, warnings);
  const connection = readFirst('dropped');
  await sending.addRest([connection], COVERAGE);
  await close(sending);
  const [root] = rootsOf(receiver.spans) as [ReceivedSpan];
  assert.is(root.kind, 'SPAN_KIND_INTERNAL');
  assert.equal(root.status, { code: 'STATUS_CODE_ERROR', message: 'dropped' });
  assert.is(root.end - root.start, BigInt(connection.timing.duration ?? -1));
  assert.is(root.attributes['trace_flow.drop.reason'], 'NETFILTER_DROP');
  assert.is(root.attributes['trace_flow.coverage'], 'sealed');
  assert.is(root.resource['service.name'], 'trace-flow');
  assert.is(root.resource['service.version'], '9.9.9');
  assert.is(root.resource['k8s.node.name'], 'n1');
  const names = receiver.points.map(({ name }) => name);
  // It was never answered: there is no latency, and none is zero.
  assert.not.ok(names.includes('trace_flow.connection.connect.duration'));
  assert.not.ok(names.includes('trace_flow.connection.first_reply.duration'));
  const dropped = receiver.points.find(({ name }) => name === 'trace_flow.otlp.dropped');
  assert.is(dropped?.value, 0);
});

test('what is read has no host and no metrics; pseudonyms leave the host out', async ({
  receiver,
  warnings,
}) => {
  const read = await open(receiver.url, warnings, { live: false });
  await read.addRest([readFirst('direct')], COVERAGE);
  assert.ok((await close(read)).complete);
  const [root] = rootsOf(receiver.spans);
  assert.not.ok('host.name' in (root?.resource ?? {}));
  assert.equal(new Set(receiver.requests), new Set(['/v1/traces']));
  const hidden = await open(receiver.url, warnings, { anonymize: true });
  await hidden.addRest([readFirst('direct')], COVERAGE);
  await close(hidden);
  const [, other] = rootsOf(receiver.spans);
  assert.not.ok('host.name' in (other?.resource ?? {}));
  assert.match(String(other?.resource['service.instance.id']), /^[0-9a-f-]{36}$/);
});

test('a filter narrows the traces, and not the metrics', async ({ receiver, warnings }) => {
  const show = { ...EVERYTHING, outcomes: ['dropped' as const] };
  const sending = await open(receiver.url, warnings, { show });
  for (const sample of ['direct', 'dropped']) sending.over(readFirst(sample));
  await close(sending);
  const outcomes = rootsOf(receiver.spans).map(
    ({ attributes }) => attributes['trace_flow.outcome'],
  );
  assert.equal(outcomes, ['dropped']);
  const counted = receiver.points.filter(({ name }) => name === 'trace_flow.connections');
  assert.is(counted.length, 2);
});

test('nobody is there: it is told once, the queue is bounded, and offering never waits', async ({
  warnings,
}) => {
  process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '500';
  const url = await findNobody();
  const sending = await open(url, warnings);
  const connection = readFirst('proxy-loopback');
  for (const one of multiply(connection, 20_000)) sending.over(one);
  const { told, complete } = await close(sending);
  assert.not.ok(complete);
  assert.match(told, /^Error: 20000 of 20000 connections did not reach http:\/\/127\.0\.0\.1:/m);
  // 8,192 spans wait at most: of connections of four spans 2,048.
  assert.match(told, /of 80000 spans 71808 did not fit the queue, 8192 could not be sent/);
  assert.match(told, /^Error: the last metrics did not reach/m);
  assert.is(warnings.filter((text) => text.includes('takes no traces')).length, 1);
});

test('away and back: what was lost is counted, what comes later arrives', async ({
  receiver,
  warnings,
}) => {
  process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '300';
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '20';
  process.env['OTEL_METRIC_EXPORT_INTERVAL'] = '50';
  const { port, url } = receiver;
  const all = [...multiply(readFirst('proxy-loopback'), 30)];
  const sending = await open(url, warnings);
  for (const one of all.slice(0, 10)) sending.over(one);
  await waitFor(() => receiver.spans.length === 40);
  await receiver.stop();
  for (const one of all.slice(10, 20)) sending.over(one);
  await waitFor(() => warnings.some((text) => text.includes('takes no traces')));
  const back = await Receiver.start(port);
  for (const one of all.slice(20)) sending.over(one);
  await waitFor(() => back.spans.length === 40);
  const { told, complete } = await close(sending);
  assert.not.ok(complete);
  assert.match(
    told,
    /^Error: 10 of 30 connections did not reach .* of 120 spans 40 could not be sent/m,
  );
  assert.ok(warnings.some((text) => text.includes('takes traces again')));
  // The metrics are sums since the beginning: they lack nothing but that traces were lost.
  const counted = back.points.find(({ name }) => name === 'trace_flow.connections');
  assert.is(counted?.value, 30);
  const dropped = back.points.find(({ name }) => name === 'trace_flow.otlp.dropped');
  assert.is(dropped?.value, 10);
  await back.stop();
});

test('429 and 503 with Retry-After: asked again, and nothing is lost', async ({
  receiver,
  warnings,
}) => {
  const answers = [
    { does: 'answer', status: 429, retryAfter: '0' },
    { does: 'answer', status: 503, retryAfter: '1' },
  ] as const;
  let count = 0;
  receiver.behave = ({ url = '' }) =>
    (url.endsWith('/v1/traces') ? answers[count++] : undefined) ?? { does: 'take' };
  const sending = await open(receiver.url, warnings);
  await sending.addRest([readFirst('direct')], COVERAGE);
  const { told, complete } = await close(sending);
  assert.ok(complete, told);
  assert.is(rootsOf(receiver.spans).length, 1);
  assert.is(receiver.requests.filter((path) => path.endsWith('/v1/traces')).length, 3);
});

test('a receiver that wants more time than there is: told as lost', async ({
  receiver,
  warnings,
}) => {
  process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '500';
  receiver.behave = () => ({ does: 'answer', status: 503, retryAfter: '3600' });
  const sending = await open(receiver.url, warnings);
  await sending.addRest([readFirst('direct')], COVERAGE);
  const { told, complete } = await close(sending);
  assert.not.ok(complete);
  assert.match(told, /1 of 1 connection did not reach/);
});

test('400 is not asked again, and its status is told', async ({ receiver, warnings }) => {
  receiver.behave = () => ({ does: 'answer', status: 400 });
  const sending = await open(receiver.url, warnings);
  await sending.addRest([readFirst('direct')], COVERAGE);
  const { told, complete } = await close(sending);
  assert.not.ok(complete);
  assert.match(told, /HTTP status 400/);
  assert.is(receiver.requests.filter((path) => path.endsWith('/v1/traces')).length, 1);
});

test('a partial success: what was refused is counted', async ({ receiver, warnings }) => {
  receiver.behave = ({ url = '' }) =>
    url.endsWith('/v1/traces') ? { does: 'refuse', spans: 2 } : { does: 'take' };
  const sending = await open(receiver.url, warnings);
  await sending.addRest(readConnections('mixed-20'), COVERAGE);
  const { told, complete } = await close(sending);
  assert.not.ok(complete);
  assert.match(
    told,
    /^Error: up to 2 of 20 connections did not reach .* 60 spans 2 were refused$/m,
  );
  assert.is(receiver.spans.length, 58);
});

test('a receiver that hangs: told, in the time that a request may take', async ({
  receiver,
  warnings,
}) => {
  process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '300';
  receiver.behave = () => ({ does: 'hang' });
  const sending = await open(receiver.url, warnings);
  for (const one of multiply(readFirst('direct'), 1_000)) sending.over(one);
  const { told, complete } = await close(sending);
  assert.not.ok(complete);
  assert.match(told, /1000 of 1000 connections did not reach/);
});

test('a signal that is switched off is not sent', async ({ receiver, warnings }) => {
  process.env['OTEL_TRACES_EXPORTER'] = 'none';
  const sending = await open(receiver.url, warnings);
  await sending.addRest([readFirst('direct')], COVERAGE);
  assert.is((await close(sending)).told, `sent metrics to ${receiver.url}\n`);
  assert.equal(receiver.spans, []);
  process.env['OTEL_METRICS_EXPORTER'] = 'none';
  try {
    await open(receiver.url, warnings);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /nothing is left to send/);
  }
});

test('events that are lost lower what comes later, and are a metric', async ({
  receiver,
  warnings,
}) => {
  const sending = await open(receiver.url, warnings);
  sending.over(readFirst('direct'));
  sending.lost(3);
  sending.lost(7);
  sending.over(readFirst('dropped'));
  await close(sending);
  const told = rootsOf(receiver.spans).map(
    ({ attributes }) => attributes['trace_flow.lost_events'],
  );
  assert.equal(told, [0, 7]);
  const lost = receiver.points.find(({ name }) => name === 'trace_flow.lost_events');
  assert.is(lost?.value, 7);
});

test.run();
