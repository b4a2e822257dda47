/** What the kernel lets in by a device: the source's check, own addresses, loopback, and what no client can be. */
import * as assert from 'uvu/assert';
import type { Routing } from '../../../src/model/routing.js';
import { findInput } from '../../../src/rules/evaluate/routing/input.js';
import type { RouteQuery } from '../../../src/rules/evaluate/routing/lookup.js';
import { readLargest, readOwn, readSetting } from '../../../src/rules/evaluate/routing/sysctl.js';
import { suite } from '../../support/suite.js';
import { flow, OWN, policy, route, routing, USUAL } from './tables.js';

const test = suite('what comes in');

type Settings = Readonly<Record<string, number | null>>;

/** Settings of all devices, unless `ext0/…` names one of the device's own. */
function values(change: Settings = {}): Map<string, string> {
  const names = ['rp_filter', 'accept_local', 'src_valid_mark', 'route_localnet'];
  const all = new Map(
    names.flatMap((name) =>
      ['all', 'ext0', 'docker0'].map((device) => [`ipv4/conf/${device}/${name}`, '0']),
    ),
  );
  for (const [name, value] of Object.entries(change)) {
    const key = `ipv4/conf/${name.includes('/') ? name : `all/${name}`}`;
    if (value === null) all.delete(key);
    else all.set(key, String(value));
  }
  return all;
}

const ROUTES = [route('0.0.0.0/0', 'ext0'), route('172.17.0.0/16', 'docker0'), OWN];

function enter(
  settings: Settings,
  change: Partial<RouteQuery> = {},
  tables: Routing = routing(ROUTES),
): string {
  const input = findInput(tables, values(settings), flow(change), () => false);
  if (input.kind === 'martian') {
    return input.martian.code === 'rp-filter'
      ? `rp-filter ${input.martian.mode}`
      : input.martian.code;
  }
  return input.decision.kind;
}

const STRICT = { rp_filter: 1 };
const LOOSE = { rp_filter: 2 };
const FOREIGN = { source: '172.17.0.9' };

test('strict: the way back leads by the device that it came by; loose: by any', () => {
  assert.equal([enter({}), enter(STRICT), enter(LOOSE)], ['route', 'route', 'route']);
  assert.equal(
    [enter({}, FOREIGN), enter(STRICT, FOREIGN), enter(LOOSE, FOREIGN)],
    ['route', 'rp-filter 1', 'route'],
  );
  const lonely = routing([OWN, route('10.0.0.0/8', 'docker0')]);
  assert.equal(
    [enter({}, {}, lonely), enter(STRICT, {}, lonely), enter(LOOSE, {}, lonely)],
    ['route', 'rp-filter 1', 'rp-filter 2'],
  );
});

test('one of several ways back is enough', () => {
  const hops = ['docker0', 'ext0'].map((device) => ({
    device,
    gateway: null,
    down: false,
    dead: false,
  }));
  assert.is(enter(STRICT, {}, routing([OWN, route('0.0.0.0/0', null, { hops })])), 'route');
});

test('the larger of both settings counts', () => {
  assert.equal(
    [
      enter({ 'ext0/rp_filter': 1 }, FOREIGN),
      enter({ rp_filter: 2, 'ext0/rp_filter': 1 }, FOREIGN),
      enter({ 'docker0/rp_filter': 1 }, FOREIGN),
    ],
    ['rp-filter 1', 'route', 'route'],
  );
});

test('a setting that is not known leaves it open', () => {
  assert.is(enter({ rp_filter: null }), 'unknown');
  assert.is(enter({ accept_local: null }), 'unknown');
  assert.is(enter({ 'ext0/accept_local': null }), 'unknown');
  assert.equal(
    [enter({ ...STRICT, src_valid_mark: null }), enter({ src_valid_mark: null })],
    ['unknown', 'route'],
  );
});

test('an address of the host is no client’s, unless it is allowed to be', () => {
  const own = { source: '198.51.100.1' };
  assert.equal(
    [enter({}, own), enter(STRICT, own), enter({ accept_local: 1 }, own)],
    ['own-source', 'own-source', 'route'],
  );
  const custom = routing(ROUTES, { rules: [...USUAL, policy(5, '100')] });
  assert.is(enter({}, own, custom), 'own-source');
});

test('a source to which no unicast route leads', () => {
  const odd = routing([...ROUTES, route('203.0.113.0/24', 'ext0', { type: 'broadcast' })]);
  assert.equal(
    [enter(STRICT, {}, odd), enter({ ...STRICT, accept_local: 1 }, {}, odd), enter({}, {}, odd)],
    ['odd-source', 'odd-source', 'route'],
  );
});

