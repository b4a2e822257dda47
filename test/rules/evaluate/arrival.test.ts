/**
 * Who takes a connection in the end: a process of the host, a relay and the container behind it, a container, or
 * nobody.
 */
import * as assert from 'uvu/assert';
import type { TrialEnd } from '../../../src/rules/evaluate/journey-end.js';
import { Traveller } from '../../../src/rules/evaluate/journey.js';
import { RuleIndex } from '../../../src/rules/evaluate/rule-index.js';
import type { Start } from '../../../src/rules/evaluate/start.js';
import { Walk } from '../../../src/rules/evaluate/walk.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { suite } from '../../support/suite.js';
import { makeRouted } from '../routing/worlds.js';
import { makeWorld, NOTHING, redis } from './worlds.js';

const test = suite('arrivals');

const OUTSIDE = { kind: 'outside', device: 'ext0', source: '198.51.100.2' } as const;

function go(world: World, start: Partial<Start> = {}): TrialEnd {
  const no = (): boolean => false;
  const walk = new Walk(world, new RuleIndex(world.rules), no);
  const whole = { protocol: 'tcp', port: 6379, family: 4, to: '198.51.100.1' } as const;
  return new Traveller(world, walk, no).go({ ...whole, by: OUTSIDE, ...start });
}

/** End, path and reason, the reason by its code; a reason with another behind it by both. */
function tell(world: World, start: Partial<Start> = {}): string {
  const { end, way, why } = go(world, start);
  const more = 'more' in why ? ` ${why.more.code}` : 'but' in why ? ` ${why.but.code}` : '';
  return `${end} ${way ?? '-'} ${why.code}${more}`;
}

const obstacles = (world: World, start: Partial<Start> = {}): string[] =>
  go(world, start).obstacles.map(({ code }) => code);

const host = (change: Partial<World> = {}, rules = NOTHING): World =>
  makeWorld(rules, false, { relays: [], ...change });

const listens = (command: string | null, address = '0.0.0.0', more = {}) => ({
  sockets: [{ protocol: 'tcp' as const, address, port: 6379, pid: 7, command, ...more }],
});

test('a process of the host: it answers where it listens, and nobody answers elsewhere', () => {
  assert.is(tell(host(listens('nginx'))), 'answered host served');
  assert.is(tell(host(listens(null))), 'answered host served', 'of an unknown name');
  assert.is(tell(host(listens('nginx', '198.51.100.1'))), 'answered host served');
  const other = host(listens('nginx', '127.0.0.1'));
  assert.is(tell(other), 'refused - unserved');
  assert.equal(obstacles(other), ['nothing-listens']);
  assert.is(tell(host(listens('nginx', '0.0.0.0', { port: 80 }))), 'refused - unserved');
  assert.is(tell(host(listens('nginx', '0.0.0.0', { protocol: 'udp' }))), 'refused - unserved');
});

test('who only holds the port, and who hands on for a container without root', () => {
  for (const command of ['dockerd', 'conmon']) {
    assert.is(tell(host(listens(command))), 'unknown - held', command);
    assert.equal(obstacles(host(listens(command))), ['no-rule-takes-it']);
  }
  for (const command of ['rootlessport', 'slirp4netns', 'pasta']) {
    const { end, way, why, sourceSeen, target } = go(host(listens(command)));
    assert.equal([end, way, why.code], ['answered', 'relay', 'port-driver'], command);
    assert.equal([sourceSeen, target], [null, null], 'what is behind it is not known');
  }
});

test('nobody knows who listens: docker-proxy where it is used and published there, else unknown', () => {
  const unread = (change: Partial<World> = {}): string =>
    tell(host({ sockets: null, userlandProxy: true, ...change }));
  assert.is(unread(), 'answered docker-proxy relay-assumed');
  assert.is(unread({ userlandProxy: null }), 'unknown - listener-unknown');
  assert.is(unread({ userlandProxy: false }), 'unknown - listener-unknown');
  const at = (address: string, more = {}) => ({
    published: [{ protocol: 'tcp' as const, address, port: 6379, ...more }],
  });
  assert.is(unread(at('198.51.100.1')), 'answered docker-proxy relay-assumed');
  assert.is(unread(at('127.0.0.1')), 'unknown - listener-unknown');
  assert.is(unread(at('::')), 'unknown - listener-unknown', 'of the other family');
  assert.is(unread(at('0.0.0.0', { port: 80 })), 'unknown - listener-unknown');
  assert.is(unread(at('0.0.0.0', { protocol: 'udp' })), 'unknown - listener-unknown');
  const guessed = go(host({ sockets: null, userlandProxy: true }));
  assert.equal([guessed.sourceSeen, guessed.target], [null, null]);
});

