/** What routing, the wire and the container's own side make of a connection that no rule stops. */
import * as assert from 'uvu/assert';
import type { Prediction } from '../../../src/model/explain.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { predictRedis } from '../evaluate/worlds.js';
import { suite } from '../../support/suite.js';
import { makeRouted, PORT, port, type Extra } from './worlds.js';

const test = suite('routing');

const OUTSIDE = 'outside: outside → 198.51.100.1:6379';
const OWN = 'own-address: host → 198.51.100.1:6379';
const LOOPBACK = 'loopback: host → 127.0.0.1:6379';
const STRAIGHT = 'container-address: host → 172.17.0.2:6379';

interface Seen {
  readonly path: string;
  readonly why: string;
}

function predictAll(
  host: Extra = {},
  inside: Extra = {},
  rules?: string,
  client: string | null = '198.51.100.2',
): Map<string, Prediction> {
  const world = makeRouted(host, inside, rules === undefined ? undefined : parseSaved(rules, 'x'));
  return new Map(
    predictRedis(world, { client }).map((one) => [`${one.vantage}: ${one.from} → ${one.to}`, one]),
  );
}

function expect(told: Map<string, Prediction>, way: string, path: string, why?: RegExp): void {
  const seen: Seen | undefined = told.get(way);
  assert.is(seen?.path, path, `${way}: ${seen?.why ?? 'nothing'}`);
  if (why) assert.match(seen?.why ?? '', why);
}

test('a plain host: as without routing', () => {
  const told = predictAll();
  expect(told, OUTSIDE, 'dnat');
  expect(told, OWN, 'dnat');
  expect(told, LOOPBACK, 'docker-proxy');
  expect(told, STRAIGHT, 'direct');
  expect(predictAll({}, {}, undefined, null), OUTSIDE, 'dnat');
});

