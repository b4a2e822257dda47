/** Who answers where a packet arrives: the most fitting socket, the relay behind it, the container, or nobody. */
import * as assert from 'uvu/assert';
import type { Forecast } from '../../../src/model/forecast.js';
import {
  findContainerAt,
  findDeafness,
  findPortRelay,
  findSocket,
  listensInsideOnly,
} from '../../../src/rules/evaluate/deliver.js';
import { withhold } from '../../../src/rules/evaluate/withhold.js';
import {
  chooseSource,
  familyOf,
  findBridgeOf,
  findWorldRoute,
  isOwnAddress,
  stripPrefix,
  type WorldContainer,
  type WorldSocket,
} from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { FAR_BRIDGE, makeWorld, NOTHING } from './worlds.js';

const test = suite('who answers');

function socket(address: string, more: Partial<WorldSocket> = {}): WorldSocket {
  return { protocol: 'tcp', address, port: 80, pid: 7, command: 'nginx', ...more };
}

const find = (sockets: WorldSocket[], address: string | null, family: 4 | 6 = 4): string | null =>
  findSocket(sockets, { protocol: 'tcp', address, port: 80, family })?.address ?? null;

test('the socket of the address comes before that of all addresses', () => {
  const all = [socket('0.0.0.0'), socket('10.0.0.1'), socket('::')];
  assert.equal(
    [find(all, '10.0.0.1'), find(all, '10.0.0.2'), find(all, null)],
    ['10.0.0.1', '0.0.0.0', '0.0.0.0'],
  );
  assert.equal([find(all, 'fd00::1', 6), find([socket('0.0.0.0')], 'fd00::1', 6)], ['::', null]);
  assert.is(find([socket('10.0.0.1')], '10.0.0.2'), null);
});

test('another port, and another protocol, are another socket', () => {
  assert.is(find([socket('0.0.0.0', { port: 81 })], '10.0.0.1'), null);
  assert.is(find([socket('0.0.0.0', { protocol: 'udp' })], '10.0.0.1'), null);
  assert.is(find([socket('10.0.0.1', { port: 81 }), socket('0.0.0.0')], '10.0.0.1'), '0.0.0.0');
});

test('a socket of IPv6 takes IPv4 too, but docker-proxy opens one for each', () => {
  assert.is(find([socket('::')], '10.0.0.1'), '::');
  assert.is(find([socket('::', { command: 'docker-proxy' })], '10.0.0.1'), null);
  assert.is(find([socket('::', { command: 'docker-proxy' })], 'fd00::1', 6), '::');
});

test('a port that is open inside only', () => {
  const inside = (...sockets: WorldSocket[]): boolean => listensInsideOnly(sockets, 'tcp', 80);
  assert.equal(
    [inside(socket('127.0.0.1')), inside(socket('::1')), inside(socket('127.0.0.9'))],
    [true, true, true],
  );
  assert.equal(
    [inside(), inside(socket('0.0.0.0')), inside(socket('127.0.0.1'), socket('10.0.0.1'))],
    [false, false, false],
  );
  assert.equal(
    [inside(socket('127.0.0.1', { port: 81 })), inside(socket('127.0.0.1', { protocol: 'udp' }))],
    [false, false],
  );
});

const relay = {
  pid: 10,
  command: 'docker-proxy',
  protocol: 'tcp' as const,
  listens: { address: '0.0.0.0', port: 80 },
  target: { address: '172.17.0.2', port: 80 },
};
const world = (relays = [relay]) => makeWorld(NOTHING, true, { relays });
const behind = (own: WorldSocket | null, relays = [relay], address = '10.0.0.1'): number | null =>
  findPortRelay(
    world(relays),
    { protocol: 'tcp', address, port: 80, family: address.includes(':') ? 6 : 4 },
    own,
  )?.pid ?? null;

test('the relay behind a socket is the process that has it', () => {
  assert.equal(
    [behind(socket('0.0.0.0', { pid: 10 })), behind(socket('0.0.0.0', { pid: 11 }))],
    [10, null],
  );
  const other = { ...relay, listens: { address: '0.0.0.0', port: 81 } };
  assert.is(behind(socket('0.0.0.0', { pid: 10 }), [other]), 10);
});

test('where the owner is not known, or the engine holds the socket, its arguments tell', () => {
  assert.equal(
    [
      behind(null),
      behind(socket('0.0.0.0', { pid: null })),
      behind(socket('0.0.0.0', { pid: 9, command: 'dockerd' })),
    ],
    [10, 10, 10],
  );
  const at = (address: string, port = 80, protocol: 'tcp' | 'udp' = 'tcp'): number | null =>
    behind(null, [{ ...relay, protocol: protocol as 'tcp', listens: { address, port } }]);
  assert.equal(
    [at('10.0.0.1'), at('10.0.0.2'), at('0.0.0.0', 81), at('0.0.0.0', 80, 'udp'), at('::')],
    [10, null, null, null, null],
  );
  assert.is(behind(null, [{ ...relay, listens: { address: '::', port: 80 } }], 'fd00::1'), 10);
});

const container = (sockets: WorldSocket[] | null): WorldContainer => ({
  name: 'web',
  places: [{ bridge: 'docker0', address: '172.17.0.2' }],
  sockets,
});

