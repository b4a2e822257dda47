/** One connection hook by hook, on small rule sets: where it is stopped, what is said of it, and what decides. */
import * as assert from 'uvu/assert';
import type { TrialEnd } from '../../../src/rules/evaluate/journey-end.js';
import { Traveller } from '../../../src/rules/evaluate/journey.js';
import type { Start } from '../../../src/rules/evaluate/start.js';
import { RuleIndex } from '../../../src/rules/evaluate/rule-index.js';
import { Walk } from '../../../src/rules/evaluate/walk.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import type { Undecided } from '../../../src/rules/evaluate/doubt.js';
import { writeQuestion } from '../../../src/words/predictions/questions.js';
import { writePredictionReason } from '../../../src/words/predictions/reasons.js';
import { suite } from '../../support/suite.js';
import { makeRouted, port, PORT, type Extra } from '../routing/worlds.js';
import { FAR_BRIDGE, makeWorld, redis } from './worlds.js';

const test = suite('journeys');

const NAT = [
  '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
  '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
  '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
  '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6379',
];
const CHAINS: Readonly<Record<string, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING', 'DOCKER'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** Rules of the mangle table, and those for NAT. */
function load(rules: readonly string[] = [], nat: readonly string[] = NAT): World['rules'] {
  const open = (name: string, own: readonly string[]): string[] => [
    `*${name}`,
    ...(CHAINS[name] ?? []).map(
      (chain) => `:${chain} ${chain === 'DOCKER' ? '-' : 'ACCEPT'} [0:0]`,
    ),
    ...own,
    'COMMIT',
  ];
  return parseSaved([...open('nat', nat), ...open('mangle', rules), ''].join('\n'), 'saved');
}

/** An end in words, and what was asked on the way. */
type Told = Omit<TrialEnd, 'why' | 'obstacles'> & {
  why: string;
  obstacles: string[];
  asked: string[];
};

/** @param yes whether doubts are answered with yes. */
function go(world: World, start: Partial<Start> & Pick<Start, 'by'>, yes = false): Told {
  const asked: string[] = [];
  const decide = ({ about }: Undecided): boolean => {
    asked.push(writeQuestion(about));
    return yes;
  };
  const walk = new Walk(world, new RuleIndex(world.rules), decide);
  const whole = { protocol: 'tcp', port: 6379, family: 4, to: '198.51.100.1', ...start } as const;
  const { why, obstacles, ...end } = new Traveller(world, walk, decide).go(whole);
  return {
    ...end,
    why: writePredictionReason(why),
    obstacles: obstacles.map(writePredictionReason),
    asked,
  };
}

const plain = (
  rules: readonly string[] = [],
  nat?: readonly string[],
  change: Partial<World> = {},
): World => makeWorld(load(rules, nat), true, change);
const routed = (host: Extra = {}, inside: Extra = {}, rules: readonly string[] = []): World => ({
  ...makeRouted(host, inside),
  rules: load(rules),
});

const OUTSIDE = { by: { kind: 'outside', device: 'ext0', source: '198.51.100.2' } } as const;
const HOST = { by: { kind: 'host' } } as const;
const from = (address: string, bridge = 'docker0'): Pick<Start, 'by'> => ({
  by: { kind: 'container', bridge, address },
});

const DROP = '-p tcp -m tcp --dport 6379 -j DROP';

test('outside: DNAT decides, and the container sees the client', () => {
  const end = go(plain(), OUTSIDE);
  assert.equal(
    [end.end, end.way, end.target, end.sourceSeen],
    ['answered', 'dnat', '172.17.0.2:6379', '198.51.100.2'],
  );
  assert.match(end.deciding?.rule?.text ?? '', 'DNAT');
  assert.equal([end.obstacles, end.masked, end.stop], [[], null, undefined]);
});

test('outside: stopped in each hook that it passes, and in no other', () => {
  for (const [hook, device] of [
    ['PREROUTING', '-i ext0'],
    ['FORWARD', '-i ext0 -o docker0'],
    ['POSTROUTING', '-o docker0'],
  ] as const) {
    const end = go(plain([`-A ${hook} ${device} ${DROP}`]), OUTSIDE);
    assert.equal([end.end, end.ruledIn], ['dropped', null], hook);
    assert.match(end.why, new RegExp(`in (chain )?${hook}`));
    assert.match(end.deciding?.rule?.text ?? '', hook);
    assert.is(end.obstacles.length, 1);
  }
  for (const hook of ['INPUT', 'OUTPUT']) {
    assert.is(go(plain([`-A ${hook} ${DROP}`]), OUTSIDE).end, 'answered', hook);
  }
  assert.is(go(plain([`-A FORWARD -o ext0 ${DROP}`]), OUTSIDE).end, 'answered');
});

test('outside: masqueraded on its way in, by which rule', () => {
  const nat = [...NAT, '-A POSTROUTING -o docker0 -j MASQUERADE'];
  const end = go(plain([], nat), OUTSIDE);
  assert.is(end.sourceSeen, '172.17.0.1');
  assert.match(end.masked?.rule?.text ?? '', '-o docker0 -j MASQUERADE');
});