test('a blackhole on the way there, and one on the way back', () => {
  const there = predictAll({ routes: [{ type: 'blackhole', dst: '172.17.0.2' }] });
  expect(there, OUTSIDE, 'dropped', /the route "blackhole 172\.17\.0\.2" stops/);
  expect(there, STRAIGHT, 'dropped');
  const back = predictAll({ routes: [{ type: 'blackhole', dst: '198.51.100.2' }] });
  expect(back, OUTSIDE, 'dropped', /its answer does not arrive: the route "blackhole 198/);
  expect(back, OWN, 'dnat');
});

test('unreachable tells who dials, and not who waits for an answer', () => {
  expect(predictAll({ routes: [{ type: 'unreachable', dst: '172.17.0.2' }] }), OUTSIDE, 'refused');
  expect(
    predictAll({ routes: [{ type: 'unreachable', dst: '198.51.100.2' }] }),
    OUTSIDE,
    'dropped',
  );
});

test('a routing rule for what the container sends', () => {
  const rules = [{ priority: 9, src: '172.17.0.2', table: '100' }];
  const nowhere = { rules, routes: [{ type: 'blackhole', dst: 'default', table: '100' }] };
  expect(predictAll(nowhere), OUTSIDE, 'dropped', /"blackhole default table 100"/);
  const elsewhere = { rules, routes: [{ dst: 'default', dev: 'wg0', table: '100' }] };
  expect(
    predictAll(elsewhere),
    OUTSIDE,
    'unknown',
    /leaves by wg0, and the request came in on ext0/,
  );
  // A rule with another selector does not concern it.
  expect(
    predictAll({ ...nowhere, rules: [{ priority: 9, src: '172.17.0.9', table: '100' }] }),
    OUTSIDE,
    'dnat',
  );
});

test('WireGuard: what is on the link stays there, and others may be answered through the tunnel', () => {
  const rules = [
    { priority: 5, src: 'all', table: 'main', suppress_prefixlen: 0 },
    { priority: 6, not: null, src: 'all', fwmark: '0xca6c', table: '51820' },
  ];
  const routes = [
    { dst: 'default', gateway: '198.51.100.254', dev: 'ext0' },
    { dst: 'default', dev: 'wg0', table: '51820' },
  ];
  expect(predictAll({ rules, routes }), OUTSIDE, 'dnat');
  expect(predictAll({ rules, routes }, {}, undefined, '203.0.113.7'), OUTSIDE, 'unknown', /by wg0/);
  const any = predictAll({ rules, routes }, {}, undefined, null);
  expect(any, OUTSIDE, 'unknown', /on the link of ext0 or beyond a gateway/);
});

test('rp_filter: the larger of all and the device decides; strict drops what would go back elsewhere', () => {
  const strict = { 'ipv4/conf/all/rp_filter': '1' };
  expect(predictAll({ values: strict }), OUTSIDE, 'dnat');
  const routes = [{ dst: '198.51.100.2', dev: 'wg0' }];
  expect(
    predictAll({ routes, values: strict }),
    OUTSIDE,
    'dropped',
    /rp_filter of ext0 is 1 \(strict\)/,
  );
  const loose = { ...strict, 'ipv4/conf/ext0/rp_filter': '2' };
  expect(predictAll({ routes, values: loose }), OUTSIDE, 'unknown', /leaves by wg0/);
  const routing = { links: [port()] };
  const unknown = predictAll({ routes, values: { 'ipv4/conf/all/rp_filter': '?' }, routing });
  expect(unknown, OUTSIDE, 'unknown', /rp_filter of ext0, which is not known/);
});

test('forwarding of one device', () => {
  const there = predictAll({ values: { 'ipv4/conf/ext0/forwarding': '0' } });
  expect(there, OUTSIDE, 'dropped', /net\.ipv4\.conf\.ext0\.forwarding is 0/);
  expect(there, OWN, 'dnat');
  const back = predictAll({ values: { 'ipv4/conf/docker0/forwarding': '0' } });
  expect(back, OUTSIDE, 'dropped', /its answer .*docker0\.forwarding is 0/);
  expect(back, LOOPBACK, 'docker-proxy');
});

test('inside the container: no route to the client, a firewall, a routing rule', () => {
  const inside = { routes: [{ type: 'unreachable', dst: '198.51.100.0/24' }] };
  expect(predictAll({}, inside), OUTSIDE, 'dropped', /inside redis/);
  expect(predictAll({}, inside), LOOPBACK, 'docker-proxy');
  const rules = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 6379 -j DROP\nCOMMIT\n';
  const walled = predictAll({}, {}, rules);
  expect(
    walled,
    OUTSIDE,
    'dropped',
    /inside redis, the rule "-A INPUT -p tcp --dport 6379 -j DROP"/,
  );
  expect(walled, STRAIGHT, 'dropped');
  const elsewhere = predictAll(
    {},
    { routes: [{ dst: 'default', gateway: '172.17.0.4', dev: 'eth0' }] },
  );
  expect(elsewhere, OUTSIDE, 'unknown', /gateway 172\.17\.0\.4 by eth0, the address of other/);
});

test('the wire: ports that are down, macvlan, neighbours by hand, programs', () => {
  const with_ = (change: Partial<ReturnType<typeof port>>): Extra => ({
    routing: { links: [port(change)] },
  });
  expect(predictAll(with_({ up: false })), OUTSIDE, 'dropped', /veth1, .* is down/);
  expect(predictAll(with_({ port: { ...PORT, locked: true } })), OUTSIDE, 'unknown', /locked port/);
  expect(predictAll(with_({ xdp: true })), OUTSIDE, 'unknown', /XDP program on veth1/);
  const entry = (address: string, device: string) => ({
    neighbours: [{ address, device, lladdr: '02:aa:aa:aa:aa:aa', state: ['PERMANENT'] }],
  });
  const wrong = predictAll({ routing: entry('172.17.0.2', 'docker0') });
  expect(wrong, OUTSIDE, 'dropped', /neighbour entry of 172\.17\.0\.2 on docker0 is permanent/);
  const client = predictAll({ routing: entry('198.51.100.2', 'ext0') });
  expect(client, OUTSIDE, 'unknown', /neighbour entry of 198\.51\.100\.2/);
  expect(client, OWN, 'dnat');
  const filters = [{ device: 'ext0', direction: 'ingress' as const, kind: 'bpf' }];
  expect(
    predictAll({ routing: { filters } }),
    OUTSIDE,
    'unknown',
    /traffic filter \(tc, bpf\) on ext0/,
  );
});

test('what decides by the user is not known from here', () => {
  const rules = [{ priority: 9, src: 'all', uid_start: 1000, uid_end: 2000, action: 'blackhole' }];
  const told = predictAll({ rules });
  expect(told, OWN, 'unknown', /uidrange 1000-2000/);
  // Nobody owns what is forwarded: it counts as root's.
  expect(told, OUTSIDE, 'dnat');
});

test.run();