test('rules of its own make the kernel look even where rp_filter is off', () => {
  const odd = [...ROUTES, route('203.0.113.0/24', 'ext0', { type: 'broadcast' })];
  const custom = routing(odd, { rules: [...USUAL, policy(5, '100')] });
  assert.is(enter({}, {}, custom), 'odd-source');
  const local = routing([...odd, route('10.1.1.1/32', 'lo', { type: 'local', table: '9' })]);
  assert.is(enter({}, {}, local), 'odd-source');
  const refused = routing([OWN, route('203.0.113.0/24', null, { type: 'blackhole' })], {
    rules: [...USUAL, policy(5, '100')],
  });
  assert.equal([enter({}, {}, refused), enter(STRICT, {}, refused)], ['route', 'rp-filter 1']);
});

test('the way back is asked with the packet’s mark where that is valid', () => {
  const rules = [...USUAL, policy(5, '100', { mark: { value: 7, mask: 0xff } })];
  const tables = routing([...ROUTES, route('203.0.113.0/24', 'docker0', { table: '100' })], {
    rules,
  });
  const marked = { mark: 7 };
  assert.equal(
    [enter(STRICT, marked, tables), enter({ ...STRICT, src_valid_mark: 1 }, marked, tables)],
    ['route', 'rp-filter 1'],
  );
});

test('the way back comes in by where the packet leaves', () => {
  const back = (inDevice: string): string =>
    enter(
      STRICT,
      { destination: '172.17.0.2' },
      routing([...ROUTES, route('203.0.113.0/24', 'docker0', { table: '100' })], {
        rules: [...USUAL, policy(5, '100', { inDevice })],
      }),
    );
  assert.equal([back('docker0'), back('lo')], ['rp-filter 1', 'route']);
  const stays = (inDevice: string): string =>
    enter(
      STRICT,
      {},
      routing([...ROUTES, route('203.0.113.0/24', 'docker0', { table: '100' })], {
        rules: [...USUAL, policy(5, '100', { inDevice })],
      }),
    );
  assert.equal([stays('docker0'), stays('lo')], ['route', 'rp-filter 1']);
});

test('what is not checked: lo, IPv6, no source, and what has no route', () => {
  assert.is(enter({ rp_filter: null }, { inDevice: 'lo' }), 'route');
  assert.is(enter({ rp_filter: null }, { source: null }), 'route');
  assert.is(enter({ rp_filter: null }, { destination: '10.9.9.9' }, routing([OWN])), 'none');
  assert.is(
    enter({ rp_filter: null }, { family: 6, destination: 'fd00::1', source: 'fd00::2' }),
    'none',
  );
});

test('loopback from and to other devices', () => {
  const to = { destination: '127.0.0.1' };
  const from = { source: '127.0.0.1' };
  assert.equal([enter({}, to), enter({}, from)], ['loopback', 'loopback']);
  assert.equal(
    [enter({ route_localnet: null }, to), enter({ 'ext0/route_localnet': null }, to)],
    ['unknown', 'unknown'],
  );
  const local = routing([...ROUTES, route('127.0.0.0/8', 'lo', { table: 'local', type: 'local' })]);
  assert.is(enter({ 'ext0/route_localnet': 1 }, to, local), 'route');
  assert.is(enter({}, { family: 6, destination: '::1', source: 'fd00::2' }), 'none');
});

test('settings: of all devices and of one, numbers only', () => {
  const own = new Map([
    ...[
      ['ipv4/conf/all/x', '1'],
      ['ipv4/conf/a/x', '2'],
      ['ipv4/conf/b/x', '0'],
    ],
    ...[
      ['ipv4/conf/a/y', 'z'],
      ['ipv4/conf/c/x', '-1'],
      ['ipv4/conf/d/x', '1a'],
    ],
  ] as [string, string][]);
  assert.equal(
    ['a', 'b', 'c', 'd', 'e'].map((device) => readLargest(own, 'x', device)),
    [2, 1, 1, null, null],
  );
  assert.equal(
    [
      readLargest(own, 'y', 'a'),
      readOwn(own, 'x', 'a'),
      readOwn(own, 'x', 'c'),
      readOwn(own, 'y', 'a'),
    ],
    [null, 2, -1, null],
  );
  assert.is(readSetting(own, 'gone'), null);
});

test.run();
