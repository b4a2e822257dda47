/** Faults of the machine, each made for real: little room, few rights, low limits, a tracer that dies or stops, a hostile environment. */
import { execa } from 'execa';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { findTracers, waitUntil } from '../capture/tracing.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const RUN = join(PROJECT, 'bin/run.js');

const test = suite<{ folder: string; server: Server; port: number }>('faults', {
  folder: '',
  server: createServer(),
  port: 0,
});
test.skipUnless(findLiveObstacle('setpriv', 'prlimit'));
test.before.each(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-faults-'));
  context.server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('hello\n');
    socket.resume();
  }).listen(0, '127.0.0.1');
  await once(context.server, 'listening');
  context.port = (context.server.address() as AddressInfo).port;
});
test.after.each(({ folder, server }) => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** One connection to the server, to its end. */
const dial = (port: number): string => `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3`;

interface Options {
  /** Starts the program: `setpriv …`, `prlimit …`. */
  readonly through?: readonly string[];
  readonly env?: Record<string, string>;
  /** In bash, beside the trace. */
  readonly command?: string;
  readonly flags?: readonly string[];
}

function trace(port: number, options: Options = {}) {
  const { through = [], env = {}, command = dial(port), flags = [] } = options;
  const own = [process.execPath, RUN, '--port', String(port), '--json', ...flags];
  const [file = '', ...args] = [...through, ...own, '--', 'bash', '-c', command];
  return execa(file, args, { reject: false, env });
}

interface Told {
  readonly verdict: { readonly proof: string };
  readonly connections: readonly { readonly path: string; readonly proof: string }[];
  readonly coverage: { readonly sealed: boolean };
}

const parse = (text: string): Told => JSON.parse(text) as Told;

/** Waits until `wanted` is in what comes. */
async function seeText(stream: Readable, wanted: string): Promise<void> {
  let text = '';
  await new Promise<void>((resolve) => {
    stream.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (text.includes(wanted)) resolve();
    });
    stream.once('close', resolve);
  });
}

/** Runs `inner` in a mount namespace where tracefs is mounted, with these capabilities alone. */
const withCapabilities = (list: string): string[] => [
  ...['unshare', '-m', '--propagation', 'private', 'sh', '-c'],
  `[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"`,
  ...['sh', 'setpriv', `--bounding-set=${list}`, `--inh-caps=${list}`],
];

test('CAP_SYS_ADMIN alone is enough to trace; what is missing is said', async ({ port }) => {
  const through = withCapabilities('-all,+sys_admin');
  const { stdout, stderr, exitCode } = await trace(port, { through });
  assert.is(exitCode, 0, stderr);
  assert.is(parse(stdout).connections.length, 1);
  for (const name of ['CAP_NET_ADMIN', 'CAP_SYS_PTRACE']) {
    assert.match(stderr, new RegExp(`^warning: root lacks ${name} here: `, 'm'));
  }
});

test('the capability that is missing is named, never "needs root" to root', async ({ port }) => {
  for (const list of ['-all', '-all,+bpf,+perfmon,+net_admin,+sys_ptrace']) {
    const { stderr, exitCode } = await trace(port, { through: withCapabilities(list) });
    assert.is(exitCode, 1);
    assert.match(stderr, /^Error: root lacks CAP_SYS_ADMIN here/m);
    assert.match(stderr, /^Remedy: give it: /m);
  }
  const nested = await trace(port, { through: ['unshare', '--user', '--map-root-user'] });
  assert.is(nested.exitCode, 1);
  assert.match(nested.stderr, /^Error: this is root of a user namespace only/m);
});

test('a temporary folder without room is refused before anything starts', async ({
  port,
  folder,
}) => {
  const script = `mount -t tmpfs -o size=1m tmpfs "$0"; TMPDIR="$0" exec "$@"`;
  const through = ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, folder];
  const { stdout, stderr, exitCode } = await trace(port, { through });
  assert.is(exitCode, 1);
  assert.is(stdout, '');
  assert.match(stderr, /^Error: the temporary folder .* has room for [\d.]+ MiB only/m);
  assert.match(stderr, /^Remedy: .*TMPDIR/m);
});

