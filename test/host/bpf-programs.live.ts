/** BPF programs that are really attached: the kernel lists those of the namespace and no others. */
import { execa } from 'execa';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import * as assert from 'uvu/assert';
import { runCommand } from '../../src/host/command.js';
import { readSettings } from '../../src/host/settings.js';
import type { BpfPrograms } from '../../src/model/bpf-programs.js';
import { writeAttach } from '../support/attach-program.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('programs of BPF, live');
test.skipUnless(findLiveObstacle() ?? (await findObstacle()));

const NAME = `tf-programs-${process.pid}`;
let group = '';
const read = async (path: string | null): Promise<BpfPrograms | undefined> =>
  (await readSettings(runCommand, path)).routing?.programs;

test.before(async () => {
  await execa('ip', ['netns', 'add', NAME]);
  await inside('ip link add d0 type veth peer name d1');
  group = `${await findMount()}/${NAME}`;
  await mkdir(group);
  await mkdir(`${group}/inner`);
});

test.after(async () => {
  await execa('ip', ['netns', 'del', NAME], { reject: false });
  await rmdir(`${group}/inner`);
  await rmdir(group);
});

test('tcx: by device and direction, in its own namespace alone', async () => {
  if (!hasTcx()) return;
  const before = await read(`/run/netns/${NAME}`);
  assert.equal(before, { devices: [], groups: [] });
  await inside(writeAttach('tcx pass in', 'd0'));
  await inside(writeAttach('tcx pass out', 'd1'));
  const told = await read(`/run/netns/${NAME}`);
  const found = [...(told?.devices ?? [])].sort((a, b) => a.device.localeCompare(b.device));
  assert.equal(found, [
    { device: 'd0', direction: 'ingress' },
    { device: 'd1', direction: 'egress' },
  ]);
  const outside = await read(null);
  assert.not.ok(outside?.devices?.some(({ device }) => device === 'd0'));
});

test('control groups: programs of the group and of those above it, with its processes in the namespace', async () => {
  const child = spawn('nsenter', [`--net=/run/netns/${NAME}`, 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const { pid = 0 } = child;
    await once(child.stdout, 'data');
    await writeFile(`${group}/inner/cgroup.procs`, String(pid));
    await execa('sh', ['-c', writeAttach('cgroup ingress', group)]);
    await execa('sh', ['-c', writeAttach('cgroup connect4', `${group}/inner`)]);
    const told = await read(`/run/netns/${NAME}`);
    const own = told?.groups?.find((one) => one.group === `/${NAME}/inner`);
    assert.equal([own?.points, own?.pids, own?.clients], [['ingress', 'connect4'], [pid], true]);
    const outside = await read(null);
    assert.not.ok(outside?.groups?.some((one) => one.group.includes(NAME)));
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
});

/** From Linux 6.6 on. */
function hasTcx(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 6);
}

async function inside(script: string): Promise<void> {
  await execa('nsenter', [`--net=/run/netns/${NAME}`, 'sh', '-es'], { input: script });
}

async function findMount(): Promise<string | null> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const line = mounts.split('\n').find((text) => text.includes(' - cgroup2 '));
  const [, , , root, mount] = line?.split(' ') ?? [];
  return root === '/' ? (mount ?? null) : null;
}

async function findObstacle(): Promise<string | null> {
  if (process.arch !== 'x64') return 'the program is attached by the numbers of x86-64';
  if (!existsSync('/usr/bin/perl')) return 'perl is not installed';
  return (await findMount()) === null ? 'cgroup2 is not mounted' : null;
}

test.run();