test('a container where nothing listens, where something listens inside only, and where nobody knows', () => {
  const deaf = (sockets: WorldSocket[] | null): boolean =>
    findDeafness(container(sockets), 'tcp', '172.17.0.2', 80) !== null;
  assert.equal(
    [deaf([]), deaf([socket('127.0.0.1')]), deaf([socket('0.0.0.0')]), deaf(null)],
    [true, true, false, false],
  );
  const codes = [[], [socket('127.0.0.1')]].map(
    (one) => findDeafness(container(one), 'tcp', '172.17.0.2', 80)?.code,
  );
  assert.equal(codes, ['deaf', 'deaf-outside']);
});

test('a container by its address', () => {
  const two = makeWorld(NOTHING, true);
  assert.equal(
    [findContainerAt(two, '172.17.0.4')?.name, findContainerAt(two, '172.17.0.9')],
    ['other', null],
  );
});

test('addresses without their prefix, and of which family', () => {
  assert.equal(
    [
      stripPrefix('10.0.0.1/8'),
      stripPrefix('fd00:0:0::1/64'),
      stripPrefix('10.0.0.1'),
      stripPrefix('x/y'),
    ],
    ['10.0.0.1', 'fd00::1', '10.0.0.1', 'x/y'],
  );
  assert.equal([familyOf('10.0.0.1'), familyOf('::1')], [4, 6]);
});

test('own addresses: of devices, and all of loopback', () => {
  const own = (address: string): boolean => isOwnAddress(makeWorld(NOTHING, true), address);
  assert.equal(
    [own('198.51.100.1'), own('172.17.0.1'), own('127.8.8.8'), own('::1')],
    [true, true, true, true],
  );
  assert.equal([own('172.17.0.2'), own('198.51.100.2'), own('1.127.0.0')], [false, false, false]);
});

test('the bridge of an address is no other device with that network', () => {
  const bridge = (address: string): string | null =>
    findBridgeOf(makeWorld(NOTHING, true), address)?.name ?? null;
  assert.equal(
    [bridge('172.17.0.2'), bridge('172.30.9.9'), bridge('198.51.100.2'), bridge('192.0.2.1')],
    ['docker0', FAR_BRIDGE, null, null],
  );
});

test('the route of the longest prefix, else the network of a device, else the default', () => {
  const route = (destination: string, device: string, source: string | null = null) => ({
    destination,
    device,
    source,
  });
  const lead = (address: string, ...routes: ReturnType<typeof route>[]): unknown =>
    findWorldRoute(makeWorld(NOTHING, true, { routes }), address);
  assert.is(lead('192.0.2.1'), null);
  const all = [
    route('0.0.0.0/0', 'ext0'),
    route('192.0.2.0/24', 'docker0'),
    route('192.0.0.0/8', FAR_BRIDGE),
  ];
  assert.equal(lead('192.0.2.1', ...all), { device: 'docker0', source: '172.17.0.1' });
  assert.equal(lead('192.0.3.1', ...all), { device: FAR_BRIDGE, source: '172.30.0.1' });
  assert.equal(lead('8.8.8.8', ...all), { device: 'ext0', source: '198.51.100.1' });
  assert.equal(lead('172.17.0.9', ...all), { device: 'docker0', source: '172.17.0.1' });
  assert.equal(lead('172.17.0.9', route('172.17.0.0/24', 'ext0', '10.1.1.1')), {
    device: 'ext0',
    source: '10.1.1.1',
  });
  assert.equal(lead('192.0.2.1', route('192.0.2.0/24', 'gone0')), {
    device: 'gone0',
    source: null,
  });
  assert.is(lead('192.0.2.1', route('fd00::/8', 'ext0'), route('nonsense', 'ext0')), null);
});

test('the address that a device is left with: of the same network, else its first of that family', () => {
  const choose = (networks: string[], address: string): string | null =>
    chooseSource({ name: 'x', kind: 'outside', networks }, address);
  assert.is(choose(['10.0.0.1/8', '192.0.2.1/24'], '192.0.2.9'), '192.0.2.1');
  assert.is(choose(['10.0.0.1/8', '192.0.2.1/24'], '8.8.8.8'), '10.0.0.1');
  assert.is(choose(['fe80::1/64', 'fd00::1/64'], 'fd01::9'), 'fd00::1');
  assert.equal(
    [choose(['fd00::1/64'], '8.8.8.8'), choose(['fe80::1/64'], 'fd00::9'), choose([], '8.8.8.8')],
    [null, null, null],
  );
});

const LED = { code: 'served', at: { address: null, port: 80 }, command: null } as const;

test('what cannot be known for want of rules is withheld, and says what it would have been', () => {
  const prediction: Forecast = {
    vantage: 'outside',
    from: { kind: 'outside' },
    to: '198.51.100.1:80',
    protocol: 'tcp',
    path: 'dnat',
    way: 'dnat',
    target: '172.17.0.2:80',
    rule: '-A X',
    why: LED,
    sourceSeen: '10.0.0.9',
    obstacles: [LED],
  };
  const { path, way, rule, sourceSeen, obstacles, why, to } = withhold(prediction, null);
  assert.equal(
    [path, way, rule, sourceSeen, obstacles, to],
    ['unknown', null, null, null, [], prediction.to],
  );
  assert.equal(why, { code: 'withheld', path: 'dnat', unread: null });
  const unknown = { ...prediction, path: 'unknown' as const };
  assert.is(withhold(unknown, 6), unknown);
});

test.run();
