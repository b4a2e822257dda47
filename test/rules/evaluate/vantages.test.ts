// From where a published port is dialled, and what is dialled there: every place that the host's devices make possible.

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

test('a target that no container has dials nothing, on a host that is at hand', () => {
  const self = (measured: boolean): boolean =>
    list({ measured }, { container: null }).some((text) => text.startsWith('self'));
  assert.equal([self(true), self(false)], [false, true]);
});

test.run();
