/**
 * A live trace that sends by OTLP: all data arrives, and a receiver that is away loses only what was sent meanwhile.
 */
import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab } from '../../src/lab/index.js';
import { reportSchema } from '../../src/model/report.js';
import { Receiver, type ReceivedSpan } from '../otlp/receiver.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('otlp, live');
test.skipUnless(findLiveObstacle());

const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

let lab: Lab;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-otlp-'));
  lab = await up();
  await lab.run({ name: 'redis', command: REDIS, publish: ['6379:6379'] });
});

test.after(async () => {
  await lab.down();
  await rm(folder, { recursive: true, force: true });
});

function trace(script: string, url: string, ...more: string[]) {
  const args = ['trace', '--port', '6379', '--netns', lab.host.netns, '--otlp', url, ...more];
  const env = { DOCKER_HOST: lab.dockerHost, OTEL_EXPORTER_OTLP_TIMEOUT: '1000' };
  return execa(process.execPath, [PROGRAM, ...args, '--', 'sh', '-c', script], {
    env,
    reject: false,
  });
}

/** Half by DNAT, half through docker-proxy. */
function pings(count: number): string {
  const each = `redis-cli -h 127.0.0.1 ping; redis-cli -h ${lab.host.ipv4} ping`;
  return `for i in $(seq ${count / 2}); do ${each}; done >/dev/null`;
}

function rootsOf(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === '');
}

function idsOf(spans: readonly ReceivedSpan[]): string[] {
  return spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`).sort();
}

test('every connection arrives once, with its path; the recording gives the same ids', async () => {
  const receiver = await Receiver.start();
  const file = join(folder, 'pings.ndjson');
  try {
    // The second part begins when connections of the first one have come, which they do while the trace runs.
    const go = join(folder, 'go');
    const script = `${pings(20)}; while [ ! -e ${go} ]; do sleep 0.1; done; ${pings(10)}`;
    const tracing = trace(script, receiver.url, '--quiet', '--record', file);
    while (receiver.spans.length === 0) await sleep(20);
    await writeFile(go, '');
    const { exitCode, stdout, stderr } = await tracing;
    assert.is(exitCode, 0, stderr);
    assert.is(stdout, '');
    assert.match(stderr, /^sent 30 connections \(\d+ spans\) and metrics to http/m);
    const roots = rootsOf(receiver.spans);
    const paths = Map.groupBy(roots, ({ name }) => name);
    assert.is(paths.get('tcp dnat')?.length, 15);
    assert.is(paths.get('tcp docker-proxy')?.length, 15);
    for (const { attributes } of roots) {
      assert.is(attributes['trace_flow.proof'], 'proven');
      assert.is(attributes['container.name'], 'redis');
    }
    const states = new Set(roots.map(({ attributes }) => attributes['trace_flow.coverage']));
    assert.ok(states.has('open'), 'some were sent while the trace ran');
    const counted = receiver.points.filter(({ name }) => name === 'trace_flow.connections');
    assert.equal(counted.map(({ value }) => value).sort(), [15, 15]);
    const live = idsOf(receiver.spans.splice(0));
    await execa(process.execPath, [PROGRAM, 'read', file, '--otlp', receiver.url, '--quiet']);
    assert.equal(idsOf(receiver.spans), live);
  } finally {
    await receiver.stop();
  }
});

test('nobody there: the trace is as without it, and what did not arrive is counted', async () => {
  const receiver = await Receiver.start();
  const { url } = receiver;
  await receiver.stop();
  const { exitCode, stdout, stderr } = await trace(pings(20), url, '--json');
  assert.is(exitCode, 1);
  const { connections, coverage } = reportSchema.parse(JSON.parse(stdout));
  assert.is(connections.length, 20);
  assert.is(coverage.lostEvents, 0);
  assert.is(coverage.sealed, true);
  assert.match(stderr, /^Error: 20 of 20 connections did not reach/m);
});

test('a receiver that hangs does not hold up the trace either', async () => {
  const receiver = await Receiver.start();
  receiver.behave = () => ({ does: 'hang' });
  try {
    const { stdout, stderr } = await trace(pings(20), receiver.url, '--ndjson');
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as { readonly type: string });
    assert.is(lines.filter(({ type }) => type === 'connection').length, 20);
    assert.is(lines.at(-1)?.type, 'summary');
    assert.match(stderr, /20 of 20 connections did not reach/);
  } finally {
    await receiver.stop();
  }
});

test('pseudonyms: what a live trace sends has no name and no address of the host', async () => {
  const receiver = await Receiver.start();
  try {
    const { stderr } = await trace(pings(4), receiver.url, '--quiet', '--anonymize');
    assert.match(stderr, /^sent 4 connections/m);
    const sent = JSON.stringify([receiver.spans, receiver.points], (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    for (const name of ['redis', lab.host.ipv4, '172.17.0.2']) assert.not.match(sent, name);
    assert.match(sent, /container-\d/);
  } finally {
    await receiver.stop();
  }
});

test.run();
