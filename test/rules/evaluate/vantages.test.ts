/** From where a published port is dialled, and what is dialled there: every place that the host's devices make possible. */
import * as assert from 'uvu/assert';
import { listAttempts, type WayIn } from '../../../src/rules/evaluate/vantages.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { nameClient } from '../../../src/words/predictions/forecast.js';
import { suite } from '../../support/suite.js';
import { FAR_BRIDGE, makeWorld, NOTHING } from './worlds.js';

const test = suite('vantages');

function list(
  change: Partial<World> = {},
  way: Partial<WayIn> = {},
  listens = '0.0.0.0',
  target = '172.17.0.2',
): string[] {
  const world = makeWorld(NOTHING, true, change);
  const mapping = {
    protocol: 'tcp' as const,
    listens: { address: listens, port: 8080 },
    target: { address: target, port: 6379 },
  };
  const container = world.containers[0] ?? null;
  return listAttempts(world, { mapping, container, client: null, ...way }).map(
    ({ vantage, from, start: { to, port, by } }) => {
      const by2 = by.kind === 'outside' ? `${by.device ?? '?'}/${by.source ?? '?'}` : by.kind;
      return `${vantage} ${nameClient(from)} ${by2} ${to ?? 'HOST'}:${port}`;
    },
  );
}

const USUAL = [
  'outside outside ext0/? 198.51.100.1:8080',
  'container-address outside ext0/? 172.17.0.2:6379',
  'loopback host host 127.0.0.1:8080',
  'own-address host host 198.51.100.1:8080',
  'own-address host host 172.17.0.1:8080',
  'loopback6 host host ::1:8080',
  'container-address host host 172.17.0.2:6379',
  'same-bridge container other container 172.17.0.1:8080',
  'self container redis container 172.17.0.1:8080',
  'other-bridge container far container 198.51.100.1:8080',
  'container-address container other container 172.17.0.2:6379',
  'container-address container far container 172.17.0.2:6379',
];

test('every place of the usual host', () => {
  assert.equal(list(), USUAL);
});

test('a client elsewhere of the other family does not come in there', () => {
  const outside = (client: string): string[] =>
    list({}, { client }).filter((text) => text.startsWith('outside'));
  assert.equal(outside('203.0.113.7'), ['outside outside ext0/203.0.113.7 198.51.100.1:8080']);
  assert.equal(outside('2001:db8::7'), []);
});

const devices = (...outer: string[]): World['devices'] => [
  { name: 'lo', kind: 'loopback', networks: ['127.0.0.1/8', '::1/128'] },
  { name: 'ext0', kind: 'outside', networks: outer },
  { name: 'docker0', kind: 'bridge', networks: ['172.17.0.1/16', 'fe80::1/64'] },
  { name: FAR_BRIDGE, kind: 'bridge', networks: ['172.30.0.1/16'] },
];

test('addresses of a link and of loopback are dialled from nowhere else', () => {
  const own = list({
    devices: devices('198.51.100.1/24', 'fe80::9/64', '169.254.1.1/16', '127.0.0.5/8'),
  });
  assert.equal(own, USUAL);
});

test('an address of IPv6 is dialled too, straight addresses by a device of their family', () => {
  const own = list({ devices: devices('2001:db8::1/64', '198.51.100.1/24') });
  assert.ok(own.includes('outside outside ext0/? 2001:db8::1:8080'));
  assert.ok(own.includes('container-address outside ext0/? 172.17.0.2:6379'));
  const six = list({ devices: devices('2001:db8::1/64') });
  assert.not.ok(six.some((text) => text.startsWith('container-address outside')));
});

test('a host that is not at hand has some address of its own', () => {
  const bare = { devices: devices().filter(({ kind }) => kind !== 'outside'), measured: false };
  const attempts = list(bare);
  assert.ok(attempts.includes('outside outside ?/? HOST:8080'));
  assert.ok(attempts.includes('own-address host host HOST:8080'));
  assert.ok(list(bare, {}, '198.51.100.7').includes('outside outside ?/? 198.51.100.7:8080'));
  assert.ok(list(bare, {}, '127.0.0.1').includes('outside outside ?/? HOST:8080'));
  const measured = list({ ...bare, measured: true });
  assert.not.ok(measured.some((text) => text.includes('HOST') || text.startsWith('outside')));
});