const relay = (target: World['relays'][number]['target']): World['relays'] => [
  {
    pid: 7,
    command: 'docker-proxy',
    protocol: 'tcp',
    target,
    listens: { address: '0.0.0.0', port: 6379 },
  },
];
const REDIS = { address: '172.17.0.2', port: 6379 };

test('docker-proxy: as what is behind it, which it dials itself', () => {
  const proxied = host({ ...listens('docker-proxy'), relays: relay(REDIS) });
  const { end, way, why, sourceSeen, target } = go(proxied);
  assert.equal([end, way, why.code], ['answered', 'docker-proxy', 'relayed']);
  assert.equal([sourceSeen, target], ['172.17.0.1', '172.17.0.2:6379']);
  assert.equal(obstacles(proxied), []);
  const alone = host({ ...listens('docker-proxy'), relays: relay(null) });
  assert.is(tell(alone), 'answered docker-proxy relayed');
  const unread = host({ sockets: null, relays: relay(REDIS) });
  assert.is(tell(unread), 'answered docker-proxy relayed', 'its process is there');
  const dead = host({ sockets: [], relays: relay(REDIS) });
  assert.is(tell(dead), 'refused - unserved', 'its socket is not');
});

test('docker-proxy that cannot reach its container takes the connection all the same', () => {
  const containers = host().containers.map((one) =>
    one.name === 'redis' ? { ...one, sockets: [] } : one,
  );
  const proxied = host({ ...listens('docker-proxy'), relays: relay(REDIS), containers });
  assert.is(tell(proxied), 'answered docker-proxy relayed');
  assert.ok(obstacles(proxied).includes('relay-fails'), 'and fails');
  const { why } = go(proxied);
  assert.ok('leg' in why && why.leg !== null && 'fails' in why.leg);
  const gone = { ...proxied, relays: relay({ address: '172.17.0.99', port: 1 }) };
  assert.ok(obstacles(gone).includes('relay-fails'));
});

test('docker-proxy whose container nobody knows of: nobody knows', () => {
  const containers = host().containers.map((one) =>
    one.name === 'redis' ? { ...one, sockets: null } : one,
  );
  const proxied = host({ ...listens('docker-proxy'), relays: relay(REDIS), containers });
  assert.ok(!obstacles(proxied).includes('relay-fails'));
});

/** Rules of nat, in PREROUTING. */
const nat = (...rules: string[]): World['rules'] =>
  parseSaved(['*nat', ':PREROUTING ACCEPT [0:0]', ...rules, 'COMMIT', ''].join('\n'), 'saved');
const LEAD = (to: string): World['rules'] =>
  nat(`-A PREROUTING -p tcp -m tcp --dport 6379 -j DNAT --to-destination ${to}`);

test('what a rule sends to the host itself: two have a hand in it, or nobody is there', () => {
  const redirect = nat('-A PREROUTING -p tcp -m tcp --dport 6379 -j REDIRECT --to-ports 80');
  const with80 = listens('nginx', '0.0.0.0', { port: 80 });
  assert.is(tell(host(with80, redirect)).replace(/ \S+ /, ' '), 'unknown redirected-to-process');
  const nobody = host({ sockets: [] }, redirect);
  assert.match(tell(nobody), /^refused \S+ redirected$/);
  assert.equal(obstacles(nobody), ['nothing-listens']);
  const unread = host({ sockets: null }, redirect);
  assert.match(tell(unread), /^unknown \S+ redirected$/);
  assert.equal(obstacles(unread), []);
});

test('a container: by a rule or by its own address, as far as it is known to listen', () => {
  const led = host({}, LEAD('172.17.0.2:6379'));
  const { end, way, target } = go(led);
  assert.equal([end, way, target], ['answered', 'dnat', '172.17.0.2:6379']);
  assert.match(tell(host(), { to: '172.17.0.2' }), /^answered direct/);
  const deaf = (sockets: World['sockets']): World => ({
    ...led,
    containers: led.containers.map((one) => (one.name === 'redis' ? { ...one, sockets } : one)),
  });
  assert.match(tell(deaf([])), /^refused dnat/);
  assert.match(tell(deaf([redis('127.0.0.1')])), /^refused dnat/, 'on its loopback only');
  assert.match(tell(deaf([redis('172.17.0.2')])), /^answered dnat/);
  assert.not.match(tell(deaf(null)), /^refused/, 'who listens there is not known');
});

test('an address that no container has: known of the engine’s own bridges alone', () => {
  const to = '172.17.0.99';
  assert.is(tell(host(), { to }), 'dropped - with address-unheld');
  assert.equal(obstacles(host(), { to }), ['address-unused']);
  const others = host().devices.map((one) =>
    one.name === 'docker0' ? { ...one, name: 'virbr0' } : one,
  );
  const alien = host({ devices: others, containers: [] });
  assert.not.match(tell(alien, { to }), /address-unheld/, 'others may be there');
  assert.not.match(tell(host({ measured: false }), { to }), /address-unheld/);
});

