/**
 * Disturbances while a trace runs: a tracer that dies or stops, a storm, a changed clock, an engine that hangs, a
 * reader that leaves.
 */
import { execa } from 'execa';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import { findTracers, waitUntil } from '../capture/tracing.js';
import { dial, faultSuite, parse, RUN, trace, type Told } from '../support/faults.js';

const test = faultSuite('disturbed');

const STORM_SIZE = 3_000;
/** Dials the port so often, 64 at a time. */
const STORM = `
  const net = require("node:net");
  let left = ${STORM_SIZE};
  const dial = () => {
    if (left-- <= 0) return;
    net.connect(Number(process.argv[1]), "127.0.0.1").resume().on("error", () => {}).on("close", dial);
  };
  for (let at = 0; at < 64; at++) dial();`;

/** Few bytes of memory may be locked, so that the kernel's buffers are small. */
const SMALL_BUFFERS = [
  ...['prlimit', '--memlock=8388608:8388608'],
  ...['setpriv', '--bounding-set=-ipc_lock,-sys_resource', '--inh-caps=-ipc_lock,-sys_resource'],
];

interface Line {
  readonly connection?: { readonly proof: string };
  readonly summary?: Told;
}

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

test('a bpftrace that is killed or stopped in the middle: what was final stays so, and later connections are not', async ({
  port,
  folder,
}) => {
  for (const [signal, says, exit] of [
    ['SIGABRT', /Error: bpftrace was killed by SIGABRT while tracing/, 1],
    ['SIGSTOP', /bpftrace itself was stopped \(SIGSTOP/, 0],
  ] as const) {
    const [go, done] = ['go', 'done'].map((name) => join(folder, `${signal}-${name}`));
    const wait = `until [ -e '${go}' ]; do sleep 0.05; done`;
    const script = `(${dial(port)}); ${wait}; (${dial(port)}); : >'${done}'; exec sleep 1000`;
    const args = [RUN, '--port', String(port), '--ndjson', '--', 'bash', '-c', script];
    const running = execa(process.execPath, args, { reject: false });
    // It is told at a checkpoint, up to which nothing is missing.
    await seeText(running.stdout, '{"type":"connection"');
    for (const pid of await findTracers(running.pid)) process.kill(pid, signal);
    if (signal === 'SIGSTOP') {
      writeFileSync(go ?? '', '');
      await waitUntil(() => existsSync(done ?? ''), 'the second connection');
      running.kill('SIGINT');
    }
    const { stdout, stderr, exitCode } = await running;
    assert.is(exitCode, exit, stderr);
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as Line);
    const told = lines.flatMap(({ connection }) => connection?.proof ?? []);
    assert.equal(told.filter((proof) => proof === 'proven').length, 1, told.join());
    assert.is(told[0], 'proven');
    assert.is(lines.at(-1)?.summary?.coverage.sealed, false);
    assert.match((stdout + stderr).replace(/\s+/g, ' '), says);
  }
  await waitUntil(async () => (await findTracers()).length === 0, 'the end of every tracer');
});

test('a storm while the tracer stands still: the losses are told, and memory is bounded', async ({
  port,
  folder,
}) => {
  const [go, done, end] = ['go', 'done', 'end'].map((name) => join(folder, name));
  const wait = (file = ''): string => `until [ -e '${file}' ]; do sleep 0.05; done`;
  const storm = `'${process.execPath}' -e '${STORM}' ${port}`;
  const script = `(${dial(port)}); ${wait(go)}; ${storm}; : >'${done}'; ${wait(end)}`;
  // Far less than the events of the storm would take.
  const args = ['--max-old-space-size=160', RUN, '--port', String(port), '--ndjson', '--'];
  const [file = '', ...before] = [...SMALL_BUFFERS, process.execPath];
  const running = execa(file, [...before, ...args, 'bash', '-c', script], { reject: false });
  await seeText(running.stdout, '{"type":"connection"');
  const tracers = await findTracers(running.pid);
  for (const pid of tracers) process.kill(pid, 'SIGSTOP');
  writeFileSync(go ?? '', '');
  await waitUntil(() => existsSync(done ?? ''), 'the end of the storm');
  for (const pid of tracers) process.kill(pid, 'SIGCONT');
  writeFileSync(end ?? '', '');
  const { stdout, stderr, exitCode } = await running;
  assert.is(exitCode, 0, stderr);
  const { summary } = JSON.parse(stdout.split('\n').at(-1) ?? '') as { summary: Told };
  assert.ok(summary.coverage.lostEvents > 0, 'the kernel has room for a fraction only');
  // What was over before the storm stays proven; what came in it does not.
  assert.is.not(summary.verdict.proof, 'proven');
});