test('a port that is published on loopback is dialled there', () => {
  const loopback = (listens: string): string | undefined =>
    list({}, {}, listens).find((text) => text.startsWith('loopback '));
  assert.equal(loopback('127.0.0.1'), 'loopback host host 127.0.0.1:8080');
  assert.equal(loopback('127.0.0.9'), 'loopback host host 127.0.0.9:8080');
  assert.equal(loopback('::1'), 'loopback host host 127.0.0.1:8080');
  assert.equal(loopback('0.0.0.0'), 'loopback host host 127.0.0.1:8080');
});

test('a port that is published on one address is dialled there by containers', () => {
  const inside = list({}, {}, '198.51.100.1').filter((text) => /^(same|self|other)/.test(text));
  assert.equal(
    inside.map((text) => text.split(' ').at(-1)),
    Array(3).fill('198.51.100.1:8080'),
  );
  const local = list({}, {}, '127.0.0.1').filter((text) => /^(same|self)/.test(text));
  assert.equal(
    local.map((text) => text.split(' ').at(-1)),
    Array(2).fill('172.17.0.1:8080'),
  );
});

test('what leads to the host itself has no container’s side', () => {
  const host = list({}, {}, '0.0.0.0', '0.0.0.0');
  assert.equal(host, [
    'outside outside ext0/? 198.51.100.1:8080',
    'loopback host host 127.0.0.1:8080',
    'own-address host host 198.51.100.1:8080',
    'loopback6 host host ::1:8080',
  ]);
  assert.equal(list({}, {}, '0.0.0.0', '127.0.0.1'), host);
});

test('where no other container runs, one that might is thought of, at an address that is free', () => {
  const world = makeWorld(NOTHING, true);
  const [redis] = world.containers;
  const alone = list({ containers: redis ? [redis] : [] });
  assert.ok(alone.some((text) => text.startsWith('same-bridge a container on docker0')));
  assert.ok(alone.some((text) => text.startsWith(`other-bridge a container on ${FAR_BRIDGE}`)));
});

test('what shares the target’s namespace is no neighbour of it', () => {
  const world = makeWorld(NOTHING, true);
  const [redis, ...others] = world.containers;
  const inPod = redis ? [redis, { ...redis, name: 'sidecar' }] : [];
  assert.equal(list({ containers: [...inPod, ...others] }), USUAL);
});

test('a target that no container has dials nothing, on a host that is at hand', () => {
  const self = (measured: boolean): boolean =>
    list({ measured }, { container: null }).some((text) => text.startsWith('self'));
  assert.equal([self(true), self(false)], [false, true]);
});

test('a neighbour comes by the device whose link it is on, whichever address it dials', () => {
  const two: World['devices'] = [
    ...devices('198.51.100.1/24'),
    { name: 'ext1', kind: 'outside', networks: ['192.0.2.1/24'] },
  ];
  const outside = (client: string): string[] =>
    list({ devices: two }, { client }).filter((text) => text.includes(' outside '));
  assert.equal(outside('192.0.2.7'), [
    'outside outside ext1/192.0.2.7 198.51.100.1:8080',
    'outside outside ext1/192.0.2.7 192.0.2.1:8080',
    'container-address outside ext1/192.0.2.7 172.17.0.2:6379',
  ]);
  assert.equal(outside('203.0.113.7'), [
    'outside outside ext0/203.0.113.7 198.51.100.1:8080',
    'outside outside ext1/203.0.113.7 192.0.2.1:8080',
    'container-address outside ext0/203.0.113.7 172.17.0.2:6379',
  ]);
  const container = outside('172.17.0.9');
  assert.is(container[0], 'outside outside ext0/172.17.0.9 198.51.100.1:8080', 'no outer link');
});

