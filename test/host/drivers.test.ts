/** Port drivers of rootless engines: where they lead by their children or arguments, and which ports pasta's arguments tell. */
import * as assert from 'uvu/assert';
import { Ancestry } from '../../src/host/ancestry.js';
import { listDrivers, readPastaPorts } from '../../src/host/drivers.js';
import { listProcesses } from '../../src/host/procfs.js';
import type { PortDriver } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc, type FakeProcess } from './fake-proc.js';

const test = suite('port drivers');

const HOST = 100;
const INSIDE = 200;
const PATH = '/run/user/1000/netns/netns-1';

function read(...processes: readonly FakeProcess[]): PortDriver[] {
  const proc = makeFakeProc(processes);
  try {
    const entries = listProcesses(proc);
    const ancestry = new Ancestry(proc, entries);
    const paths = new Map([[PATH, INSIDE]]);
    return listDrivers({ proc, host: HOST, processes: entries, ancestry, paths });
  } finally {
    removeFakeProc(proc);
  }
}

function driver(command: string, ...words: readonly string[]): FakeProcess {
  return { pid: 10, namespace: HOST, command, arguments: [command, ...words], parent: 1 };
}

test('rootlesskit and rootlessport lead to where their children are', () => {
  const child: FakeProcess = { pid: 11, namespace: INSIDE, command: 'exe', parent: 10 };
  assert.equal(read(driver('rootlesskit', '--net=slirp4netns'), child), [
    { pid: 10, command: 'rootlesskit', namespaces: [INSIDE], ports: [] },
  ]);
  const beside = { ...child, namespace: HOST };
  assert.equal(read(driver('rootlessport'), beside)[0]?.namespaces, [], 'a child beside it');
});

test('pasta and slirp4netns lead to what their arguments name', () => {
  const ports = [{ protocol: 'tcp', hostPort: 20379, containerPort: 6379 }] as const;
  const words = ['--config-net', '-t', '20379-20379:6379-6379', '--netns', PATH];
  assert.equal(read(driver('pasta.avx2', ...words)), [
    { pid: 10, command: 'pasta.avx2', namespaces: [INSIDE], ports: [...ports] },
  ]);
  const inner: FakeProcess = { pid: 42, namespace: INSIDE, parent: 1 };
  assert.equal(read(driver('slirp4netns', '-c', '42', 'tap0'), inner)[0]?.namespaces, []);
  assert.equal(read(driver('slirp4netns', '-c', '-r', '3', '42', 'tap0'), inner)[0]?.namespaces, [
    INSIDE,
  ]);
  const option = driver('slirp4netns', '-r', '42', '--netns-type=path', PATH, 'tap0');
  assert.equal(read(option, { ...inner, namespace: 300 })[0]?.namespaces, [INSIDE], 'a descriptor');
  assert.equal(read(driver('slirp4netns', '/run/elsewhere', 'tap0'))[0]?.namespaces, []);
  const whole = driver('pasta', '--udp-ports=auto', '42');
  assert.equal(read(whole, inner)[0]?.namespaces, [INSIDE], 'an option with its value');
});

test('a number in arguments is one of the process namespace that the driver is in', () => {
  const words = ['--tcp-ports=auto', '7'];
  const pasta = { ...driver('pasta', ...words), inner: { number: 9, space: 'a' } };
  const other: FakeProcess = { pid: 7, namespace: 300, parent: 1 };
  const same: FakeProcess = { pid: 40, namespace: INSIDE, inner: { number: 7, space: 'a' } };
  const apart: FakeProcess = { pid: 41, namespace: 301, inner: { number: 7, space: 'b' } };
  assert.equal(read(pasta, other, same, apart)[0]?.namespaces, [INSIDE]);
  assert.equal(read(pasta, other, apart)[0]?.namespaces, []);
});

test('what is no driver of the host is none', () => {
  assert.equal(read(driver('docker-proxy')), []);
  assert.equal(read({ ...driver('pasta', '--netns', PATH), namespace: 300 }), []);
});

test('pasta’s ports: ranges, addresses, lists; nothing of what they do not say', () => {
  const tcp = (hostPort: number, containerPort: number): object => ({
    protocol: 'tcp',
    hostPort,
    containerPort,
  });
  assert.equal(readPastaPorts(['pasta', '-t', '80-81:8080-8081,127.0.0.1/90']), [
    ...[tcp(80, 8080), tcp(81, 8081), tcp(90, 90)],
  ]);
  assert.equal(readPastaPorts(['pasta', '-u', '53:5353'])[0]?.protocol, 'udp');
  assert.equal(readPastaPorts(['pasta', '-t', 'none', '-u', 'auto', '-T', '90', '-t', '~80']), []);
});

test.run();
