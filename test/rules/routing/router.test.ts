/** Where the host sends a packet, by its routing where that was read, and what stands between it and the container. */
import * as assert from 'uvu/assert';
import type { LinkFacts, Route, Routing } from '../../../src/model/routing.js';
import {
  createPacket,
  exactAddress,
  UNNAMED,
  type TrialPacket,
} from '../../../src/rules/evaluate/packet.js';
import {
  checkHairpin,
  checkLeaving,
  checkLink,
  checkReturn,
} from '../../../src/rules/evaluate/routing/delivery.js';
import { listPlaces } from '../../../src/rules/evaluate/routing/places.js';
import { Router, type RoutedWay } from '../../../src/rules/evaluate/routing/router.js';
import type { RouteStop } from '../../../src/rules/evaluate/routing/stops.js';
import type { World, WorldContainer } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { makeWorld, NOTHING } from '../evaluate/worlds.js';
import { link, OWN, policy, route, routing, USUAL } from './tables.js';

const test = suite('routing of packets');

const VALUES = new Map(
  ['rp_filter', 'accept_local', 'src_valid_mark', 'route_localnet', 'forwarding']
    .flatMap((name) =>
      ['all', 'ext0', 'docker0'].map((device): [string, string] => [
        `ipv4/conf/${device}/${name}`,
        name === 'forwarding' ? '1' : '0',
      ]),
    )
    .concat([['ipv4/ip_forward', '1']]),
);
const ROUTES = [
  route('0.0.0.0/0', 'ext0', {
    hops: [{ device: 'ext0', gateway: '198.51.100.254', down: false, dead: false }],
  }),
  route('198.51.100.0/24', 'ext0'),
  route('172.17.0.0/16', 'docker0'),
  OWN,
];

function routed(
  facts: Routing | null = routing(ROUTES),
  values: Record<string, string> = {},
): World {
  const all = new Map([...VALUES, ...Object.entries(values)]);
  return makeWorld(NOTHING, true, { routing: facts && { facts, values: all } });
}

function packet(to: string | null, more: Partial<TrialPacket> = {}): TrialPacket {
  const destination = to === null ? ({ kind: 'own' } as const) : exactAddress(to);
  return createPacket({
    family: 4,
    protocol: 'tcp',
    source: exactAddress('203.0.113.7'),
    destination,
    destinationPort: 8080,
    ...more,
  });
}

function told(way: RoutedWay): string {
  if (way.kind === 'stop') return `${way.stop.code} ${way.stop.end}`;
  if (way.kind === 'host') return `host ${way.source ?? '?'}`;
  return `${String(way.device)} ${way.gateway ?? '-'} ${way.source ?? '?'}`;
}

const ask = (answer: boolean) => (): boolean => answer;
const dial = (to: string | null, world = routed(), answer = false): string =>
  told(new Router(world, ask(answer)).dial(packet(to)));
const enter = (to: string, world = routed(), more: Partial<TrialPacket> = {}): string =>
  told(new Router(world, ask(false)).enter(packet(to, { inDevice: 'ext0', ...more })));
const leave = (to: string, world = routed(), more: Partial<TrialPacket> = {}): string =>
  told(new Router(world, ask(false)).leave(packet(to, more)));

test('whether routing was read at all', () => {
  assert.equal(
    [new Router(routed(), ask(false)).isKnown, new Router(routed(null), ask(false)).isKnown],
    [true, false],
  );
});

test('what a process dials: by the route, with the address that the device has', () => {
  assert.equal(
    [dial('172.17.0.2'), dial('8.8.8.8'), dial('198.51.100.1')],
    ['docker0 - 172.17.0.1', 'ext0 198.51.100.254 198.51.100.1', 'host 198.51.100.1'],
  );
  const named = routing([route('10.0.0.0/8', 'ext0', { source: '198.51.100.77' })]);
  assert.is(dial('10.1.1.1', routed(named)), 'ext0 - 198.51.100.77');
});

test('rules that ask for the source are asked a second time, with the source that was chosen', () => {
  const rules = [...USUAL, policy(100, '100', { from: '198.51.100.1/32' })];
  const tables = routing([...ROUTES, route('8.8.8.0/24', 'docker0', { table: '100' })], { rules });
  assert.is(dial('8.8.8.8', routed(tables)), 'docker0 - 198.51.100.1');
});