test('straight to a container’s address only clients of its family come', () => {
  const both = { devices: devices('198.51.100.1/24', '2001:db8::1/64') };
  const straight = (client: string | null): boolean =>
    list(both, { client }).some((text) => text.startsWith('container-address outside'));
  assert.equal(
    [straight(null), straight('203.0.113.7'), straight('2001:db8::7')],
    [...[true, true, false]],
  );
});

/** A host with IPv6 on its bridges. */
const SIX: World['devices'] = [
  { name: 'lo', kind: 'loopback', networks: ['127.0.0.1/8', '::1/128'] },
  { name: 'ext0', kind: 'outside', networks: ['2001:db8::1/64'] },
  { name: 'docker0', kind: 'bridge', networks: ['fe80::1/64', 'fd00::1/64'] },
  { name: FAR_BRIDGE, kind: 'bridge', networks: ['fd01::1/64'] },
];

test('IPv6: containers that might be there have addresses near the end of the bridge’s network', () => {
  const inside = list({ devices: SIX, containers: [] }, { container: null }, '::', 'fd00::2');
  assert.ok(inside.includes('own-address host host fd00::1:8080'));
  assert.ok(inside.includes('same-bridge a container on docker0 container fd00::1:8080'));
  const world = makeWorld(NOTHING, true, { devices: SIX, containers: [] });
  const mapping = {
    protocol: 'tcp' as const,
    listens: { address: '::', port: 8080 },
    target: { address: 'fd00::2', port: 6379 },
  };
  const asked = listAttempts(world, { mapping, container: null, client: null });
  const addresses = asked.flatMap(({ start: { by } }) =>
    by.kind === 'container' ? [by.address] : [],
  );
  assert.equal([...new Set(addresses)], ['fd00::fffe', 'fd01::fffe']);
});

test('an address that a container has is not thought of, nor the bridge’s own', () => {
  const addressesOf = (networks: readonly string[], taken: readonly string[]): string[] => {
    const world = makeWorld(NOTHING, true);
    const own = world.devices.map((one) => (one.name === 'docker0' ? { ...one, networks } : one));
    const [target] = world.containers;
    const places = taken.map((address) => ({ bridge: 'elsewhere', address }));
    const containers = target ? [target, { name: 'x', places, sockets: [] }] : [];
    const changed = { ...world, devices: own, containers };
    const mapping = {
      protocol: 'tcp' as const,
      listens: { address: '0.0.0.0', port: 8080 },
      target: { address: '172.17.0.2', port: 6379 },
    };
    return listAttempts(changed, { mapping, container: target ?? null, client: null }).flatMap(
      ({ vantage, start: { by } }) =>
        vantage === 'same-bridge' && by.kind === 'container' ? [by.address] : [],
    );
  };
  assert.equal(addressesOf(['172.17.0.1/16'], []), ['172.17.0.14']);
  assert.equal(addressesOf(['172.17.0.1/16'], ['172.17.0.14']), ['172.17.0.13']);
  assert.equal(addressesOf(['172.17.0.14/16'], []), ['172.17.0.13'], 'the bridge has that one');
  const others = ['14', '13', '12', '6'].map((tail) => `172.17.0.${tail}`);
  assert.equal(addressesOf(['172.17.0.1/16'], others), ['172.17.0.5']);
});

test('of strangers one that runs comes before one that might', () => {
  const bare: World['devices'] = [
    ...devices('198.51.100.1/24').filter(({ name }) => name !== FAR_BRIDGE),
    { name: 'br-empty', kind: 'bridge', networks: ['172.31.0.1/16'] },
    { name: FAR_BRIDGE, kind: 'bridge', networks: ['172.30.0.1/16'] },
  ];
  assert.ok(
    list({ devices: bare }).includes('other-bridge container far container 198.51.100.1:8080'),
  );
});

test('a container without a bridge’s name is where its address is', () => {
  const world = makeWorld(NOTHING, true);
  const containers = world.containers.map((one) => ({
    ...one,
    places: one.places.map(({ address }) => ({ bridge: null, address })),
  }));
  assert.equal(list({ containers }, { container: containers[0] ?? null }), USUAL);
});

test.run();