test('a storm that the tracer keeps up with, or not: all of it is told, or that it is not all', async ({
  port,
}) => {
  const command = `'${process.execPath}' -e '${STORM}' ${port}`;
  const { stdout, stderr, exitCode } = await trace(port, { command, flags: ['--hops', '1'] });
  assert.is(exitCode, 0, stderr);
  const { connections, coverage, verdict } = parse(stdout);
  if (coverage.lostEvents === 0 && coverage.sealed) assert.is(connections.length, STORM_SIZE);
  else assert.is.not(verdict.proof, 'proven');
});

test('a clock that is set while tracing: it is told, and times are those of the start', async ({
  port,
  folder,
}) => {
  // The clock of this machine is others' too: the one that the program reads goes on by an hour.
  const mark = join(folder, 'set');
  const module = join(folder, 'clock.mjs');
  const code = `import { existsSync } from 'node:fs';
    const now = Date.now;
    Date.now = () => now() + (existsSync(${JSON.stringify(mark)}) ? 3_600_000 : 0);`;
  writeFileSync(module, code);
  const began = Date.now();
  const { stdout, stderr, exitCode } = await trace(port, {
    env: { NODE_OPTIONS: `--import=${module}` },
    command: `: >'${mark}'; ${dial(port)}`,
  });
  assert.is(exitCode, 0, stderr);
  const { connections, coverage, verdict } = parse(stdout);
  assert.match(coverage.notes.join(), /clock was set forward by 3600\.\d s while tracing/);
  assert.is(verdict.proof, 'proven');
  const start = Date.parse(connections[0]?.timing.start ?? '');
  assert.ok(
    began <= start && start <= Date.now(),
    `${start} is neither before nor after the trace`,
  );
});

test('an engine that accepts and never answers holds up no command', async ({ port, folder }) => {
  const path = join(folder, 'docker.sock');
  const engine = createServer().listen(path);
  await once(engine, 'listening');
  const env = { DOCKER_HOST: `unix://${path}` };
  const says = /Docker Engine at \S+ did not answer within/;
  try {
    const traced = await trace(port, { env });
    assert.is(traced.exitCode, 0, traced.stderr);
    assert.is(parse(traced.stdout).verdict.proof, 'proven');
    assert.match(traced.stderr, says);
    for (const args of [['explain', '--port', String(port)], ['doctor']]) {
      const { stdout, stderr, exitCode } = await execa(process.execPath, [RUN, ...args], {
        env,
        reject: false,
      });
      assert.is(exitCode, 0, stderr);
      assert.match((stdout + stderr).replace(/\s+/g, ' '), says);
    }
  } finally {
    engine.close();
  }
});

test('a reader that goes before the end costs no recording', async ({ port, folder }) => {
  const file = join(folder, 'kept.ndjson');
  const script = `"$@" | head -c 1 >/dev/null; exit $PIPESTATUS`;
  const through = ['bash', '-c', script, 'bash'];
  await trace(port, { through, flags: ['--record', file] });
  const { stdout, exitCode } = await execa(process.execPath, [RUN, 'read', file, '--json']);
  assert.is(exitCode, 0);
  assert.is(parse(stdout).verdict.proof, 'proven');
});

test.run();