test('a device without an address borrows that of another', () => {
  const tables = routing([route('10.0.0.0/8', 'wg0')]);
  assert.is(dial('10.1.1.1', routed(tables)), 'wg0 - 198.51.100.1');
  const bare = {
    ...routed(tables),
    devices: [{ name: 'lo', kind: 'loopback' as const, networks: ['127.0.0.1/8'] }],
  };
  assert.is(dial('10.1.1.1', bare), 'wg0 - ?');
});

test('where no route leads, where one refuses, and odd ones', () => {
  const only = (one: Route): World => routed(routing([one]));
  assert.is(dial('8.8.8.8', routed(routing([OWN]))), 'no-route refused');
  for (const [type, end] of [
    ['blackhole', 'dropped'],
    ['unreachable', 'refused'],
    ['prohibit', 'refused'],
  ]) {
    assert.is(
      dial('8.8.8.8', only(route('8.8.8.0/24', null, { type: type ?? '' }))),
      `refusing-route ${end}`,
    );
  }
  assert.is(
    dial('8.8.8.8', only(route('8.8.8.0/24', 'ext0', { type: 'broadcast' }))),
    'odd-route unknown',
  );
  const hop = { device: null, gateway: null, down: false, dead: false };
  assert.is(dial('8.8.8.8', only(route('8.8.8.0/24', null, { hops: [hop] }))), 'odd-route unknown');
  const down = { device: 'ext0', gateway: null, down: true, dead: false };
  assert.is(
    dial('8.8.8.8', only(route('8.8.8.0/24', null, { hops: [down] }))),
    'no-carrier dropped',
  );
});

test('one of several ways by lot, a doubt where they differ in their device', () => {
  const ways = (...devices: string[]): Routing =>
    routing([
      route('8.8.8.0/24', null, {
        hops: devices.map((device) => ({ device, gateway: null, down: false, dead: false })),
      }),
    ]);
  assert.equal(
    [dial('8.8.8.8', routed(ways('a', 'b')), true), dial('8.8.8.8', routed(ways('a', 'b')), false)],
    ['b - 198.51.100.1', 'a - 198.51.100.1'],
  );
  assert.is(dial('8.8.8.8', routed(ways('a', 'a')), true), 'a - 198.51.100.1');
});

test('what comes in: to the host, through it, or not', () => {
  assert.equal(
    [enter('198.51.100.1'), enter('172.17.0.2')],
    ['host 198.51.100.1', 'docker0 - 172.17.0.1'],
  );
  const strict = routed(routing(ROUTES), { 'ipv4/conf/all/rp_filter': '1' });
  assert.is(
    enter('172.17.0.2', strict, { source: exactAddress('172.17.0.9') }),
    'rp-filter dropped',
  );
  assert.is(
    enter('172.17.0.2', routed(), { source: exactAddress('198.51.100.1') }),
    'own-source dropped',
  );
  assert.is(enter('127.0.0.1'), 'loopback dropped');
  assert.is(enter('8.8.8.8', routed(routing([OWN]))), 'no-route refused');
  const odd = routed(routing([...ROUTES, route('203.0.113.0/24', 'ext0', { type: 'broadcast' })]), {
    'ipv4/conf/all/rp_filter': '1',
  });
  assert.is(enter('172.17.0.2', odd), 'odd-source dropped');
});

test('forwarding: of the device that it comes by, and not for what stays', () => {
  const off = routed(routing(ROUTES), { 'ipv4/conf/ext0/forwarding': '0' });
  assert.equal(
    [enter('172.17.0.2', off), enter('198.51.100.1', off)],
    ['forwarding dropped', 'host 198.51.100.1'],
  );
  // Where nothing is forwarded, nobody is told either that no route leads on.
  assert.is(
    enter('8.8.8.8', routed(routing([OWN]), { 'ipv4/conf/ext0/forwarding': '0' })),
    'no-route dropped',
  );
  const unnamed = new Map([...VALUES].filter(([name]) => name !== 'ipv4/conf/ext0/forwarding'));
  const other = (values: Map<string, string>, forward4: boolean | null): string => {
    const world = makeWorld(NOTHING, true, { routing: { facts: routing(ROUTES), values } });
    return enter('172.17.0.2', { ...world, settings: { ...world.settings, forward4 } });
  };
  assert.is(other(unnamed, false), 'docker0 - 172.17.0.1');
  unnamed.set('ipv4/ip_forward', '0');
  assert.is(other(unnamed, true), 'forwarding dropped');
  unnamed.delete('ipv4/ip_forward');
  assert.equal(
    [other(unnamed, false), other(unnamed, null), other(unnamed, true)],
    ['forwarding dropped', 'forwarding unknown', 'docker0 - 172.17.0.1'],
  );
});

