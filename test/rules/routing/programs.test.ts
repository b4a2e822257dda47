/** BPF programs on devices and control groups leave the packets on their way undecided, and no others. */
import * as assert from 'uvu/assert';
import type { GroupPrograms } from '../../../src/model/bpf-programs.js';
import type { Prediction } from '../../../src/model/explain.js';
import type { LinkFacts } from '../../../src/model/routing.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { predictRedis } from '../evaluate/worlds.js';
import { suite } from '../../support/suite.js';
import { makeRouted, port, type Extra } from './worlds.js';

const test = suite('programs of BPF');

const OUTSIDE = 'outside: outside → 198.51.100.1:6379';
const OWN = 'own-address: host → 198.51.100.1:6379';
const LOOPBACK = 'loopback: host → 127.0.0.1:6379';
const NEIGHBOUR = 'same-bridge: container other → 172.17.0.1:6379';
const SERVER = 20;
const [RELAY = 0] = makeRouted().relays.map(({ pid }) => pid);

type Told = ReadonlyMap<string, Prediction>;

function predictIn(world: World): Told {
  return new Map(
    predictRedis(world, { client: '198.51.100.2' }).map((one) => [
      `${one.vantage}: ${one.from} → ${one.to}`,
      one,
    ]),
  );
}

function predictAll(host: Extra = {}, inside: Extra = {}): Told {
  return predictIn(makeRouted(host, inside));
}

function expect(told: Told, way: string, path: string, why?: RegExp): void {
  const seen = told.get(way);
  assert.is(seen?.path, path, `${way}: ${seen?.why ?? 'nothing'}`);
  if (why) assert.match(seen?.why ?? '', why);
}

test('programs of tcx: on the way they leave it open, elsewhere they change nothing', () => {
  const on = (device: string, direction: 'ingress' | 'egress'): Extra => ({
    routing: { programs: { devices: [{ device, direction }], groups: [] } },
  });
  expect(
    predictAll(on('ext0', 'ingress')),
    OUTSIDE,
    'unknown',
    /program of BPF \(tcx\) on ext0 for ingress/,
  );
  expect(predictAll(on('ext0', 'egress')), OUTSIDE, 'unknown', /tcx\) on ext0 for egress/);
  expect(predictAll(on('ext0', 'ingress')), OWN, 'dnat');
  expect(predictAll(on('veth1', 'egress')), OWN, 'unknown', /tcx\) on veth1/);
  expect(predictAll(on('lo', 'ingress')), LOOPBACK, 'unknown', /tcx\) on lo/);
  expect(predictAll(on('lo', 'egress')), OUTSIDE, 'dnat');
  expect(predictAll({}, on('eth0', 'ingress')), OUTSIDE, 'unknown', /inside redis, .*on eth0/);
  expect(predictAll({}, on('eth0', 'egress')), OUTSIDE, 'unknown', /inside redis, .*on eth0/);
  expect(predictAll({}, on('lo', 'egress')), OUTSIDE, 'dnat');
});

