// Relays of other kinds, each with clients at once: every pair of a relay's sockets against what Redis itself saw.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { traceWhile } from '../support/tracing.js';
import type { EchoResult } from './echo-clients.js';

const CLIENTS = fileURLToPath(new URL('echo-clients.js', import.meta.url));
const PASSED_ON = fileURLToPath(new URL('relay-passed-on.js', import.meta.url));
const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';
const COUNT = 7;

const test = suite('relays');
const stream = existsSync(NGINX_STREAM) ? null : 'libnginx-mod-stream is not installed';
test.skipUnless(findLiveObstacle('socat', 'haproxy', 'nginx', 'busybox') ?? stream);

let lab: Lab;
let redis: LabContainer;
let folder: string;
const started: ChildProcess[] = [];

/** A relay on the host, and what is true of the connections through it. */
interface Relay {
  readonly port: number;
  readonly command: readonly string[];
  /** Names of the relays on the way, the client's first. */
  readonly chain: readonly string[];
  /** Where the relay dials a published port: whether the trace is told of that port too. */
  readonly through?: number;
}

function listRelays(): Relay[] {
  const to = `${redis.ipv4}:6379`;
  const listen = (port: number): string => `TCP-LISTEN:${port},fork,reuseaddr,backlog=64`;
  return [
    { port: 7000, command: ['socat', listen(7000), `TCP:${to}`], chain: ['socat'] },
    {
      port: 7001,
      command: ['socat', listen(7001), 'TCP:127.0.0.1:8080'],
      chain: ['socat', 'docker-proxy'],
    },
    { port: 7002, command: ['haproxy', '-db', '-f', join(folder, 'haproxy')], chain: ['haproxy'] },
    // The same process: it dials the host's own address, and a DNAT rule takes that to the container.
    { port: 7003, command: [], chain: ['haproxy'] },
    { port: 7004, command: ['nginx', '-c', join(folder, 'nginx')], chain: ['nginx'] },
    // One process listens and makes another, which accepts, as dockerd does for docker-proxy since 28.
    {
      port: 7005,
      command: [process.execPath, PASSED_ON, '7005', redis.ipv4, '6379'],
      chain: ['node'],
    },
    {
      port: 7006,
      command: ['busybox', 'nc', '-ll', '-p', '7006', '-e', 'busybox', 'nc', redis.ipv4, '6379'],
      chain: ['busybox'],
    },
  ];
}

test.before(async () => {
  lab = await up();
  redis = await lab.run({ name: 'redis', command: REDIS, publish: ['8080:6379'] });
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-relays-'));
  const timeouts = ['client', 'server', 'connect'].map((what) => ` timeout ${what} 5s`);
  const haproxy = [
    ...['global', ' nbthread 2', 'defaults', ' mode tcp', ...timeouts],
    ...['listen a', ' bind 0.0.0.0:7002', ` server a ${redis.ipv4}:6379`],
    ...['listen b', ' bind 0.0.0.0:7003', ` server b ${lab.host.ipv4}:8080`],
  ];
  const nginx = [
    `load_module ${NGINX_STREAM};`,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;`,
    'events { worker_connections 256; }',
    `stream { server { listen 7004; proxy_pass ${redis.ipv4}:6379; } }`,
  ];
  await writeFile(join(folder, 'haproxy'), `${haproxy.join('\n')}\n`);
  await writeFile(join(folder, 'nginx'), `${nginx.join('\n')}\n`);
  for (const { command } of listRelays()) {
    if (command.length === 0) continue;
    const [file, ...args] = lab.commandIn('host', command);
    started.push(spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true }));
  }
  for (const { port } of listRelays()) await waitForListener(port);
});

test.after(async () => {
  for (const { pid } of started) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  if (folder) await rm(folder, { recursive: true });
  await lab.down();
});

async function waitForListener(port: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const { stdout } = await lab.exec('host', ['ss', '-Hltn', `sport = :${port}`]);
    if (stdout.trim() !== '') return;
    if (performance.now() > deadline) throw new Error(`nothing listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The address that Redis saw each payload come from. */
async function watchRedis(): Promise<{
  sources: () => Map<string, string>;
  stop: () => Promise<void>;
}> {
  const [file, ...args] = lab.commandIn(redis, ['redis-cli', 'monitor']);
  const monitor = execa(file, args, { buffer: false, reject: false });
  let text = '';
  monitor.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  while (!text.includes('OK')) await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    sources: () =>
      new Map(
        [...text.matchAll(/\[0 ([\d.:]+)\] "ECHO" "([^"]+)"/gi)].map((match) => [
          match[2] ?? '',
          match[1] ?? '',
        ]),
      ),
    stop: async () => {
      monitor.kill('SIGTERM');
      await monitor;
    },
  };
}

async function send(port: number, count: number): Promise<EchoResult[]> {
  const command = [CLIENTS, lab.host.ipv4, String(port), String(count), `to-${port}`, 'together'];
  const { stdout } = await lab.exec('client', [process.execPath, ...command]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as EchoResult);
}

function check(one: Connection, { payload }: EchoResult, chain: readonly string[]): void {
  assert.is(one.path, 'relay', `${payload}: ${one.reason}`);
  assert.is(one.proof, 'proven', `${payload}: ${one.reason}`);
  assert.is(one.outcome, 'answered', payload);
  assert.is(one.relay?.command, chain[0], payload);
  const sent = `*2\r\n$4\r\nECHO\r\n$${payload.length}\r\n${payload}\r\n`.length;
  assert.is(one.bytes.fromClient, sent, `${payload}: bytes`);
}

for (const [name, published] of [
  ['the container’s port in the filter', [8080]],
  ['the relays’ own ports only', []],
] as const) {
  test(`each kind, ${COUNT} clients at once, ${name}`, async () => {
    const relays = listRelays();
    const monitor = await watchRedis();
    const results = new Map<number, EchoResult[]>();
    const { report } = await traceWhile(
      lab,
      [...relays.map(({ port }) => port), ...published],
      async () => {
        await Promise.all(
          relays.map(async ({ port }) => void results.set(port, await send(port, COUNT))),
        );
      },
    );
    await monitor.stop();
    assert.ok(report.coverage.sealed, report.coverage.notes.join());
    for (const { port, chain } of relays) {
      for (const result of results.get(port) ?? []) {
        const found = report.connections.filter(({ client }) => client.port === result.port);
        assert.is(found.length, 1, `${result.payload}: seen once`);
        const [one] = found;
        if (!one) continue;
        check(one, result, chain);
        const names = (one.relays ?? [one.relay]).map((relay) => relay?.command);
        assert.equal(names, chain, result.payload);
        const last = one.relays?.at(-1) ?? one.relay;
        const seen = `${last?.client?.address}:${last?.client?.port}`;
        assert.is(seen, monitor.sources().get(result.payload), `${result.payload}: seen by Redis`);
      }
    }
    assert.is(report.connections.length, relays.length * COUNT, 'no leg of a relay is a client’s');
  });
}

test.run();
