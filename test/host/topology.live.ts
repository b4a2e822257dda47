/** The topology of a real engine's host: every veth to its container, also beside a decoy with the same ifindexes. */
import { execa } from 'execa';
import { readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { runCommand } from '../../src/host/command.js';
import { readText } from '../../src/host/procfs.js';
import { readTopology, type TopologyOptions } from '../../src/host/topology.js';
import { REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import { resolvePorts } from '../../src/model/target.js';
import type { Device, NamespaceInfo, Topology } from '../../src/model/topology.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('topology of a real host');
test.skipUnless(findLiveObstacle('unshare'));

let lab: Lab;
let redis: LabContainer;
const containers: LabContainer[] = [];

test.before(async () => {
  lab = await up();
  await lab.docker(['network', 'create', 'back']);
  const waitFor = [{ protocol: 'tcp' as const, port: 6379 }];
  redis = await lab.run({ name: 'redis', command: REDIS, publish: ['8080:6379'], waitFor });
  containers.push(redis);
  for (const name of ['one', 'two', 'three']) {
    containers.push(await lab.run({ name, command: REDIS, waitFor }));
  }
  containers.push(await lab.run({ name: 'other', command: REDIS, network: 'back', waitFor }));
  await lab.run({ name: 'joined', command: ['sleep', '1000'], network: 'container:redis' });
  await lab.run({ name: 'onhost', command: ['sleep', '1000'], network: 'host' });
});
test.after(async () => {
  await lab.down();
});

async function read(options: TopologyOptions = {}): Promise<Topology> {
  return readTopology({ netns: lab.host.netns, dockerHost: lab.dockerHost, ...options });
}

function find(topology: Topology, name: string): NamespaceInfo {
  const namespace = topology.namespaces.find((candidate) => candidate.name === name);
  if (!namespace) throw new Error(`no namespace ${name}`);
  return namespace;
}

function findDevice(namespace: NamespaceInfo, test: (device: Device) => boolean): Device {
  const device = namespace.devices.find(test);
  if (!device) throw new Error(`no such device in ${namespace.name}`);
  return device;
}

function inodeOf(path: string): number {
  return Number(/\d+/.exec(readlinkSync(path))?.[0]);
}

function readIndex(container: LabContainer, file: 'ifindex' | 'iflink'): number {
  const path = `/proc/${container.pid}/root/sys/class/net/eth0/${file}`;
  return Number(readFileSync(path, 'utf8'));
}

/** Every container's eth0 and its veth lead to each other, and the veth is a port of the right bridge. */
function checkPairs(topology: Topology): void {
  const host = find(topology, 'host');
  for (const container of containers) {
    const inside = find(topology, container.name);
    assert.is(inside.inode, inodeOf(container.netns));
    const eth0 = findDevice(inside, ({ name }) => name === 'eth0');
    assert.is(eth0.ifindex, readIndex(container, 'ifindex'));
    assert.is(eth0.peerIfindex, readIndex(container, 'iflink'));
    assert.is(eth0.peerNamespace, host.inode);
    assert.ok(eth0.addresses.includes(`${container.ipv4}/16`));
    const port = findDevice(host, ({ ifindex }) => ifindex === eth0.peerIfindex);
    assert.equal([port.peerIfindex, port.peerNamespace], [eth0.ifindex, inside.inode]);
    const bridge = findDevice(host, ({ ifindex }) => ifindex === port.master);
    const network = topology.containers.find(({ name }) => name === container.name)?.networks[0];
    assert.is(network?.bridge, bridge.name);
    assert.equal(network?.addresses, [container.ipv4]);
    assert.ok(bridge.addresses.includes(`${network?.gateway ?? ''}/16`));
  }
}

test('every container, its namespace, veth and bridge', async () => {
  const topology = await read();
  assert.equal(topology.problems, []);
  checkPairs(topology);
  assert.is(find(topology, 'host').inode, inodeOf(lab.host.netns));
  assert.equal(
    topology.containers.map(({ name, networkMode }) => `${name} ${networkMode}`),
    [
      'joined container:redis',
      'one bridge',
      'onhost host',
      'other back',
      'redis bridge',
      'three bridge',
      'two bridge',
    ],
  );
});

test('the client host is there, and the machine’s own namespace is not', async () => {
  const client = inodeOf(lab.client.netns);
  const { namespaces } = await read({ names: new Map([[client, 'client']]) });
  const info = namespaces.find(({ inode }) => inode === client);
  assert.equal([info?.name, info?.role], ['client', 'other']);
  const own = inodeOf('/proc/self/ns/net');
  assert.not(namespaces.some(({ inode }) => inode === own));
});

test('relays and listeners with their processes', async () => {
  const { relays, listeners } = await read();
  assert.equal(
    relays.map(({ protocol, listens, target }) =>
      [protocol, listens.address, listens.port, target?.address, target?.port].join(' '),
    ),
    [`tcp 0.0.0.0 8080 ${redis.ipv4} 6379`, `tcp :: 8080 ${redis.ipv4} 6379`],
  );
  const published = listeners.filter(({ local }) => local.port === 8080);
  assert.equal(
    published.map(({ pid, command }) => `${pid ?? 0} ${command ?? ''}`),
    relays.map(({ pid }) => `${pid} docker-proxy`),
  );
  const inside = listeners.find(({ namespace }) => namespace === inodeOf(redis.netns));
  assert.equal([inside?.pid, inside?.command], [redis.pid, 'redis-server']);
});

test('the ports of a query', async () => {
  const topology = await read();
  for (const query of [{ ports: [8080] }, { containers: ['redis'] }, {}]) {
    const { ports, containers: names, addresses } = resolvePorts(topology, query);
    assert.equal([ports, names, addresses], [[6379, 8080], ['redis'], [redis.ipv4]]);
  }
  // The port inside is that of all who listen on it, published or not.
  const inside = resolvePorts(topology, { ports: [6379] });
  assert.equal(inside.ports, [6379, 8080]);
  assert.equal(inside.containers, ['joined', 'one', 'other', 'redis', 'three', 'two']);
  assert.equal(inside.addresses, containers.map(({ ipv4 }) => ipv4).sort());
});

test('a decoy with the same ifindexes, connected to the same host, is not confused', async () => {
  const hold = async (): Promise<number> => {
    const [file, ...words] = lab.commandIn('host', ['unshare', '--net', 'sleep', 'infinity']);
    const { pid } = execa(file, words, { reject: false, stdio: 'ignore' });
    if (pid === undefined) throw new Error('unshare did not start');
    const places = [lab.host.netns, '/proc/self/ns/net'].map(inodeOf);
    while (places.includes(inodeOf(`/proc/${pid}/ns/net`))) await new Promise(setImmediate);
    return pid;
  };
  const [near, far] = [await hold(), await hold()];
  const ip = async (netns: string, line: string): Promise<void> => {
    const done = await runCommand('nsenter', [`--net=${netns}`, 'ip', ...line.split(' ')]);
    assert.ok(done.ok, done.message);
  };
  const index = readIndex(redis, 'ifindex');
  const link = readIndex(redis, 'iflink');
  await ip(lab.host.netns, `link add decoy0 type veth peer name up0 netns ${near}`);
  await ip(
    `/proc/${near}/ns/net`,
    `link add eth0 index ${index} type veth peer name far0 index ${link} netns ${far}`,
  );
  try {
    const topology = await read();
    checkPairs(topology);
    const decoy = find(topology, `netns-${inodeOf(`/proc/${near}/ns/net`)}`);
    const eth0 = findDevice(decoy, ({ name }) => name === 'eth0');
    assert.equal([eth0.ifindex, eth0.peerIfindex], [index, link]);
    assert.is(eth0.peerNamespace, inodeOf(`/proc/${far}/ns/net`));
    const behind = find(topology, `netns-${inodeOf(`/proc/${far}/ns/net`)}`);
    assert.is(findDevice(behind, ({ name }) => name === 'far0').peerNamespace, decoy.inode);
  } finally {
    process.kill(near);
    process.kill(far);
  }
});

test('many namespaces: every one is read, soon', async () => {
  const count = 149; // a list of their numbers as a whole would end after 134
  const script = `for i in $(seq ${count}); do unshare --net sleep infinity & done; wait`;
  const [file, ...words] = lab.commandIn('host', ['sh', '-c', script]);
  const parent = execa(file, words, { reject: false, stdio: 'ignore' });
  try {
    const pids = await awaitNamespaces(parent.pid ?? 0, count);
    const lines = pids.map((pid) => `link add s${pid} type veth peer name eth0 netns ${pid}\n`);
    const ip = [`--net=${lab.host.netns}`, 'ip', '-batch', '-'];
    const made = await runCommand('nsenter', ip, { input: lines.join(''), timeout: 60_000 });
    assert.ok(made.ok, made.message);
    const start = performance.now();
    const topology = await read();
    const milliseconds = performance.now() - start;
    assert.equal(topology.problems, []);
    checkPairs(topology);
    for (const pid of pids) {
      const inode = inodeOf(`/proc/${pid}/ns/net`);
      const port = findDevice(find(topology, 'host'), ({ name }) => name === `s${pid}`);
      assert.is(port.peerNamespace, inode);
    }
    assert.ok(milliseconds < 5_000, `${milliseconds} ms`);
  } finally {
    for (const pid of listChildren(parent.pid ?? 0)) process.kill(pid, 'SIGKILL');
    parent.kill('SIGKILL');
    await parent;
  }
});

function listChildren(pid: number): number[] {
  const text = readText(`/proc/${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

/** Waits until a process has so many children, each in a network namespace of its own. */
async function awaitNamespaces(parent: number, count: number): Promise<number[]> {
  const outer = [inodeOf(lab.host.netns), inodeOf('/proc/self/ns/net')];
  while (true) {
    const inside = listChildren(parent).filter(
      (pid) => !outer.includes(inodeOf(`/proc/${pid}/ns/net`)),
    );
    if (inside.length === count) return inside;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('without an engine that answers: containers by the processes that keep them', async () => {
  const topology = await read({ dockerHost: 'unix:///nowhere/docker.sock' });
  assert.is(topology.engine, null);
  const found = topology.containers.find((one) => one.name === 'redis');
  assert.equal(
    [found?.id, found?.namespace, found?.networks.flatMap(({ addresses }) => addresses)],
    [redis.id, inodeOf(redis.netns), [redis.ipv4]],
  );
  assert.match(topology.problems.join(), /no Docker Engine at \/nowhere\/docker\.sock/);
  const eth0 = findDevice(find(topology, 'redis'), (device) => device.name === 'eth0');
  assert.is(eth0.peerNamespace, topology.host);
  const target = resolvePorts(topology, { ports: [8080] });
  assert.equal([target.ports, target.addresses], [[6379, 8080], [redis.ipv4]]);
});

test('beside an engine that accepts and never answers', async () => {
  const socket = join(lab.folder, 'hang.sock');
  const server = createServer((connection) => connection.resume());
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const start = performance.now();
    const topology = await read({ dockerHost: `unix://${socket}`, dockerTimeout: 300 });
    assert.ok(performance.now() - start < 2_000);
    assert.match(topology.problems.join(), /did not answer within 300 ms/);
    assert.ok(topology.namespaces.length >= containers.length);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test('an engine of another host lends no names', async () => {
  const topology = await read({ netns: 'self' });
  assert.equal([topology.engine, topology.containers], [null, []]);
  assert.match(topology.problems.join(), /serves another network namespace.*--netns pid:\d+/);
});

test.run();
