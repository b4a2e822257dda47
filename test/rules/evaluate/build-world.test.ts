/** The world of a prediction: what was not looked up is unknown, not absent. */
import * as assert from 'uvu/assert';
import { NO_RULES } from '../../../src/model/rules.js';
import type { HostSettings } from '../../../src/model/settings.js';
import type { Device, Topology } from '../../../src/model/topology.js';
import { buildWorld, judgeProxy } from '../../../src/rules/evaluate/build-world.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';

const test = suite('build-world');

const HOST = 1;
const CONTAINER = 2;
const TOPOLOGY: Topology = {
  host: HOST,
  namespaces: [],
  containers: [
    {
      id: 'c',
      name: 'redis',
      pid: 9,
      namespace: CONTAINER,
      networkMode: 'bridge',
      networks: [],
      published: [],
    },
  ],
  relays: [],
  listeners: [
    {
      namespace: HOST,
      protocol: 'tcp',
      local: { address: '::', port: 22 },
      pid: 3,
      command: 'sshd',
    },
  ],
  engine: null,
  problems: [],
};

function countSockets(topology: Topology): (number | null)[] {
  const parts = { rules: NO_RULES, settings: null, mappings: [], measured: true };
  const { sockets, containers } = buildWorld({ topology, ...parts });
  return [sockets, ...containers.map((one) => one.sockets)].map((one) => one?.length ?? null);
}

test('a container in which nobody listens', () => {
  assert.equal(countSockets(TOPOLOGY), [1, 0]);
});

test('a container whose listeners could not be looked up in time', () => {
  assert.equal(countSockets({ ...TOPOLOGY, unheard: [CONTAINER] }), [1, null]);
});

test('where nobody listens at all, only those who looked know it', () => {
  assert.equal(countSockets({ ...TOPOLOGY, listeners: [] }), [null, null]);
  assert.equal(countSockets({ ...TOPOLOGY, listeners: [], listened: true }), [0, 0]);
  const blind = { ...TOPOLOGY, listeners: [], listened: true, unheard: [HOST] };
  assert.equal(countSockets(blind), [null, 0]);
});

const device = (name: string, more: Partial<Device> = {}): Device => ({
  ifindex: 1,
  name,
  kind: 'veth',
  addresses: [],
  master: null,
  peerIfindex: null,
  peerNamespace: null,
  ...more,
});

function settings(
  values: Record<string, string> | null,
  more: Partial<HostSettings> = {},
): HostSettings {
  return { values: values && new Map(Object.entries(values)), routes: [], ...more };
}

interface Change {
  readonly devices?: readonly Device[];
  readonly settings?: HostSettings | null;
  readonly topology?: Partial<Topology>;
  readonly measured?: boolean;
}

function build(change: Change = {}): World {
  const { devices = [], measured = true } = change;
  const host = { inode: HOST, name: 'host', role: 'host', devices } as const;
  const topology = { ...TOPOLOGY, namespaces: [host], ...change.topology };
  const parts = { rules: NO_RULES, mappings: [], measured };
  return buildWorld({ topology, settings: change.settings ?? null, ...parts });
}

const kinds = (change: Change): string[] =>
  build(change).devices.map(({ name, kind }) => `${name} ${kind}`);

test('what a device is to a packet: loopback, a bridge of containers, a port of a bridge, the outside', () => {
  const devices = [
    device('lo', { kind: 'loopback' }),
    device('docker0', { kind: 'bridge' }),
    device('veth1', { master: 2 }),
    device('eth0'),
  ];
  assert.equal(kinds({ devices }), ['lo loopback', 'docker0 bridge', 'veth1 port', 'eth0 outside']);
});

test('a bridge that a gateway is behind leads outside, unless it is known to be of containers', () => {
  const route = { destination: '0.0.0.0/0', gateway: '198.51.100.254', source: null };
  const of = (name: string, gateway: string | null, topology: Partial<Topology> = {}): string[] =>
    kinds({
      devices: [device(name, { kind: 'bridge' })],
      settings: settings({}, { routes: [{ ...route, device: name, gateway }] }),
      topology,
    });
  assert.equal(of('lan', '198.51.100.254'), ['lan outside']);
  assert.equal(of('lan', null), ['lan bridge']);
  assert.equal(of('docker0', '198.51.100.254'), ['docker0 bridge']);
  assert.equal(of('br-0123456789ab', '198.51.100.254'), ['br-0123456789ab bridge']);
  assert.equal(of('br-office', '198.51.100.254'), ['br-office outside']);
  const network = { name: 'n', bridge: 'lan', addresses: ['10.0.0.2'], gateway: null };
  const containers = TOPOLOGY.containers.map((one) => ({ ...one, networks: [network] }));
  assert.equal(of('lan', '198.51.100.254', { containers }), ['lan bridge']);
});

