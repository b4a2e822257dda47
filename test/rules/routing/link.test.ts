/**
 * Between the host's device and the container: ports of bridges, neighbours, and programs that decide beside the
 * rules.
 */
import * as assert from 'uvu/assert';
import type { LinkFacts, Routing } from '../../../src/model/routing.js';
import {
  checkNeighbour,
  checkPair,
  checkPort,
  findProgram,
  findWire,
  isStacked,
} from '../../../src/rules/evaluate/routing/link.js';
import type { RouteStop } from '../../../src/rules/evaluate/routing/stops.js';
import { suite } from '../../support/suite.js';
import { makeWorld, NOTHING } from '../evaluate/worlds.js';
import { link, routing } from './tables.js';

const test = suite('links');

const PORT = { hairpin: false, isolated: false, locked: false, forwards: true };
const BRIDGE = link('docker0', 3, {
  kind: 'bridge',
  bridge: { vlans: false, calls4: true, calls6: true },
});
const port = (more: Partial<LinkFacts> = {}, change: Partial<typeof PORT> = {}): LinkFacts =>
  link('veth1', 5, { kind: 'veth', master: 'docker0', port: { ...PORT, ...change }, ...more });
const facts = (more: Partial<Routing> = {}): Routing =>
  routing([], { links: [BRIDGE, port()], ...more });
const told = (stop: RouteStop | null): string => (stop ? `${stop.code} ${stop.end}` : 'passes');

test('a port passes frames when it is up, forwards, and nothing of its bridge keeps them', () => {
  const check = (own: LinkFacts, tables = facts()): string => told(checkPort(tables, own, 'to'));
  assert.is(check(port()), 'passes');
  assert.is(check(port({ up: false })), 'bridge-port dropped');
  assert.is(check(port({}, { forwards: false })), 'bridge-port dropped');
  assert.is(check(port({}, { locked: true })), 'bridge-port unknown');
  assert.is(check(port({ port: null })), 'passes');
  const vlans = { ...BRIDGE, bridge: { vlans: true, calls4: true, calls6: true } };
  assert.is(check(port(), facts({ links: [vlans] })), 'bridge-port unknown');
  assert.is(check(port({ master: 'br9' }), facts({ links: [vlans] })), 'passes');
});

test('programs on a device, in their direction', () => {
  const filters = [{ device: 'veth1', direction: 'egress' as const, kind: 'bpf' }];
  const find = (device: string, direction: 'ingress' | 'egress', tables: Routing): string =>
    told(findProgram(tables, device, direction));
  assert.equal(
    [
      find('veth1', 'egress', facts({ filters })),
      find('veth1', 'ingress', facts({ filters })),
      find('veth2', 'egress', facts({ filters })),
    ],
    ['filter unknown', 'passes', 'passes'],
  );
  assert.is(find('veth1', 'egress', facts({ filters: null })), 'passes');
  const xdp = facts({ links: [port({ xdp: true })] });
  assert.equal(
    [find('veth1', 'ingress', xdp), find('veth1', 'egress', xdp)],
    ['filter unknown', 'passes'],
  );
  assert.equal(
    [
      told(checkPort(facts({ filters }), port(), 'to')),
      told(checkPort(facts({ filters }), port(), 'from')),
    ],
    ['filter unknown', 'passes'],
  );
});

test('between two ports: hairpin for one and the same, isolation for two', () => {
  const pair = (one: LinkFacts, two: LinkFacts): string => told(checkPair(facts(), one, two));
  const other = (change: Partial<typeof PORT> = {}, more: Partial<LinkFacts> = {}): LinkFacts =>
    port({ name: 'veth2', ...more }, change);
  assert.is(pair(port(), other()), 'passes');
  assert.equal(
    [pair(port(), port()), pair(port({}, { hairpin: true }), port({}, { hairpin: true }))],
    ['bridge-port dropped', 'passes'],
  );
  assert.is(pair(port({}, { isolated: true }), other({ isolated: true })), 'bridge-port dropped');
  assert.equal(
    [pair(port({}, { isolated: true }), other()), pair(port(), other({ isolated: true }))],
    ['passes', 'passes'],
  );
  assert.equal(
    [pair(port({ up: false }), other()), pair(port(), other({}, { up: false }))],
    ['bridge-port dropped', 'bridge-port dropped'],
  );
});

test('a neighbour that was entered by hand', () => {
  const check = (
    entry: { state?: string[]; device?: string; address?: string; lladdr?: string | null },
    lladdr: string | null,
  ): string => {
    const neighbour = {
      device: 'docker0',
      address: '172.17.0.2',
      lladdr: 'aa',
      state: ['PERMANENT'],
      ...entry,
    };
    return told(
      checkNeighbour(facts({ neighbours: [neighbour] }), 'docker0', '172.17.0.2', lladdr),
    );
  };
  assert.equal(
    [check({}, 'aa'), check({}, 'bb'), check({}, null), check({ lladdr: null }, 'bb')],
    ['passes', 'neighbour dropped', 'neighbour unknown', 'neighbour dropped'],
  );
  assert.equal(
    [
      check({ state: ['REACHABLE'] }, 'bb'),
      check({ device: 'ext0' }, 'bb'),
      check({ address: '172.17.0.9' }, 'bb'),
    ],
    ['passes', 'passes', 'passes'],
  );
  assert.is(check({ state: ['X', 'PERMANENT'] }, 'bb'), 'neighbour dropped');
});

test('the wire of a container: both ends of a veth name each other, what is stacked names what is below', () => {
  const wire = (
    inner: Partial<LinkFacts>,
    outer: Partial<LinkFacts>,
    address = '172.17.0.2',
  ): unknown => {
    const world = makeWorld(NOTHING, true);
    const links = [link('eth0', 4, { kind: 'veth', parent: 5, ...inner })];
    const inside = {
      ...makeWorld(NOTHING, false),
      devices: [{ name: 'eth0', kind: 'outside' as const, networks: ['172.17.0.2/16'] }],
      routing: { facts: routing([], { links }), values: new Map<string, string>() },
    };
    const host = {
      facts: routing([], { links: [port({ parent: 4, ...outer })] }),
      values: new Map<string, string>(),
    };
    const container = { name: 'redis', places: [], sockets: null, inside };
    const found = findWire({ ...world, routing: host }, container, address);
    return found && [found.inner.name, found.outer?.name ?? null];
  };
  assert.equal(wire({}, {}), ['eth0', 'veth1']);
  assert.equal(wire({}, { parent: 9 }), ['eth0', null]);
  assert.equal(wire({ parent: 9 }, {}), ['eth0', null]);
  assert.equal(wire({ kind: 'macvlan' }, { parent: 9 }), ['eth0', 'veth1']);
  assert.is(wire({}, {}, '172.17.0.9'), null);
  assert.is(wire({ name: 'eth9' }, {}), null);
  const world = makeWorld(NOTHING, true);
  assert.is(findWire(world, { name: 'x', places: [], sockets: null }, '172.17.0.2'), null);
});

test('what is stacked on another device', () => {
  const kinds = ['macvlan', 'ipvlan', 'macvtap', 'ipvtap', 'veth', 'bridge', null];
  assert.equal(
    kinds.map((kind) => isStacked(link('x', 1, { kind }))),
    [true, true, true, true, false, false, false],
  );
});

test.run();
