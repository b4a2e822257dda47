/** Containers are placed into namespaces: an engine of another host must not lend its names to this one. */
import * as assert from 'uvu/assert';
import type { EngineContainer } from '../../src/host/docker-answers.js';
import { nameNamespaces } from '../../src/host/naming.js';
import { placeContainers } from '../../src/host/placement.js';
import type { Container, Device } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('placement');

const HOST = 100;
const OTHER_HOST = 200;
const REDIS = 300;

function container(changes: Partial<EngineContainer> = {}): EngineContainer {
  const bridge = { name: 'bridge', bridge: 'docker0', addresses: ['172.17.0.2'], gateway: null };
  return {
    id: 'abc',
    name: 'redis',
    pid: 7,
    networkMode: 'bridge',
    networks: [bridge],
    published: [],
    ...changes,
  };
}

function device(changes: Partial<Device>): Device {
  return {
    ifindex: 1,
    name: 'lo',
    kind: 'loopback',
    addresses: [],
    master: null,
    peerIfindex: null,
    peerNamespace: null,
    ...changes,
  };
}

function eth0(peerNamespace: number | null, address = '172.17.0.2/16'): Device {
  return device({
    ifindex: 4,
    name: 'eth0',
    kind: 'veth',
    addresses: [address],
    peerIfindex: 5,
    peerNamespace,
  });
}

const bridge = device({ ifindex: 3, name: 'docker0', kind: 'bridge' });
const port = device({ ifindex: 5, name: 'veth1', kind: 'veth', master: 3, peerNamespace: REDIS });

function place(
  containers: EngineContainer[],
  inside: Device[],
  namespace = REDIS,
): ReturnType<typeof placeContainers> {
  return placeContainers({
    host: HOST,
    containers,
    namespaces: new Map([[7, namespace]]),
    devices: new Map([
      [HOST, [bridge, port]],
      [OTHER_HOST, [bridge, port]],
      [REDIS, inside],
    ]),
  });
}

test('a container on this host', () => {
  const { containers, servesOther } = place([container()], [eth0(HOST)]);
  assert.is(servesOther, null);
  assert.is(containers[0]?.namespace, REDIS);
});

test('an engine of another namespace on this machine', () => {
  const { containers, servesOther } = place([container()], [eth0(OTHER_HOST)]);
  assert.is(servesOther, OTHER_HOST);
  assert.equal(containers, []);
});

test('an engine of another machine: the pid here is a stranger', () => {
  assert.is(place([container()], [eth0(HOST, '10.0.0.9/24')]).servesOther, 'unknown');
  assert.is(place([container()], [device({})]).servesOther, 'unknown');
});

test('a container of the host network tells whose host it is', () => {
  const host = container({ networkMode: 'host', networks: [] });
  assert.is(place([host], [], HOST).servesOther, null);
  assert.is(place([host], [], OTHER_HOST).servesOther, OTHER_HOST);
});

test('nothing speaks against a container that was not read, or has no address', () => {
  assert.is(place([container()], []).servesOther, null);
  assert.is(place([container({ pid: 0 })], [eth0(OTHER_HOST)]).servesOther, null);
  const none = container({ networkMode: 'none', networks: [] });
  assert.is(place([none], [device({})]).servesOther, null);
});

test('a macvlan or overlay network is not taken for another host', () => {
  const lan = { name: 'lan', bridge: null, addresses: ['192.0.2.9'], gateway: null };
  const macvlan = container({ networkMode: 'lan', networks: [lan] });
  const inside = [device({ ifindex: 9, kind: 'other', addresses: ['192.0.2.9/24'] })];
  assert.is(place([macvlan], inside).servesOther, null);
});

test('the bridge is found by the veth where the engine does not tell', () => {
  const network = { name: 'podman', bridge: null, addresses: ['172.17.0.2'], gateway: null };
  const { containers } = place([container({ networks: [network] })], [eth0(HOST)]);
  assert.is(containers[0]?.networks[0]?.bridge, 'docker0');
});

function named(name: string, namespace: number, networkMode = 'bridge'): Container {
  return { ...container({ name, networkMode }), namespace };
}

test('names: the host, owners before those that joined, /run/netns, the inode', () => {
  const names = nameNamespaces([HOST, REDIS, 400, 500], {
    host: HOST,
    containers: [named('aaa', REDIS, 'container:redis'), named('redis', REDIS)],
    names: new Map([
      [HOST, 'blue'],
      [REDIS, 'red'],
      [400, 'client'],
    ]),
  });
  assert.equal(
    [...names].map(([inode, { name, role }]) => `${inode} ${name} ${role}`),
    ['100 host host', '300 redis container', '400 client other', '500 netns-500 other'],
  );
});

test('names are unique', () => {
  const names = nameNamespaces([HOST, REDIS, 400], {
    host: HOST,
    containers: [named('host', REDIS)],
    names: new Map([[400, 'host']]),
  });
  assert.equal(
    [...names.values()].map(({ name }) => name),
    ['host', 'host-300', 'host-400'],
  );
});

test.run();
