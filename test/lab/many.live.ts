// Many connections at once, and a rule deleted in between: each verdict and each relay pair against what Redis itself saw.

import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { traceWhile } from '../support/tracing.js';
import type { EchoResult } from './echo-clients.js';

const CLIENTS = fileURLToPath(new URL('echo-clients.js', import.meta.url));

const test = suite('many connections');
test.skipUnless(findLiveObstacle());

let lab: Lab;
let redis: LabContainer;

test.before(async () => {
  lab = await up();
  redis = await lab.run({ name: 'redis', command: REDIS, publish: ['8080:6379'] });
});

test.after(() => lab.down());

async function runClients(
  where: Where,
  host: string,
  count: number,
  name: string,
  pace: string,
): Promise<EchoResult[]> {
  const command = [process.execPath, CLIENTS, host, '8080', String(count), name, pace];
  const { stdout } = await lab.exec(where, command);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as EchoResult);
}

/** What Redis says of its clients: the address that each payload came from. */
async function watchRedis(): Promise<{ sources: Map<string, string>; stop: () => Promise<void> }> {
  const [file, ...args] = lab.commandIn(redis, ['redis-cli', 'monitor']);
  const monitor = execa(file, args, { buffer: false, reject: false });
  const sources = new Map<string, string>();
  let rest = '';
  let begun: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (begun = resolve));
  monitor.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'OK') begun();
      const match = /\[0 ([\d.:]+)\] "ECHO" "([^"]+)"/i.exec(line);
      if (match) sources.set(match[2] ?? '', match[1] ?? '');
    }
  });
  await ready;
  return {
    sources,
    stop: async () => {
      monitor.kill('SIGTERM');
      await monitor;
    },
  };
}

/** The address and port that the container saw, as the verdict has it. */
function sourceSeen({ path, relay, client }: Connection): string {
  const end = path === 'docker-proxy' ? relay?.client : client;
  return end ? `${end.address}:${end.port}` : 'unknown';
}

function find(connections: readonly Connection[], result: EchoResult): Connection {
  const found = connections.filter(({ client }) => client.port === result.port);
  assert.is(found.length, 1, `${result.payload}: one connection from port ${result.port}`);
  return found[0] as Connection;
}

function checkOne(
  connections: readonly Connection[],
  result: EchoResult,
  source: string | undefined,
): void {
  const one = find(connections, result);
  const sent = `*2\r\n$4\r\nECHO\r\n$${result.payload.length}\r\n${result.payload}\r\n`.length;
  assert.is(one.proof, 'proven', `${result.payload}: ${one.reason}`);
  assert.is(one.outcome, 'answered', result.payload);
  assert.is(one.bytes.fromClient, sent, `${result.payload}: bytes`);
  assert.is(sourceSeen(one), source, `${result.payload}: the source that Redis saw`);
}

test('50 from outside and 50 over loopback at once', async () => {
  const monitor = await watchRedis();
  let outside: EchoResult[] = [];
  let loopback: EchoResult[] = [];
  const { report } = await traceWhile(lab, [8080], async () => {
    [outside, loopback] = await Promise.all([
      runClients('client', lab.host.ipv4, 50, 'outside', 'together'),
      runClients('host', '127.0.0.1', 50, 'loopback', 'together'),
    ]);
  });
  await monitor.stop();
  assert.is(report.coverage.lostEvents, 0);
  assert.is(report.connections.length, 100);
  assert.is(report.verdict.path, 'mixed');
  assert.is(report.verdict.proof, 'proven');
  for (const [results, path] of [
    [outside, 'dnat'],
    [loopback, 'docker-proxy'],
  ] as const) {
    for (const result of results) {
      assert.is(find(report.connections, result).path, path, result.payload);
      checkOne(report.connections, result, monitor.sources.get(result.payload));
    }
  }
});

test('the DNAT rule is deleted while clients keep connecting', async () => {
  const monitor = await watchRedis();
  let results: EchoResult[] = [];
  const { report } = await traceWhile(lab, [8080], async () => {
    const clients = runClients('client', lab.host.ipv4, 23, 'changing', '40');
    await new Promise((resolve) => setTimeout(resolve, 700));
    const rule = ['!', '-i', 'docker0', '-p', 'tcp', '-m', 'tcp', '--dport', '8080'];
    await lab.exec('host', [
      'iptables',
      '-t',
      'nat',
      '-D',
      'DOCKER',
      ...rule,
      '-j',
      'DNAT',
      '--to-destination',
      `${redis.ipv4}:6379`,
    ]);
    results = await clients;
  });
  await monitor.stop();
  const paths = results.map((result) => {
    const source = monitor.sources.get(result.payload);
    checkOne(report.connections, result, source);
    // Redis itself tells the path: it sees the client under DNAT, and the bridge's gateway behind docker-proxy.
    const truth = source?.startsWith(`${redis.gateway}:`) ? 'docker-proxy' : 'dnat';
    assert.is(
      find(report.connections, result).path,
      truth,
      `${result.payload} from ${source ?? 'nowhere'}`,
    );
    return truth;
  });
  const change = paths.indexOf('docker-proxy');
  assert.ok(change > 0, 'some before the change, some after');
  assert.ok(
    paths.slice(change).every((path) => path === 'docker-proxy'),
    'one change',
  );
  assert.is(report.verdict.path, 'mixed');
  assert.is(report.verdict.proof, 'proven');
});

test.run();
