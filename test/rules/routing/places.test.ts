/** Which addresses stand for a client elsewhere: one that nobody on its link has, one far away, one of each network that is treated on its own. */
import * as assert from 'uvu/assert';
import type { Route } from '../../../src/model/routing.js';
import { exactAddress, type StandIn } from '../../../src/rules/evaluate/packet.js';
import { listPlaces } from '../../../src/rules/evaluate/routing/places.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { makeRouted, type Extra } from './worlds.js';

const test = suite('places of clients');

const ELSEWHERE = { kind: 'elsewhere' } as const;

const places = (world: World, device: string | null = 'ext0', family: 4 | 6 = 4): string[] =>
  listPlaces(world, ELSEWHERE, family, device).map(tell);

function tell({ address, about }: StandIn): string {
  if (about === null) return address;
  return `${address} ${about.code} ${'network' in about ? about.network : ''}`.trim();
}

const NEAR = '198.51.100.254';
const routed = (routes: Extra['routes'], more: Extra = {}): World =>
  makeRouted({ ...more, routes: routes ?? [] });
const DEFAULT = { dst: 'default', gateway: '198.51.100.9', dev: 'ext0' };

test('what is known needs no stand-in; the host’s own has none', () => {
  const world = makeRouted();
  const exact = exactAddress('203.0.113.5');
  assert.equal(listPlaces(world, exact, 4, 'ext0').map(tell), ['203.0.113.5']);
  const found = [{ address: '10.0.0.1', about: null }];
  assert.is(listPlaces(world, { ...ELSEWHERE, places: found }, 4, 'ext0'), found);
  assert.equal(listPlaces(world, { kind: 'own' }, 4, 'ext0'), []);
  assert.equal(places(world, null), [], 'nobody knows by which device it comes');
  assert.equal(places({ ...world, routing: null }), [], 'routes were not read');
});

test('a neighbour: the highest address of the link that neither the host nor a container has', () => {
  assert.equal(places(makeRouted()), [NEAR]);
  const world = makeRouted();
  const taken = world.containers.map((one, index) =>
    index === 1 ? { ...one, places: [{ bridge: null, address: NEAR }] } : one,
  );
  assert.equal(places({ ...world, containers: taken }), ['198.51.100.253']);
  const own = (network: string): World => ({
    ...world,
    devices: world.devices.map((one) =>
      one.name === 'ext0' ? { ...one, networks: [network] } : one,
    ),
  });
  assert.equal(places(own('198.51.100.254/24')), ['198.51.100.253'], 'the host has that one');
  assert.equal(places(own('198.51.100.1/32')), ['198.51.100.1'], 'no link: what a route names');
  assert.equal(places(own('198.51.100.1/30')), ['198.51.100.2']);
  assert.equal(places(own('198.51.100.2/30')), ['198.51.100.1']);
  assert.equal(places(own('2001:db8::1/64')), ['198.51.100.1'], 'of the other family');
});

test('IPv6: not a link-local one', () => {
  const world = makeRouted();
  const six = (...networks: string[]): World => ({
    ...world,
    devices: world.devices.map((one) => (one.name === 'ext0' ? { ...one, networks } : one)),
  });
  assert.equal(places(six('fe80::1/64', '2001:db8::1/120'), 'ext0', 6), ['2001:db8::fe']);
  assert.equal(places(six('fe80::1/64'), 'ext0', 6), []);
});

test('one far away, where the default route leads there: of a network that no other route leads to', () => {
  const far = (address: string): string => `${address} client-on-link`;
  assert.equal(places(routed([DEFAULT])), [NEAR, far('203.0.113.77')]);
  const other = { dst: '203.0.113.0/24', gateway: '198.51.100.7', dev: 'ext0' };
  assert.equal(places(routed([DEFAULT, other])), [NEAR, far('198.18.7.7')]);
  assert.equal(places(routed([{ ...DEFAULT, dev: 'docker0' }])), [NEAR], 'by another device');
  const local = { ...DEFAULT, table: 'local' };
  assert.equal(places(routed([local])), [NEAR], 'the table of the host’s own addresses');
  const blackhole = { type: 'blackhole', dst: 'default' };
  assert.equal(places(routed([blackhole])), [NEAR]);
});

