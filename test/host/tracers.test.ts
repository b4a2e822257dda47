/** Lost tracers are ended only if they are marked and their owner is gone. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import * as assert from 'uvu/assert';
import { endTracer, findStrayTracers, parseMark } from '../../src/host/tracers.js';
import { readUserlandProxy } from '../../src/host/relays.js';
import type { Topology } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc, type FakeProcess } from './fake-proc.js';

const test = suite('tracers');

/** Text of /proc/PID/stat with this start time (field 22); the name is made to mislead. */
function stat(pid: number, startTime: number, state = 'S'): string {
  const fields = Array.from({ length: 49 }, (_, i) => (i === 18 ? startTime : i));
  return `${pid} (a ) S (b) ${state} ${fields.join(' ')}`;
}

function tracer(pid: number, mark: string | null, changes: Partial<FakeProcess> = {}): FakeProcess {
  const environment = mark === null ? ['PATH=/bin'] : ['PATH=/bin', `TRACE_FLOW_TRACER=${mark}`];
  const files = { stat: stat(pid, 500) };
  return { pid, namespace: 1, command: 'bpftrace', environment, files, ...changes };
}

function find(processes: FakeProcess[]): number[] {
  const proc = makeFakeProc(processes);
  try {
    return findStrayTracers(proc).map(({ pid }) => pid);
  } finally {
    removeFakeProc(proc);
  }
}

const owner: FakeProcess = { pid: 10, namespace: 1, files: { stat: stat(10, 77) } };

test('a tracer whose owner lives is nobody’s business', () => {
  assert.equal(find([owner, tracer(20, '10:77'), tracer(21, '10')]), []);
});

test('a tracer whose owner is gone, or whose owner’s pid is another’s now', () => {
  assert.equal(find([owner, tracer(20, '11:77'), tracer(21, '10:76'), tracer(22, '11')]), [
    ...[20, 21, 22],
  ]);
});

test('a zombie owns nothing', () => {
  const zombie = { ...owner, files: { stat: stat(10, 77, 'Z') } };
  assert.equal(find([zombie, tracer(20, '10:77')]), [20]);
});

test('other people’s bpftrace, and other programs of ours', () => {
  assert.equal(find([tracer(20, null), tracer(21, '11:77', { command: 'node' })]), []);
});

test('reads the mark', () => {
  assert.equal(parseMark('A=1\0TRACE_FLOW_TRACER=5:6\0'), { pid: 5, startTime: '6' });
  assert.equal(parseMark('TRACE_FLOW_TRACER=5\0'), { pid: 5, startTime: null });
  for (const text of [
    '',
    'TRACE_FLOW_TRACER=\0',
    'TRACE_FLOW_TRACER=x\0',
    'A=TRACE_FLOW_TRACER=5\0',
  ]) {
    assert.is(parseMark(text), null, text);
  }
});

test('finds and ends a real one, and leaves its living neighbour', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tracer-'));
  const program = join(folder, 'bpftrace');
  copyFileSync('/bin/sleep', program);
  const start = (mark: string) =>
    execa(program, ['60'], { reject: false, env: { TRACE_FLOW_TRACER: mark } });
  // Nobody's pid, or somebody's who started later.
  const stray = start(`${2 ** 22 - 1}:1`);
  const owned = start(String(process.pid));
  try {
    await Promise.all(
      [stray, owned].map((child) => new Promise((r) => child.nodeChildProcess.once('spawn', r))),
    );
    const found = findStrayTracers().filter(({ pid }) => pid === stray.pid || pid === owned.pid);
    assert.equal(
      found.map(({ pid }) => pid),
      [stray.pid],
    );
    const [one] = found;
    if (!one) throw new Error('none');
    assert.is(await endTracer({ ...one, startTime: '1' }), true, 'another process by now');
    assert.is(stray.nodeChildProcess.exitCode, null);
    assert.is(await endTracer(one), true);
    assert.is((await stray).signal, 'SIGINT');
  } finally {
    stray.kill();
    owned.kill();
    rmSync(folder, { recursive: true });
  }
});

const bare: Topology = {
  host: 1,
  namespaces: [],
  containers: [],
  relays: [],
  listeners: [],
  problems: [],
  engine: { version: '20.10' },
};

function readProxy(arguments_: string[][], topology: Topology = bare): boolean | null {
  const proc = makeFakeProc(
    arguments_.map((words, i) => ({
      pid: 10 + i,
      namespace: 1,
      command: 'dockerd',
      arguments: ['dockerd', ...words],
    })),
  );
  try {
    return readUserlandProxy(proc, topology);
  } finally {
    removeFakeProc(proc);
  }
}

test('userland-proxy: by a relay, by a published port without one, by the engine’s arguments', () => {
  const listens = { address: '0.0.0.0', port: 80 };
  const relay = { pid: 7, command: 'docker-proxy', arguments: [], protocol: 'tcp' as const };
  const relays = [{ ...relay, listens, target: null }];
  const published = [
    { protocol: 'tcp' as const, hostAddress: '0.0.0.0', hostPort: 80, containerPort: 80 },
  ];
  const container = {
    id: 'a',
    name: 'a',
    pid: 1,
    namespace: 2,
    networkMode: 'bridge',
    networks: [],
    published,
  };
  assert.is(readProxy([], { ...bare, relays }), true);
  assert.is(readProxy([], { ...bare, containers: [container] }), false);
  assert.is(readProxy([['--userland-proxy=false']]), false);
  assert.is(readProxy([['--userland-proxy=false', '--userland-proxy=true']]), true);
  assert.is(readProxy([['--debug']]), null);
  assert.is(readProxy([['--userland-proxy=false'], []]), null, 'which of the two engines?');
  assert.is(readProxy([['--userland-proxy=false']], { ...bare, engine: null }), null);
});

test.run();