test('what leaves with an address of its own', () => {
  assert.equal(
    [leave('203.0.113.7'), leave('172.17.0.2'), leave('198.51.100.1')],
    ['ext0 198.51.100.254 198.51.100.1', 'docker0 - 172.17.0.1', 'host 198.51.100.1'],
  );
  const rules = [...USUAL, policy(100, '100', { sourcePorts: { low: 8080, high: 8080 } })];
  const tables = routing([...ROUTES, route('203.0.113.0/24', 'docker0', { table: '100' })], {
    rules,
  });
  assert.equal(
    [
      leave('203.0.113.7', routed(tables), { turn: 'answer' }),
      leave('203.0.113.7', routed(tables), { turn: 'refusal' }),
      leave('203.0.113.7', routed(tables)),
    ],
    ['docker0 - 172.17.0.1', 'docker0 - 172.17.0.1', 'ext0 198.51.100.254 198.51.100.1'],
  );
});

test('the address that the host answers from', () => {
  const choose = (source: string, world = routed()): string | null =>
    new Router(world, ask(false)).chooseSource(
      packet('198.51.100.1', { source: exactAddress(source) }),
    );
  assert.equal(
    [choose('172.17.0.9'), choose('203.0.113.7'), choose('198.51.100.1')],
    ['172.17.0.1', '198.51.100.1', null],
  );
});

test('without routing: own addresses stay, networks of devices and known routes lead on', () => {
  const plain = routed(null);
  assert.equal(
    [dial('198.51.100.1', plain), dial('172.17.0.2', plain), dial('198.51.100.9', plain)],
    ['host 198.51.100.1', 'docker0 - 172.17.0.1', 'ext0 - 198.51.100.1'],
  );
  assert.is(dial('8.8.8.8', plain), `${String(UNNAMED)} - ?`);
  assert.is(dial(null, plain), 'host ?');
  assert.equal(
    [enter('172.17.0.2', plain), leave('172.17.0.2', plain)],
    ['docker0 - 172.17.0.1', 'docker0 - 172.17.0.1'],
  );
  const off = { ...plain, settings: { ...plain.settings, forward4: false } };
  assert.equal(
    [enter('172.17.0.2', off), enter('198.51.100.1', off), leave('172.17.0.2', off)],
    ['forwarding dropped', 'host 198.51.100.1', 'docker0 - 172.17.0.1'],
  );
  const moved = new Router(plain, ask(false)).leave(packet(null, { dnat: true }));
  assert.is(told(moved), `${String(UNNAMED)} - ?`);
});

test('a client elsewhere is thought to be on the link, and beyond the gateway', () => {
  const places = (device: string | null, world = routed()): string[] =>
    listPlaces(world, { kind: 'elsewhere' }, 4, device).map(
      ({ address, about }) => `${address}${about?.code === 'client-on-link' ? ' beyond' : ''}`,
    );
  assert.equal(places('ext0'), ['198.51.100.254', '203.0.113.77 beyond']);
  assert.equal(places('docker0'), ['172.17.255.254']);
  assert.equal([places(null), places('ext0', routed(null))], [[], []]);
  const taken = routed(routing([...ROUTES, route('203.0.113.0/24', 'docker0')]));
  assert.equal(places('ext0', taken), ['198.51.100.254', '198.18.7.7 beyond']);
  const tunnel = routed(routing([route('10.7.0.0/16', 'wg0'), route('10.8.0.1/32', 'wg1')]));
  assert.equal(
    [places('wg0', tunnel), places('wg1', tunnel), places('wg2', tunnel)],
    [['10.7.0.1'], ['10.8.0.1'], []],
  );
  assert.equal(
    listPlaces(routed(), exactAddress('8.8.8.8'), 4, 'ext0').map(({ address }) => address),
    ['8.8.8.8'],
  );
  assert.equal(listPlaces(routed(), { kind: 'own' }, 4, 'ext0'), []);
});