test('without a neighbour, and nothing far: the first address of a network that is routed there', () => {
  const world = routed([{ dst: '10.8.0.0/24', gateway: '198.51.100.9', dev: 'ext0' }]);
  const bare = {
    ...world,
    devices: world.devices.map((one) => (one.name === 'ext0' ? { ...one, networks: [] } : one)),
  };
  assert.equal(places(bare), ['198.51.100.1']);
  assert.equal(places(bare, 'nowhere'), []);
});

const special = (address: string, network: string): string =>
  `${address} client-in-network ${network}`;

test('networks that are treated on their own: routes that refuse, and those within the link', () => {
  const route = (type: string, dst: string) => ({ type, dst });
  for (const type of ['blackhole', 'unreachable', 'prohibit']) {
    assert.equal(places(routed([route(type, '10.9.0.0/16')])), [
      ...[NEAR, special('10.9.0.1', '10.9.0.0/16')],
    ]);
  }
  assert.equal(places(routed([route('blackhole', 'default')])), [NEAR], 'all of them is none');
  const single = { dst: '198.51.100.77', gateway: '198.51.100.9', dev: 'ext0' };
  assert.equal(places(routed([single])), [NEAR, special('198.51.100.77', '198.51.100.77/32')]);
  const beyond = { dst: '10.8.0.0/24', gateway: '198.51.100.9', dev: 'ext0' };
  assert.equal(places(routed([beyond])), [NEAR], 'no part of the link');
});

test('… of policy rules: what they ask of the source and of the destination', () => {
  const ruled = (rule: Readonly<Record<string, unknown>>): string[] =>
    places(makeRouted({ rules: [{ priority: 100, table: 'main', ...rule }] }));
  assert.equal(ruled({ src: '10.7.0.0', srclen: 16 }), [NEAR, special('10.7.0.1', '10.7.0.0/16')]);
  assert.equal(ruled({ src: 'all', dst: '10.6.0.9' }), [NEAR, special('10.6.0.9', '10.6.0.9/32')]);
  assert.equal(ruled({ src: 'all' }), [NEAR]);
});

test('… but not the host’s own addresses, nor those on the link of another device', () => {
  const ruled = (src: string): string[] =>
    places(makeRouted({ rules: [{ priority: 100, src, table: 'main' }] }));
  assert.equal(ruled('198.51.100.1'), [NEAR]);
  assert.equal(ruled('172.17.0.9'), [NEAR], 'a container comes by its bridge');
  assert.equal(ruled('198.51.100.9'), [NEAR, special('198.51.100.9', '198.51.100.9/32')]);
});

test('each network once, and of its own family', () => {
  const world = routed([{ type: 'blackhole', dst: '10.9.0.0/16' }], {
    rules: [{ priority: 100, src: '10.9.0.0', srclen: 16, table: 'main' }],
  });
  assert.equal(places(world), [NEAR, special('10.9.0.1', '10.9.0.0/16')]);
  const { routing } = world;
  assert.ok(routing);
  const turn = (routes: readonly Route[]): Route[] =>
    routes.map((one) => (one.type === 'blackhole' ? { ...one, family: 6 } : one));
  const facts = { ...routing.facts, rules: [], routes: turn(routing.facts.routes) };
  assert.equal(places({ ...world, routing: { ...routing, facts } }), [NEAR]);
  const rules = routing.facts.rules.map((one) => ({ ...one, family: 6 as const }));
  const six = { ...routing.facts, rules, routes: turn(routing.facts.routes) };
  assert.equal(places({ ...world, routing: { ...routing, facts: six } }), [NEAR]);
});

test.run();