test('a process of the host: DNAT in OUTPUT, its hooks, and the source that it has then', () => {
  const end = go(plain(), HOST);
  assert.equal([end.end, end.way, end.target], ['answered', 'dnat', '172.17.0.2:6379']);
  for (const hook of ['OUTPUT', 'POSTROUTING']) {
    const stopped = go(plain([`-A ${hook} ${DROP}`]), HOST);
    assert.is(stopped.end, 'dropped');
    assert.match(stopped.why, hook);
  }
  assert.is(go(plain([`-A PREROUTING ${DROP}`]), HOST).end, 'answered');
  assert.is(go(plain([`-A FORWARD ${DROP}`]), HOST).end, 'answered');
  const straight = go(plain(), { ...HOST, to: '172.17.0.2' });
  assert.equal([straight.way, straight.sourceSeen], ['direct', '172.17.0.1']);
});

test('a process of the host over lo: OUTPUT, POSTROUTING, PREROUTING and INPUT', () => {
  const loop = (rules: readonly string[] = []): Told =>
    go(plain(rules), { ...HOST, to: '127.0.0.1' });
  assert.equal([loop().end, loop().way], ['answered', 'docker-proxy']);
  for (const [hook, device] of [
    ['OUTPUT', '-o lo'],
    ['POSTROUTING', '-o lo'],
    ['PREROUTING', '-i lo'],
    ['INPUT', '-i lo'],
  ] as const) {
    const end = loop([`-A ${hook} ${device} ${DROP}`]);
    assert.is(end.end, 'dropped', hook);
    assert.match(end.why, hook);
  }
  assert.is(loop([`-A FORWARD ${DROP}`]).end, 'answered');
});

test('127.0.0.1 led to a container: only where loopback may be routed, and ::1 never', () => {
  const nat = [
    NAT[3] ?? '',
    '-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER',
    '-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE',
  ];
  const allow = (routeLocalnet: string[] | null): Told => {
    const world = plain([], nat);
    return go(
      { ...world, settings: { ...world.settings, routeLocalnet } },
      { ...HOST, to: '127.0.0.1' },
    );
  };
  assert.equal([allow(['docker0']).end, allow(['docker0']).sourceSeen], ['answered', '172.17.0.1']);
  assert.is(allow([]).end, 'dropped');
  assert.match(allow([]).why, 'route_localnet');
  assert.is.not(allow(null).end, 'answered');
  const neighbour = go(
    plain([], ['-A PREROUTING -p tcp -m tcp --dport 6379 -j DNAT --to-destination 127.0.0.1']),
    OUTSIDE,
  );
  assert.is.not(neighbour.end, 'answered');
  assert.match(neighbour.why, /127\.0\.0\.1|route_localnet/);
});

test('between containers of one bridge: rules only where bridges ask them', () => {
  const cross = (bridgeCalls4: boolean | null, rules: readonly string[] = []): Told => {
    const world = plain(rules);
    return go(
      { ...world, settings: { ...world.settings, bridgeCalls4 } },
      { ...from('172.17.0.4'), to: '172.17.0.2' },
    );
  };
  for (const calls of [true, false, null]) assert.is(cross(calls).way, 'direct', String(calls));
  for (const hook of ['PREROUTING', 'FORWARD', 'POSTROUTING']) {
    const drop = [`-A ${hook} ${DROP}`];
    assert.is(cross(true, drop).end, 'dropped', hook);
    assert.match(cross(true, drop).why, hook);
    assert.is(cross(false, drop).end, 'answered', hook);
    assert.is(cross(null, drop).end, 'unknown', hook);
  }
  assert.is(cross(true, [`-A INPUT ${DROP}`]).end, 'answered');
  // The answer passes the bridge as well.
  const answer = ['-A FORWARD -s 172.17.0.2/32 -p tcp -m tcp --sport 6379 -j DROP'];
  assert.is(cross(true, answer).end, 'dropped');
  assert.is(cross(false, answer).end, 'answered');
});

test('a container that dials the host: docker-proxy, or DNAT that turns back over the bridge', () => {
  const spared = go(plain(), from('172.17.0.4'));
  assert.equal(
    [spared.end, spared.way, spared.sourceSeen],
    ['answered', 'docker-proxy', '172.17.0.1'],
  );
  const far = go(plain(), from('172.30.0.2', FAR_BRIDGE));
  assert.equal([far.end, far.way], ['answered', 'dnat']);
  assert.is(
    go(plain(['-A FORWARD -i br-112233445566 -o docker0 -j DROP']), from('172.30.0.2', FAR_BRIDGE))
      .end,
    'dropped',
  );
  const every = NAT.map((rule) => rule.replace('! -i docker0 ', ''));
  const turned = go(plain([], every), from('172.17.0.4'));
  assert.equal([turned.end, turned.way], ['answered', 'dnat']);
  const world = plain([], every);
  const uncalled = go(
    { ...world, settings: { ...world.settings, bridgeCalls4: false } },
    from('172.17.0.4'),
  );
  assert.is.not(uncalled.end, 'answered', 'the reply would come from the container itself');
});