test('a temporary folder that gets full ends the trace, which reports what it saw', async ({
  port,
  folder,
}) => {
  const script = `mount -t tmpfs -o size=24m tmpfs "$0"; TMPDIR="$0" exec "$@"`;
  const through = ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, folder];
  const command = `(${dial(port)}); head -c 21m /dev/zero >"$TMPDIR/filler"; sleep 1000`;
  const { stdout, stderr, exitCode } = await trace(port, { through, command });
  assert.is(exitCode, 1, stderr);
  const { connections, coverage } = parse(stdout);
  assert.is(connections.length, 1);
  assert.is(coverage.sealed, true, 'it ended in time: there was room for its last words');
  assert.match(stderr, /^Error: the temporary folder .* is full .* the trace ended by itself/m);
});

test('a bpftrace that is killed or stopped in the middle: what was seen is reported', async ({
  port,
}) => {
  for (const [signal, says, exit] of [
    ['SIGABRT', /Error: bpftrace was killed by SIGABRT while tracing/, 1],
    ['SIGSTOP', /bpftrace itself was stopped \(SIGSTOP/, 0],
  ] as const) {
    const args = [RUN, '--port', String(port), '--ndjson', '--', 'bash', '-c'];
    const running = execa(process.execPath, [...args, `(${dial(port)}); exec sleep 1000`], {
      reject: false,
    });
    // As soon as a connection is told, it is on this side of the tracer.
    await seeText(running.stdout, '{"type":"connection"');
    for (const pid of await findTracers(running.pid)) process.kill(pid, signal);
    if (signal === 'SIGSTOP') running.kill('SIGINT');
    const { stdout, stderr, exitCode } = await running;
    assert.is(exitCode, exit, stderr);
    const { summary } = JSON.parse(stdout.split('\n').at(-1) ?? '') as { summary: Told };
    assert.is(summary.coverage.sealed, false);
    assert.is.not(summary.verdict.proof, 'proven');
    assert.match(stdout + stderr, says);
  }
  await waitUntil(async () => (await findTracers()).length === 0, 'the end of every tracer');
});

test('256 descriptors are enough', async ({ port }) => {
  const many = `for i in $(seq 100); do (${dial(port)}) & done; wait`;
  const { stdout, stderr, exitCode } = await trace(port, {
    through: ['prlimit', '--nofile=256'],
    command: many,
  });
  assert.is(exitCode, 0, stderr);
  assert.is(parse(stdout).connections.length, 100);
});

test('files that may not grow: the limit is named', async ({ port }) => {
  const many = `for i in $(seq 300); do (${dial(port)}); done`;
  const { stderr, exitCode } = await trace(port, {
    through: ['prlimit', '--fsize=65536'],
    command: many,
  });
  assert.is(exitCode, 1);
  assert.match(stderr, /SIGXFSZ.*ulimit -f|ulimit -f/);
  assert.not.match(stderr, /^\s+at /m);
});

test('settings and programs of the caller play no part', async ({ port, folder }) => {
  // With it bpftrace takes no program of several probes.
  const env = { BPFTRACE_MAX_PROBES: '1' };
  const { exitCode, stderr } = await trace(port, { env });
  assert.is(exitCode, 0, stderr);
  const asked = await trace(port, { env, flags: ['--bpftrace-env', '--probes', 'tracepoint'] });
  assert.is(asked.exitCode, 1);

  const fakes = join(folder, 'bin');
  const mark = join(folder, 'mark');
  mkdirSync(fakes);
  for (const name of ['bpftrace', 'ip', 'nsenter', 'setpriv', 'unshare', 'sh', 'nft']) {
    writeFileSync(join(fakes, name), `#!/bin/sh\n: >"${mark}"\nexit 1\n`);
    chmodSync(join(fakes, name), 0o755);
  }
  const hostile = await trace(port, { env: { PATH: `${fakes}:${process.env['PATH'] ?? ''}` } });
  assert.is(hostile.exitCode, 0, hostile.stderr);
  assert.not.ok(existsSync(mark));
});

test.run();