const PORT = { hairpin: false, isolated: false, locked: false, forwards: true };

/** A container by a veth, or by what is stacked on a device of the host. */
function attach(
  inner: Partial<LinkFacts> = {},
  outer: Partial<LinkFacts> = {},
  facts: Partial<Routing> = {},
): { world: World; container: WorldContainer } {
  const links = [
    link('docker0', 3, { kind: 'bridge', bridge: { vlans: false, calls4: false, calls6: false } }),
    link('veth1', 5, { kind: 'veth', master: 'docker0', parent: 4, port: PORT, ...outer }),
  ];
  const own = [link('eth0', 4, { kind: 'veth', parent: 5, address: 'aa', ...inner })];
  const inside: World = {
    ...makeWorld(NOTHING, false),
    devices: [{ name: 'eth0', kind: 'outside', networks: ['172.17.0.2/16'] }],
    routing: { facts: routing([], { links: own }), values: new Map() },
  };
  const places = [{ bridge: 'docker0', address: '172.17.0.2' }];
  return {
    world: routed(routing(ROUTES, { links, ...facts })),
    container: { name: 'redis', places, sockets: null, inside },
  };
}

const stop = (found: RouteStop | null): string => (found ? `${found.code} ${found.end}` : 'passes');

test('from a device of the host to the container', () => {
  const check = (
    { world, container }: ReturnType<typeof attach>,
    device: string | typeof UNNAMED = 'docker0',
    gateway: string | null = null,
  ): string =>
    stop(
      checkLink(world, { kind: 'device', device, gateway, source: null }, '172.17.0.2', container),
    );
  assert.is(check(attach()), 'passes');
  assert.equal(
    [check(attach(), 'ext0'), check(attach(), 'docker0', '172.17.0.9'), check(attach(), UNNAMED)],
    ['elsewhere unknown', 'elsewhere unknown', 'passes'],
  );
  assert.equal(
    [check(attach({ up: false })), check(attach({}, { up: false }))],
    ['bridge-port dropped', 'bridge-port dropped'],
  );
  const fixed = (lladdr: string) => [
    { device: 'docker0', address: '172.17.0.2', lladdr, state: ['PERMANENT'] },
  ];
  assert.equal(
    [
      check(attach({}, {}, { neighbours: fixed('bb') })),
      check(attach({}, {}, { neighbours: fixed('aa') })),
    ],
    ['neighbour dropped', 'passes'],
  );
  const filters = [{ device: 'docker0', direction: 'egress' as const, kind: 'bpf' }];
  assert.is(check(attach({}, {}, { filters })), 'filter unknown');
  assert.is(check({ ...attach({ up: false }), world: routed(null) }), 'passes');
});

test('a container that is stacked on a device is not reached by its own host', () => {
  const check = (kind: string, mode: string | null, device: string): string => {
    const { world, container } = attach({ kind, mode }, { name: 'ext0', master: null, port: null });
    const places = [{ bridge: null, address: '172.17.0.2' }];
    return stop(
      checkLink(world, { kind: 'device', device, gateway: null, source: null }, '172.17.0.2', {
        ...container,
        places,
      }),
    );
  };
  assert.equal(
    [check('macvlan', 'bridge', 'ext0'), check('ipvlan', null, 'ext0')],
    ['macvlan dropped', 'macvlan dropped'],
  );
  assert.equal(
    [check('macvlan', 'vepa', 'ext0'), check('macvlan', 'bridge', 'docker0')],
    ['elsewhere unknown', 'elsewhere unknown'],
  );
});

test('whether the answer leaves by where the request came from', () => {
  const check = (
    device: string | typeof UNNAMED,
    change: Partial<TrialPacket> = {},
    facts: Partial<Routing> = {},
    answer = false,
  ): string => {
    const world = routed(routing(ROUTES, facts));
    const way = { kind: 'device', device, gateway: null, source: null } as const;
    return stop(
      checkLeaving(
        world,
        way,
        packet('198.51.100.1', { clientDevice: 'ext0', ...change }),
        ask(answer),
      ),
    );
  };
  assert.equal(
    [check('ext0'), check('docker0'), check(UNNAMED), check('docker0', { clientDevice: null })],
    ['passes', 'elsewhere unknown', 'passes', 'passes'],
  );
  const filters = [{ device: 'ext0', direction: 'egress' as const, kind: 'bpf' }];
  assert.is(check('ext0', {}, { filters }), 'filter unknown');
  const neighbours = [
    { device: 'ext0', address: '203.0.113.7', lladdr: 'aa', state: ['PERMANENT'] },
  ];
  assert.is(check('ext0', {}, { neighbours }), 'neighbour unknown');
  const elsewhere = { client: { kind: 'elsewhere' } as const };
  assert.equal(
    [
      check('ext0', elsewhere, { neighbours }, true),
      check('ext0', elsewhere, { neighbours }, false),
      check('ext0', elsewhere),
    ],
    ['neighbour unknown', 'passes', 'passes'],
  );
});

