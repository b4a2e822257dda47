/** What is behind a port driver: ports that are traced too, and the container where only one is possible. */
import * as assert from 'uvu/assert';
import { describeBehind, findBehind, findContainerBehind } from '../../src/model/behind-drivers.js';
import { resolvePorts } from '../../src/model/target.js';
import type { Container, Listener, PortDriver, Topology } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('behind port drivers');

const HOST = 1;
const INSIDE = 2;

function container(name: string, more: Partial<Container> = {}): Container {
  const base = { pid: 20, namespace: INSIDE, networkMode: 'none', networks: [], published: [] };
  return { id: name, name, ...base, ...more };
}

function listen(namespace: number, port: number, more: Partial<Listener> = {}): Listener {
  const local = { address: '0.0.0.0', port };
  return { namespace, protocol: 'tcp', local, pid: 20, command: 'redis-server', ...more };
}

const outer = listen(HOST, 20379, { pid: 7, command: 'rootlessport' });
const driver: PortDriver = { pid: 7, command: 'rootlessport', namespaces: [INSIDE], ports: [] };
const pasta: PortDriver = {
  ...driver,
  command: 'pasta',
  ports: [{ protocol: 'tcp', hostPort: 20379, containerPort: 6379 }],
};
const tap = { ifindex: 2, name: 'tap0', kind: 'other', addresses: ['10.0.2.100/24'] } as const;

function lay(
  drivers: PortDriver[],
  inner: Listener[],
  containers: Container[] = [container('redis')],
): Topology {
  const device = { ...tap, addresses: [...tap.addresses] };
  const devices = [{ ...device, master: null, peerIfindex: null, peerNamespace: null }];
  return {
    host: HOST,
    relays: [],
    engine: null,
    problems: [],
    containers,
    drivers,
    namespaces: [{ inode: INSIDE, name: 'redis', role: 'container', devices }],
    listeners: [outer, ...inner],
  };
}

test('the published port alone leads to the container’s', () => {
  const target = resolvePorts(lay([driver], [listen(INSIDE, 6379)]), { ports: [20379] });
  assert.equal(target.ports, [6379, 20379]);
  assert.equal(target.containers, ['redis']);
});

test('a driver that does not say where it leads may lead to every open port, and not to what is for the container alone', () => {
  const local = { address: '127.0.0.1', port: 99 };
  const inner = [listen(INSIDE, 6379), listen(INSIDE, 80), { ...listen(INSIDE, 99), local }];
  const topology = lay([driver], inner);
  assert.equal(findBehind(topology, [20379], 'all').ports, [6379, 80]);
  assert.equal(findBehind(topology, [20379], 'udp').ports, []);
  assert.equal(findBehind(topology, [20380], 'all').ports, [], 'a port that it does not take');
  assert.is(describeBehind(topology, driver, 'tcp', 20379), null, 'which port is not known');
});

test('pasta’s arguments name the one port', () => {
  const topology = lay([pasta], [listen(INSIDE, 6379), listen(INSIDE, 80)]);
  assert.equal(findBehind(topology, [20379], 'all').ports, [6379]);
  assert.equal(describeBehind(topology, pasta, 'tcp', 20379), {
    address: '10.0.2.100',
    port: 6379,
    name: 'redis',
  });
});

test('rootlesskit leads on to the docker-proxy in the engine’s namespace, and to the container that is wired to it', () => {
  const kit = { ...driver, command: 'rootlesskit' };
  const target = { address: '172.17.0.2', port: 6379 };
  const listens = { address: '127.0.0.1', port: 20379 };
  const proxy = { pid: 9, command: 'docker-proxy', arguments: [], protocol: 'tcp' } as const;
  const network = { name: 'bridge', bridge: 'docker0', addresses: ['172.17.0.2'], gateway: null };
  const place = (name: string, namespace: number): Container =>
    container(name, { namespace, networks: [network] });
  const wire = (inode: number, peerNamespace: number): Topology['namespaces'][number] => ({
    inode,
    name: `n${inode}`,
    role: 'container',
    devices: [{ ...tap, kind: 'veth', addresses: [], master: null, peerIfindex: 3, peerNamespace }],
  });
  const topology: Topology = {
    ...lay([kit], [], [place('rootful', 3), place('redis', 4)]),
    relays: [{ ...proxy, listens, target, namespace: INSIDE }],
    namespaces: [wire(3, HOST), wire(4, INSIDE)],
  };
  assert.equal(describeBehind(topology, kit, 'tcp', 20379), { ...target, name: 'redis' });
  assert.is(describeBehind(topology, kit, 'udp', 20379), null, 'another protocol');
  assert.is(describeBehind(topology, kit, 'tcp', 20380), null, 'another port');
  const outside = { ...topology, relays: [{ ...proxy, listens, target }] };
  assert.is(describeBehind(outside, kit, 'tcp', 20379), null, 'the host’s own docker-proxy');
});

test('no container is told where several can be meant', () => {
  const two = [container('redis'), container('web', { pid: 21 })];
  const at = { protocol: 'tcp', port: 20379 } as const;
  const open = [listen(INSIDE, 6379)];
  assert.is(findContainerBehind(lay([driver], open, two), driver, at), null);
  const known = [listen(INSIDE, 6379, { container: 'web' })];
  assert.is(findContainerBehind(lay([pasta], known, two), pasta, at)?.name, 'web');
  const lost = { ...driver, namespaces: [] };
  assert.is(findContainerBehind(lay([lost], open), lost, at), null);
  const split = { ...driver, namespaces: [INSIDE, 3] };
  assert.is(findContainerBehind(lay([split], open), split, at), null);
});

test.run();
