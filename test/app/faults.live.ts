/** Faults of the machine, each made for real: few rights, little room, low limits, a hostile environment. */
import { execa } from 'execa';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { dial, faultSuite, parse, PROJECT, trace } from '../support/faults.js';

const LAUNCHER = join(PROJECT, 'bin/trace-flow');
const SAMPLE = join(PROJECT, 'samples/dnat-outside.ndjson');

const test = faultSuite('faults');

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

test('the five capabilities that it names, and CAP_SYS_ADMIN, are all that it asks for', async ({
  port,
}) => {
  const through = withCapabilities('-all,+bpf,+perfmon,+net_admin,+sys_ptrace,+sys_admin');
  const { stdout, stderr, exitCode } = await trace(port, { through });
  assert.is(exitCode, 0, stderr);
  assert.equal(
    parse(stdout).connections.map(({ proof }) => proof),
    ['proven'],
  );
  assert.not.match(stderr, /lacks/);
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

test('little memory, few files, few processes: refused by the launcher, each with its limit', async ({
  port,
}) => {
  const plain = ['setpriv', '--reuid=65533', '--clear-groups', '--inh-caps=-all'];
  for (const [limit, says] of [
    [['prlimit', `--as=${1 << 30}`], /^Error: a process may use only 1024 MiB .*\(ulimit -v\)/],
    [['prlimit', '--nofile=24'], /^Error: only 24 files may be open .*\(ulimit -n\)/],
    [[...plain, 'prlimit', '--nproc=4'], /^Error: no more processes may be started here/],
  ] as const) {
    const [file = '', ...args] = [...limit, LAUNCHER, 'read', SAMPLE];
    const { stderr, exitCode } = await execa(file, args, { reject: false });
    assert.is(exitCode, 1, stderr);
    assert.match(stderr, says);
    assert.match(stderr, /^Remedy: .*\(ulimit -[vnu]/m);
    assert.not.match(stderr, /^\s+at |Fatal|fork/m);
  }
  // What is enough for Node may be too little for the probes: they work, or the limit is named.
  const { stdout, stderr, exitCode } = await trace(port, {
    through: ['prlimit', `--as=${2 * 1024 ** 3}`],
  });
  if (exitCode === 0) assert.is(parse(stdout).connections.length, 1);
  else assert.match(stderr, /^Remedy: .*ulimit -v/m);
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