test('a gateway on the way to a client of the link: nobody knows what it does, unless it is the client itself', () => {
  const check = (
    gateway: string | null,
    client: TrialPacket['client'],
    { routes = ROUTES, device = 'ext0', answer = true } = {},
  ): string =>
    stop(
      checkLeaving(
        routed(routing(routes, {})),
        { kind: 'device', device, gateway, source: null },
        packet('198.51.100.1', { clientDevice: device, client }),
        ask(answer),
      ),
    );
  const near = exactAddress('198.51.100.9');
  assert.is(check('198.51.100.254', near), 'elsewhere unknown');
  assert.is(check('198.51.100.9', near), 'passes');
  assert.is(check(null, near), 'passes');
  assert.is(
    check('198.51.100.254', exactAddress('203.0.113.7')),
    'passes',
    'it is not on the link',
  );
  // Of a client that is not known, a route into the link's network asks whether it is one of that.
  const by = (device: string, gateway: string | null, network = '198.51.100.128/25') => [
    ...ROUTES,
    route(network, device, { hops: [{ device, gateway, down: false, dead: false }] }),
  ];
  const anybody = { kind: 'elsewhere' } as const;
  const through = { routes: by('ext0', '198.51.100.254') };
  assert.is(check(null, anybody, through), 'elsewhere unknown');
  assert.is(check(null, anybody, { ...through, answer: false }), 'passes');
  assert.is(check(null, anybody, { routes: by('ext0', null) }), 'passes');
  assert.is(check(null, anybody, { routes: by('docker0', '172.17.0.9') }), 'passes');
  assert.is(
    check(null, anybody, { routes: by('ext0', '198.51.100.254', '203.0.113.0/24') }),
    'passes',
  );
});

test('a reply inside a bridge that is not translated back', () => {
  const check = (change: Partial<TrialPacket>, calls: boolean | null = false): boolean => {
    const world = routed();
    const settings = { ...world.settings, bridgeCalls4: calls };
    const own = packet('172.17.0.2', {
      dnat: true,
      outDevice: 'docker0',
      source: exactAddress('172.17.0.4'),
      ...change,
    });
    return checkReturn({ ...world, settings }, own, 'docker0', '198.51.100.1') !== null;
  };
  assert.equal([check({}), check({}, true), check({}, null)], [true, false, false]);
  assert.equal(
    [check({ dnat: false }), check({ snat: true }), check({ outDevice: 'ext0' })],
    [false, false, false],
  );
  assert.is(check({ source: exactAddress('172.17.0.2') }, true), true);
  assert.equal(
    [check({ source: { kind: 'own' } }, true), check({ source: { kind: 'own' } })],
    [false, true],
  );
});

test('back by the port that it came from', () => {
  const check = (
    hairpin: boolean | null,
    calls: boolean | null,
    userlandProxy: boolean | null = true,
  ): string => {
    const { world, container } = attach(
      {},
      { port: hairpin === null ? null : { ...PORT, hairpin } },
    );
    const settings = { ...world.settings, bridgeCalls4: calls };
    return stop(
      checkHairpin({ ...world, settings, userlandProxy }, packet('172.17.0.2'), container),
    );
  };
  assert.equal(
    [check(true, true), check(false, true), check(false, false), check(true, null)],
    ['passes', 'bridge-port dropped', 'passes', 'passes'],
  );
  assert.equal([check(false, null), check(false, null, false)], ['elsewhere unknown', 'passes']);
  assert.equal([check(null, true), check(null, true, false)], ['elsewhere unknown', 'passes']);
  assert.is(stop(checkHairpin(routed(), packet('172.17.0.2'), null)), 'elsewhere unknown');
});

test.run();