test('programs of control groups: those of the client, the relay and the server decide, others do not', () => {
  const groups = (change: Partial<GroupPrograms>): Extra => ({
    routing: {
      programs: {
        devices: [],
        groups: [{ group: '/g', points: ['ingress'], pids: [], clients: false, ...change }],
      },
    },
  });
  const clients = predictAll(groups({ clients: true, points: ['connect4'] }));
  expect(clients, OWN, 'unknown', /BPF on the control group \/g \(connect4\)/);
  expect(clients, LOOPBACK, 'unknown', /control group \/g/);
  expect(clients, OUTSIDE, 'dnat');
  const relay = predictAll(groups({ pids: [RELAY], points: ['egress'] }));
  expect(relay, LOOPBACK, 'unknown', /control group \/g \(egress\)/);
  expect(relay, OWN, 'dnat');
  expect(relay, OUTSIDE, 'dnat');
  expect(predictAll(groups({ pids: [9], points: ['egress'] })), LOOPBACK, 'docker-proxy');
  expect(predictAll(groups({ pids: [RELAY], points: ['recvmsg4'] })), LOOPBACK, 'docker-proxy');
  const dials = predictAll(groups({ pids: [RELAY], points: ['connect4'] }));
  expect(dials, LOOPBACK, 'unknown', /control group \/g \(connect4\)/);
  const server = predictAll({}, groups({ pids: [SERVER] }));
  expect(server, OUTSIDE, 'unknown', /inside redis, .*control group \/g \(ingress\)/);
  expect(server, OWN, 'unknown');
  expect(predictAll({}, groups({ pids: [SERVER], points: ['connect4'] })), OUTSIDE, 'dnat');
  expect(predictAll({}, groups({ pids: [9] })), OUTSIDE, 'dnat');
});

test('the answer to a container passes its port, too', () => {
  const on = (device: string, direction: 'ingress' | 'egress'): Told => {
    const world = makeRouted({
      routing: {
        links: [port(), port({ name: 'veth2', ifindex: 8, parent: 21 })],
        programs: { devices: [{ device, direction }], groups: [] },
      },
    });
    const inside = world.containers[0]?.inside;
    if (!inside?.routing) throw new Error('nothing inside redis');
    const { routing } = inside;
    const links = routing.facts.links.map((link) =>
      link.name === 'eth0' ? { ...link, ifindex: 21, parent: 8 } : link,
    );
    const own: World = {
      ...inside,
      devices: inside.devices.map((device) =>
        device.name === 'eth0' ? { ...device, networks: ['172.17.0.4/16'] } : device,
      ),
      routing: { ...routing, facts: { ...routing.facts, links } },
    };
    return predictIn({
      ...world,
      containers: world.containers.map((one) =>
        one.name === 'other' ? { ...one, inside: own } : one,
      ),
    });
  };
  expect(on('veth2', 'egress'), NEIGHBOUR, 'unknown', /tcx\) on veth2 for egress/);
  expect(on('veth2', 'ingress'), NEIGHBOUR, 'unknown', /tcx\) on veth2 for ingress/);
  expect(on('veth9', 'egress'), NEIGHBOUR, 'docker-proxy');
  expect(on('veth2', 'egress'), OUTSIDE, 'dnat');
});

test('what carries a device’s frames: a VLAN’s device, the ports of a bond or of a bridge that lead out', () => {
  const outside = (own: Partial<LinkFacts>, lower: Partial<LinkFacts> = {}) => {
    const world = makeRouted();
    const { routing } = world;
    if (!routing) throw new Error('no routing');
    const links = routing.facts.links.flatMap((link) =>
      link.name === 'ext0'
        ? [
            { ...link, ...own },
            { ...link, name: 'eth9', ifindex: 99, xdp: true, ...lower },
          ]
        : [link],
    );
    return predictIn({ ...world, routing: { ...routing, facts: { ...routing.facts, links } } });
  };
  const XDP = /XDP program on eth9/;
  expect(outside({ kind: 'vlan', parent: 99 }), OUTSIDE, 'unknown', XDP);
  expect(outside({ kind: 'veth', parent: 99 }), OUTSIDE, 'dnat');
  expect(outside({ kind: 'vlan', parent: 98 }), OUTSIDE, 'dnat');
  expect(outside({ kind: 'bond' }, { master: 'ext0' }), OUTSIDE, 'unknown', XDP);
  expect(outside({ kind: 'bond' }, { master: 'docker0' }), OUTSIDE, 'dnat');
  expect(outside({ kind: 'bridge' }, { master: 'ext0' }), OUTSIDE, 'unknown', XDP);
  expect(outside({ kind: 'bridge' }, { master: 'ext0', kind: 'veth' }), OUTSIDE, 'dnat');
});

test.run();