test('switches: as they were read; those of IPv6 and of bridges are off where there are none', () => {
  const unknown = build().settings;
  assert.equal(unknown, {
    forward4: null,
    forward6: null,
    bridgeCalls4: null,
    bridgeCalls6: null,
    routeLocalnet: null,
  });
  assert.equal(build({ settings: settings({}) }).settings, {
    forward4: null,
    forward6: false,
    bridgeCalls4: false,
    bridgeCalls6: false,
    routeLocalnet: [],
  });
  const all = {
    'ipv4/ip_forward': '1',
    'ipv6/conf/all/forwarding': '2',
    'bridge/bridge-nf-call-iptables': '1',
    'bridge/bridge-nf-call-ip6tables': '0',
    'ipv4/conf/docker0/route_localnet': '1',
    'ipv4/conf/eth0/route_localnet': '0',
    'ipv4/conf/docker0/rp_filter': '1',
  };
  assert.equal(build({ settings: settings(all) }).settings, {
    forward4: true,
    forward6: true,
    bridgeCalls4: true,
    bridgeCalls6: false,
    routeLocalnet: ['docker0'],
  });
});

test('it is measured where devices were seen; routing is known where values were read as well', () => {
  const devices = [device('eth0')];
  assert.equal(
    [build({ devices }).measured, build({ devices, measured: false }).measured, build().measured],
    [true, false, false],
  );
  const routing = {} as NonNullable<HostSettings['routing']>;
  const routed = (values: Record<string, string> | null, known = true): boolean =>
    build({ settings: settings(values, known ? { routing } : {}) }).routing !== null;
  assert.equal([routed({}), routed(null), routed({}, false)], [true, false, false]);
});

test('a container that does not run is none of a machine that was measured', () => {
  const containers = TOPOLOGY.containers.map((one) => ({ ...one, pid: 0 }));
  const count = (measured: boolean): number =>
    build({ measured, topology: { containers } }).containers.length;
  assert.equal([count(true), count(false)], [0, 1]);
});

test('a container that shares another’s namespace answers at the other’s addresses', () => {
  const [redis] = TOPOLOGY.containers;
  if (!redis) throw new Error('no container');
  const network = {
    name: 'n',
    bridge: 'docker0',
    addresses: ['172.17.0.2', 'fd00::2'],
    gateway: null,
  };
  const other = (namespace: number | null): unknown => {
    const containers = [
      { ...redis, networks: [network] },
      { ...redis, name: 'side', namespace },
    ];
    return build({ topology: { containers } }).containers[1]?.places.map(({ address }) => address);
  };
  assert.equal([other(CONTAINER), other(7), other(null)], [['172.17.0.2', 'fd00::2'], [], []]);
});

test('who listens is known by namespace; nothing is where nobody was heard', () => {
  const heard = (listeners: Topology['listeners'], namespace: number | null): unknown => {
    const containers = TOPOLOGY.containers.map((one) => ({ ...one, namespace }));
    return build({ topology: { listeners, containers } }).containers[0]?.sockets;
  };
  const inside = TOPOLOGY.listeners.map((one) => ({ ...one, namespace: CONTAINER }));
  assert.equal(heard(inside, CONTAINER), [
    { protocol: 'tcp', pid: 3, command: 'sshd', address: '::', port: 22 },
  ]);
  assert.equal([heard(TOPOLOGY.listeners, CONTAINER), heard([], CONTAINER)], [[], null]);
  assert.is(heard(inside, null), null);
});

test('what was read inside a container is a world of its own, without relays and containers', () => {
  const values = new Map([['ipv4/ip_forward', '0']]);
  const inside = { rules: NO_RULES, complete: true, settings: { values, routes: [] } };
  const devices = [
    device('lo', { kind: 'loopback' }),
    device('eth0', { kind: 'bridge', addresses: ['172.17.0.2/16'] }),
  ];
  const known = { inode: CONTAINER, name: 'redis', role: 'container', devices } as const;
  const own = (inode: number): World['containers'][number]['inside'] =>
    buildWorld({
      topology: { ...TOPOLOGY, namespaces: [known], host: HOST },
      rules: NO_RULES,
      settings: null,
      mappings: [],
      measured: true,
      insides: new Map([[inode, inside]]),
    }).containers[0]?.inside;
  assert.is(own(77), null);
  const world = own(CONTAINER);
  assert.equal(
    world?.devices.map(({ name, kind, networks }) => [name, kind, networks]),
    [
      ['lo', 'loopback', []],
      ['eth0', 'outside', ['172.17.0.2/16']],
    ],
  );
  assert.equal(
    [world?.settings.forward4, world?.relays, world?.containers, world?.measured],
    [false, [], [], true],
  );
});

test('docker-proxy is used where one runs; without one and without Docker’s rules nothing tells', () => {
  const relay = {
    pid: 7,
    command: 'docker-proxy',
    arguments: [],
    protocol: 'tcp' as const,
    target: null,
    listens: { address: '0.0.0.0', port: 80 },
  };
  assert.is(judgeProxy({ ...TOPOLOGY, relays: [relay] }, NO_RULES).userlandProxy, true);
  assert.is(judgeProxy(TOPOLOGY, NO_RULES).userlandProxy, null);
});

test.run();