test('its own published port: out and back by one port of the bridge, where that may be', () => {
  const every = [
    ...NAT.map((rule) => rule.replace('! -i docker0 ', '')),
    '-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -j MASQUERADE',
  ];
  const own = (hairpin: boolean): Told => {
    const links = [port({ port: { ...PORT, hairpin } })];
    return go(
      { ...makeRouted({ routing: { links } }), rules: load([], every) },
      from('172.17.0.2'),
    );
  };
  assert.is(own(true).end, 'answered');
  assert.is.not(own(false).end, 'answered');
});

test('programs of tc: on the way in nothing is known; on the way of the answer neither', () => {
  const filter = (device: string, direction: 'ingress' | 'egress' = 'ingress'): Told =>
    go(routed({ routing: { filters: [{ device, direction, kind: 'bpf' }] } }), OUTSIDE);
  const there = filter('ext0');
  assert.equal([there.end, there.way, there.stop?.code], ['unknown', null, 'filter']);
  const back = filter('docker0');
  assert.equal([back.end, back.stop?.code], ['unknown', 'filter']);
  assert.match(back.why, 'its answer does not arrive');
  assert.is(filter(FAR_BRIDGE).end, 'answered');
});

test('routes: where none leads, where the answer leaves by another device, and to whom', () => {
  const none = go(routed({ routes: [{ type: 'unreachable', dst: '172.17.0.2' }] }), OUTSIDE);
  assert.equal([none.end, none.stop?.code], ['refused', 'refusing-route']);
  const other = go(routed({ routes: [{ dst: '198.51.100.2', dev: 'wg0' }] }), OUTSIDE);
  assert.equal([other.end, other.stop?.code], ['unknown', 'elsewhere']);
  const dial = go(routed({ routes: [{ type: 'blackhole', dst: '172.17.0.2' }] }), {
    ...HOST,
    to: '172.17.0.2',
  });
  assert.equal([dial.end, dial.stop?.code], ['dropped', 'refusing-route']);
  const again = go(routed({ routes: [{ type: 'unreachable', dst: '172.17.0.2' }] }), HOST);
  assert.is(again.end, 'dropped', 'a route that is missing only behind OUTPUT is told to nobody');
});

test('inside the container: its rules, its routes, its gateway and its sockets', () => {
  const walled = makeRouted(
    {},
    {},
    parseSaved(`*filter\n:INPUT ACCEPT [0:0]\n-A INPUT ${DROP}\nCOMMIT\n`, 'x'),
  );
  const end = go({ ...walled, rules: load() }, OUTSIDE);
  assert.equal([end.end, end.ruledIn, end.way], ['dropped', 'redis', 'dnat']);
  assert.match(end.why, 'but inside redis, ');
  assert.match(end.obstacles[0] ?? '', /^inside redis, /);
  const elsewhere = go(
    routed({}, { routes: [{ dst: 'default', gateway: '172.17.0.4', dev: 'eth0' }] }),
    OUTSIDE,
  );
  assert.equal([elsewhere.end, elsewhere.stop?.code], ['unknown', 'gateway']);
  const near = go(routed({}, { routes: [{ dst: '198.51.100.0/24', dev: 'eth0' }] }), OUTSIDE);
  assert.is(near.end, 'unknown');
  assert.match(near.why, 'redis takes the client for a neighbour on eth0');
  const deaf = plain();
  const [first, ...others] = deaf.containers;
  assert.ok(first);
  const silent = go(
    { ...deaf, containers: [{ ...first, sockets: [redis('127.0.0.1')] }, ...others] },
    OUTSIDE,
  );
  assert.equal([silent.end, silent.way], ['refused', 'dnat']);
  assert.is(silent.obstacles.length, 1);
});

test('a client in a container of which the inside is known: its own way out', () => {
  const world = routed({}, { routes: [{ type: 'unreachable', dst: '198.51.100.0/24' }] });
  const end = go(world, from('172.17.0.2'));
  assert.is.not(end.end, 'answered');
  const neighbour = go(routed({}, { routes: [{ dst: '172.30.0.0/16', dev: 'eth0' }] }), {
    ...from('172.17.0.2'),
    to: '172.30.0.2',
  });
  assert.is(neighbour.end, 'unknown');
  assert.match(
    neighbour.why,
    'redis takes 172.30.0.2 for a neighbour on eth0, which it is not here',
  );
});

test('the host’s own address that is not known, and a client that is not', () => {
  const own = go(plain(), { ...OUTSIDE, to: null });
  assert.is(own.way, 'dnat');
  const somebody = go(plain([`-A FORWARD -s 203.0.113.9/32 ${DROP}`]), {
    by: { kind: 'outside', device: null, source: null },
  });
  assert.is(somebody.end, 'answered');
  assert.equal(somebody.asked.length > 0, true);
});

test.run();
