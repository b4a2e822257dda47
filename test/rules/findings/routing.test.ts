/** Findings of routing: each by the host on which it is true, and none on a host in order. */
import * as assert from 'uvu/assert';
import type { Finding } from '../../../src/model/explain.js';
import { predictWays } from '../../../src/rules/evaluate/predict.js';
import { findRoutingFaults } from '../../../src/rules/findings/routing.js';
import { makeRouted, port, type Extra } from '../routing/worlds.js';
import { writeFinding } from '../../../src/words/findings.js';
import { suite } from '../../support/suite.js';

const test = suite('findings of routing');

const target = { address: '172.17.0.2', port: 6379 };
const mapping = { protocol: 'tcp', listens: { address: '0.0.0.0', port: 6379 }, target } as const;

function findAll(host: Extra = {}, inside: Extra = {}): Finding[] {
  const world = makeRouted(host, inside);
  const [container = null] = world.containers;
  const way = { mapping, container, client: '198.51.100.2' };
  return findRoutingFaults(world, predictWays(world, [way]).stopped).map(writeFinding);
}

function expect(found: readonly Finding[], code: string, evidence: RegExp, severity: string): void {
  const one = found.find((finding) => finding.code === code);
  assert.match(one?.evidence ?? `no ${code}`, evidence);
  assert.is(one?.severity, severity);
  assert.ok((one?.remedy.length ?? 0) > 20, one?.remedy);
}

test('a host in order has none', () => {
  assert.equal(findAll(), []);
});

test('reverse path filters, refusing routes, forwarding', () => {
  const routes = [{ dst: '198.51.100.2', dev: 'wg0' }];
  const strict = findAll({ routes, values: { 'ipv4/conf/ext0/rp_filter': '1' } });
  expect(strict, 'rp-filter', /rp_filter of ext0 is 1 \(strict\).*\(outside, to 198/, 'error');
  expect(findAll({ routes }), 'answer-elsewhere', /leaves by wg0/, 'warning');
  const blackhole = [{ type: 'blackhole', dst: '198.51.100.2' }];
  expect(findAll({ routes: blackhole }), 'route-refuses', /"blackhole 198\.51\.100\.2"/, 'error');
  const off = findAll({ values: { 'ipv4/conf/ext0/forwarding': '0' } });
  expect(off, 'forwarding-off', /net\.ipv4\.conf\.ext0\.forwarding is 0/, 'error');
  const inside = findAll({}, { routes: [{ type: 'unreachable', dst: '198.51.100.0/24' }] });
  expect(inside, 'route-refuses', /^inside redis, the route "unreachable/, 'error');
});

test('the wire: a port that is down, and a program that nobody reads', () => {
  expect(findAll({ routing: { links: [port({ up: false })] } }), 'bridge-port', /veth1/, 'error');
  const filters = [{ device: 'ext0', direction: 'ingress' as const, kind: 'bpf' }];
  expect(findAll({ routing: { filters } }), 'traffic-program', /tc, bpf/, 'warning');
});

test('neighbours that find each other no more are no entry made by hand', () => {
  const values = { 'ipv4/conf/all/arp_ignore': '0', 'ipv4/conf/docker0/arp_ignore': '8' };
  const found = findAll({ values });
  expect(found, 'neighbours-stopped', /arp_ignore of docker0 is 8/, 'warning');
  assert.not(found.some(({ code }) => code === 'neighbour-fixed'));
  const lladdr = '02:aa:aa:aa:aa:aa';
  const entry = { device: 'docker0', address: '172.17.0.2', lladdr, state: ['PERMANENT'] };
  const fixed = findAll({ routing: { neighbours: [entry] } });
  expect(fixed, 'neighbour-fixed', /is permanent/, 'error');
  assert.not(fixed.some(({ code }) => code === 'neighbours-stopped'));
});

test('a table of connections that is full or nearly so', () => {
  const values = (count: number) => ({
    'netfilter/nf_conntrack_count': String(count),
    'netfilter/nf_conntrack_max': '1000',
  });
  expect(findAll({ values: values(1000) }), 'conntrack-full', /1000 of at most 1000/, 'error');
  expect(findAll({ values: values(960) }), 'conntrack-full', /960/, 'warning');
  assert.equal(findAll({ values: values(900) }), []);
});

test('a way out with a smaller MTU than the bridge, and rules of a VPN', () => {
  const small = port({ name: 'wg0', ifindex: 11, mtu: 1420, master: null, port: null });
  const links = [port(), small];
  const routes = [{ dst: 'default', dev: 'wg0', table: '51820' }];
  const rules = [{ priority: 9, src: 'all', fwmark: '0x7', table: '51820' }];
  const found = findAll({ rules, routes, routing: { links } });
  expect(found, 'mtu-smaller', /MTU of docker0 is 1500.*wg0 \(1420\)/, 'warning');
  expect(found, 'policy-routing', /"from all fwmark 0x7 lookup 51820"/, 'note');
  const same = findAll({ routes, routing: { links: [port(), { ...small, mtu: 1500 }] } });
  assert.equal(same, []);
});

test.run();