test('what goes on to neither a container nor a bridge: beyond what is predicted', () => {
  assert.is(tell(host(), { to: '203.0.113.9' }), 'unknown - with off-bridge');
  assert.not.match(tell(host({}, LEAD('203.0.113.9'))), /off-bridge/, 'a rule sent it there');
});

test('the balancer of a swarm sends it to any node', () => {
  const rules = parseSaved(
    [
      ...['*nat', ':PREROUTING ACCEPT [0:0]', ':DOCKER-INGRESS - [0:0]'],
      '-A PREROUTING -j DOCKER-INGRESS',
      '-A DOCKER-INGRESS -p tcp -m tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6379',
      ...['COMMIT', ''],
    ].join('\n'),
    'saved',
  );
  assert.is(tell(host({}, rules)), 'unknown dnat with balancer');
});

test('the rule that kept it from being translated decides, where a relay takes it', () => {
  const returns = parseSaved(
    [
      ...['*nat', ':PREROUTING ACCEPT [0:0]', ':DOCKER - [0:0]', '-A PREROUTING -j DOCKER'],
      '-A DOCKER -i ext0 -j RETURN',
      ...['COMMIT', ''],
    ].join('\n'),
    'saved',
  );
  const proxied = (rules: World['rules']): string | undefined =>
    go(host({ ...listens('docker-proxy'), relays: relay(REDIS) }, rules)).deciding?.rule?.text;
  assert.is(proxied(returns), '-A DOCKER -i ext0 -j RETURN');
  assert.is(proxied(NOTHING), undefined);
  const filter = parseSaved(
    [
      ...['*filter', ':INPUT ACCEPT [0:0]', ':DOCKER - [0:0]', '-A INPUT -j DOCKER'],
      '-A DOCKER -i ext0 -j RETURN',
      ...['COMMIT', ''],
    ].join('\n'),
    'saved',
  );
  assert.is(proxied(filter), undefined, 'no rule of nat');
  assert.is(proxied(nat('-A PREROUTING -i ext0 -j RETURN')), undefined, 'of the hook itself');
});

test('datagrams: who listens everywhere answers from the address that the host chooses', () => {
  const udp = (address: string, to = '198.51.100.1', source = '198.51.100.2'): string => {
    const world = host(listens('dnsmasq', address, { protocol: 'udp' }));
    const by = { kind: 'outside', device: 'ext0', source } as const;
    return tell(world, { protocol: 'udp', to, by });
  };
  assert.is(udp('0.0.0.0'), 'answered host served', 'that is the one that was dialled');
  assert.is(udp('0.0.0.0', '172.17.0.1'), 'unknown - but may-stray', 'it is another');
  assert.is(udp('172.17.0.1', '172.17.0.1'), 'answered host served', 'it listens there alone');
  const tcp = host(listens('nginx'));
  assert.is(tell(tcp, { to: '172.17.0.1' }), 'answered host served', 'a connection keeps it');
});

test('datagrams of an outside client whose address is not known: by the routes to all that stand for it', () => {
  const udp = (to: string): string => {
    const dnsmasq = listens('dnsmasq', '0.0.0.0', { protocol: 'udp' });
    const by = { kind: 'outside', device: 'ext0', source: null } as const;
    return tell({ ...makeRouted(), ...dnsmasq, relays: [] }, { protocol: 'udp', to, by });
  };
  assert.is(udp('198.51.100.1'), 'answered host served');
  assert.is(udp('172.17.0.1'), 'unknown - but may-stray');
});

test('docker-proxy whose connection leads back to itself: unknown, and the loop is told', () => {
  const round = { address: '198.51.100.1', port: 6379 };
  const world = host({ ...listens('docker-proxy'), relays: relay(round) });
  const { end, why } = go(world);
  assert.equal([end, why.code], ['unknown', 'relayed']);
  assert.match(JSON.stringify(why), /"relay-loops"/);
});

test('docker-proxy that answers datagrams from another address: in vain', () => {
  const own = relay(REDIS).map((one) => ({ ...one, protocol: 'udp' as const }));
  const sockets = [{ ...redis(), protocol: 'udp' as const }];
  const containers = host().containers.map((one) =>
    one.name === 'redis' ? { ...one, sockets } : one,
  );
  const world = host({
    ...listens('docker-proxy', '0.0.0.0', { protocol: 'udp' }),
    relays: own,
    containers,
  });
  const start = (to: string) => ({ protocol: 'udp' as const, to });
  assert.equal(obstacles(world, start('198.51.100.1')), []);
  assert.equal(obstacles(world, start('172.17.0.1')), ['stray-reply']);
  assert.is(tell(world, start('172.17.0.1')), 'answered docker-proxy relayed');
});

test.run();
