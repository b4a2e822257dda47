/** `--otlp` and `--quiet` of the program: what is read arrives, and the exit code says whether it did. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { Receiver } from '../otlp/receiver.js';
import { suite } from '../support/suite.js';

const test = suite('cli: otlp');
const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../../../samples/', import.meta.url));

async function read(sample: string, ...more: string[]) {
  const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '400' };
  const args = [PROGRAM, 'read', `${SAMPLES}${sample}`, ...more];
  return execa(process.execPath, args, { reject: false, env });
}

test('a recording: its connections arrive, with the same ids each time', async () => {
  const receiver = await Receiver.start();
  try {
    const { exitCode, stdout, stderr } = await read(
      'mixed-20.ndjson',
      ...['--otlp', receiver.url, '--quiet'],
    );
    assert.is(exitCode, 0, stderr);
    assert.is(stdout, '');
    assert.is(stderr, `sent 20 connections (60 spans) to ${receiver.url}`);
    const first = receiver.spans.splice(0).map(({ traceId, spanId }) => `${traceId} ${spanId}`);
    assert.is(new Set(first).size, 60);
    await read('mixed-20.ndjson', '--otlp', receiver.url, '--json');
    const again = receiver.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`);
    assert.equal(new Set(again), new Set(first));
  } finally {
    await receiver.stop();
  }
});

test('pseudonyms are in what is sent, and nothing else is', async () => {
  const receiver = await Receiver.start();
  try {
    await read('proxy-loopback.ndjson', '--otlp', receiver.url, '--anonymize', '--quiet');
    assert.ok(receiver.spans.length > 0);
    const sent = JSON.stringify(receiver.spans, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    for (const name of ['redis', '172.17.0.2', '172.17.0.1']) assert.not.match(sent, name);
    assert.match(sent, /container-\d/);
  } finally {
    await receiver.stop();
  }
});

test('the filters choose what is sent', async () => {
  const receiver = await Receiver.start();
  try {
    await read('mixed-20.ndjson', '--otlp', receiver.url, '--quiet', '--path', 'dnat');
    const names = receiver.spans.filter(({ parentSpanId }) => parentSpanId === '');
    assert.equal([...new Set(names.map(({ name }) => name))], ['tcp dnat']);
    assert.is(names.length, 10);
  } finally {
    await receiver.stop();
  }
});

test('nobody there: the report is printed, and the exit code is 1', async () => {
  const receiver = await Receiver.start();
  const { url } = receiver;
  await receiver.stop();
  const { exitCode, stdout, stderr } = await read('direct.ndjson', '--otlp', url);
  assert.is(exitCode, 1);
  assert.match(stdout, /answered/);
  assert.match(stderr, /^Error: 1 of 1 connection did not reach http:\/\/127/m);
  assert.match(stderr, /^Remedy: /m);
});

test('no address of a receiver is wrong usage; secrets of an address are never told', async () => {
  for (const url of ['collector', 'ftp://collector', 'http://']) {
    const { exitCode, stderr } = await read('direct.ndjson', '--otlp', url);
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, '--otlp needs the address of a receiver');
  }
  const { stderr } = await read('direct.ndjson', '--otlp', 'http://me:secret@127.0.0.1:9/?key=k1');
  assert.match(stderr, 'did not reach http://127.0.0.1:9:');
  assert.not.match(stderr, /secret|k1/);
});

test('a quiet report still says what was not met', async () => {
  const { exitCode, stdout, stderr } = await read('dropped.ndjson', '-q', '--expect', 'dnat');
  assert.is(exitCode, 4);
  assert.is(stdout, '');
  assert.match(stderr, /dropped/);
});

test('help and other commands load no package of OpenTelemetry', async () => {
  const listLoaded = async (...args: string[]): Promise<string> => {
    const env = { NODE_DEBUG: 'esm,module', OTEL_EXPORTER_OTLP_TIMEOUT: '100' };
    const run = await execa(process.execPath, [PROGRAM, ...args], { env, reject: false });
    return run.stderr;
  };
  const sample = `${SAMPLES}direct.ndjson`;
  assert.not.match(await listLoaded('--help'), /@opentelemetry/);
  assert.not.match(await listLoaded('read', sample), /@opentelemetry/);
  assert.match(await listLoaded('read', sample, '--otlp', 'http://127.0.0.1:9'), /@opentelemetry/);
});

test.run();
