/** Neighbours of IPv6 ask each other for their hardware addresses: rules that stop those messages stop everything. */
import * as assert from 'uvu/assert';
import type { Prediction } from '../../../src/model/explain.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import {
  askNeighbours,
  checkDiscovery,
  checkDiscoveryAcross,
  checkDiscoveryBeyond,
} from '../../../src/rules/evaluate/discovery.js';
import type { TrialEnd } from '../../../src/rules/evaluate/journey-end.js';
import {
  createPacket,
  exactAddress,
  type TrialPacket,
} from '../../../src/rules/evaluate/packet.js';
import { leaveOpen, type RouteStop } from '../../../src/rules/evaluate/routing/stops.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { makeRouted } from '../routing/worlds.js';
import { makeWorld, predictInWords, predictRedis } from './worlds.js';

const test = suite('neighbour discovery');

const SIX = 'fd00:17::2';
const KNOWN = '-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT';
/** Those of IPv6, with all of a known connection let in. */
const filter = (...lines: readonly string[]): string =>
  ['*filter', ...lines, KNOWN, 'COMMIT', ''].join('\n');
const POLICIES = [':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]'];

/** A container with IPv6 that is dialled at its own address by its neighbour, by the host and from outside. */
function foresee(rules: string, calls: boolean | null = true): readonly Prediction[] {
  const nft = rules.startsWith('table');
  const plain = makeWorld(
    nft ? parseNft(rules, 'x') : parseSaved(rules, 'x', { family: 'ip6' }),
    false,
  );
  const place = { bridge: 'docker0', address: SIX };
  const world = {
    ...plain,
    devices: plain.devices.map((one) =>
      one.name === 'docker0'
        ? { ...one, networks: ['fd00:17::1/64'] }
        : one.name === 'ext0'
          ? { ...one, networks: ['2001:db8::1/64'] }
          : one,
    ),
    containers: plain.containers.slice(0, 2).map((one, i) => ({
      ...one,
      places: [i === 0 ? place : { ...place, address: 'fd00:17::4' }],
      sockets: null,
    })),
    settings: { ...plain.settings, forward6: true, bridgeCalls6: calls },
  };
  const target = { address: SIX, port: 6379 };
  const mapping = { protocol: 'tcp', listens: { address: '::', port: 6379 }, target } as const;
  const way = { mapping, container: world.containers[0] ?? null, client: null };
  return predictInWords(world, [way], 'container-address');
}

function paths(rules: string, calls: boolean | null = true): Record<string, string> {
  return Object.fromEntries(foresee(rules, calls).map(({ from, path }) => [from, path]));
}

test('where no rule stops the messages, everything is as it would be', () => {
  assert.equal(paths(filter(...POLICIES)), {
    outside: 'direct',
    host: 'direct',
    'container other': 'direct',
  });
  const icmp = '-A INPUT -p ipv6-icmp -j ACCEPT';
  const open = filter(':INPUT DROP [0:0]', ...POLICIES.slice(1), icmp);
  assert.is(paths(open)['outside'], 'direct');
});

test('a policy of INPUT that lets none of them in: nothing is sure that passes the host', () => {
  const closed = filter(':INPUT DROP [0:0]', ...POLICIES.slice(1));
  const outside = foresee(closed).find(({ from }) => from === 'outside');
  assert.is(outside?.path, 'unknown');
  assert.match(
    outside?.why ?? '',
    'the policy of chain INPUT of table filter stops neighbour solicitations of IPv6',
  );
  assert.equal(outside?.obstacles, []);
  assert.is(paths(closed)['container other'], 'direct');
});

test('types by name and number, turned round, and those of others', () => {
  const only = (...types: readonly string[]): string | undefined =>
    paths(
      filter(
        ':INPUT DROP [0:0]',
        ...POLICIES.slice(1),
        ...types.map((type) => `-A INPUT -p ipv6-icmp -m icmp6 ${type} -j ACCEPT`),
      ),
    )['outside'];
  assert.is(only('--icmpv6-type 135', '--icmpv6-type 136'), 'direct');
  const named = ['neighbour-solicitation', 'neighbour-advertisement'];
  assert.is(only(...named.map((name) => `--icmpv6-type ${name}`)), 'direct');
  assert.is(only('--icmpv6-type 135'), 'unknown');
  assert.is(only('--icmpv6-type 128', '--icmpv6-type 1'), 'unknown');
  assert.is(only('! --icmpv6-type 128'), 'direct');
});

test('of nft, in the same way; a type that is not understood may be theirs', () => {
  const only = (match: string): string | undefined =>
    paths(
      `table ip6 t { chain c { type filter hook input priority 0; policy drop; ct state established accept; ${match} accept; }; }`,
    )['outside'];
  assert.is(only('icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }'), 'direct');
  assert.is(only('icmpv6 type nd-neighbor-solicit'), 'unknown');
  assert.is(only('icmpv6 type echo-request'), 'unknown');
  assert.is(only('icmpv6 type 133-137'), 'direct');
  assert.is(only('meta l4proto ipv6-icmp limit rate 5/second'), 'direct');
});

test('from port to port of a bridge, only where bridged packets meet the rules', () => {
  const untracked = filter(...POLICIES, '-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP');
  assert.is(paths(untracked)['container other'], 'unknown');
  assert.is(paths(untracked)['outside'], 'direct');
  assert.is(paths(untracked, false)['container other'], 'direct');
  const bridge =
    'table bridge t { chain c { type filter hook forward priority 0; icmpv6 type nd-neighbor-advert drop; }; }';
  assert.is(paths(bridge, false)['container other'], 'unknown');
});

test('rules of ARP that may drop anything leave it open, for what does not stay on the host', () => {
  const arp = (rule: string, policy = 'accept'): Record<string, string> => {
    const text = `table arp t { chain c { type filter hook input priority 0; policy ${policy}; ${rule}; }; }`;
    const plain = makeWorld(parseNft(text, 'x'), true);
    return Object.fromEntries(predictRedis(plain).map(({ vantage, path }) => [vantage, path]));
  };
  const open = arp('arp operation request accept');
  assert.equal([open['outside'], open['loopback']], ['docker-proxy', 'docker-proxy']);
  for (const closed of [arp('arp operation request drop'), arp('counter', 'drop')]) {
    assert.equal([closed['outside'], closed['loopback']], ['unknown', 'unknown']);
  }
});

const STOP = leaveOpen('discovery', { code: 'no-arp', device: 'eth0', ignores: false });

test('what has not arrived, or is not known, does not ask for neighbours', () => {
  const at = (end: TrialEnd['end']): TrialEnd => ({
    end,
    way: 'direct',
    deciding: null,
    sourceSeen: null,
    target: null,
    obstacles: [],
    why: { code: 'beyond-rules', by: 'ebpf' },
  });
  for (const end of ['answered', 'refused'] as const) {
    const asked = askNeighbours(at(end), () => STOP);
    assert.equal([asked.end, asked.stop], ['unknown', STOP], end);
    assert.equal(asked.why, { code: 'but', first: at(end).why, but: STOP.why });
    assert.equal(
      askNeighbours(at(end), () => null),
      at(end),
      'nothing stops them',
    );
  }
  for (const end of ['dropped', 'unknown'] as const) {
    const asked = askNeighbours(at(end), () => {
      throw new Error(`${end} is asked`);
    });
    assert.equal(asked, at(end));
  }
});

test('a device without neighbours, and settings by which one has none', () => {
  const world = makeRouted();
  assert.is(checkDiscovery(world, null, 4), null);
  const { routing } = world;
  if (!routing) throw new Error('no routing');
  const mute = (name: string): World => ({
    ...world,
    routing: {
      ...routing,
      facts: {
        ...routing.facts,
        links: routing.facts.links.map((one) =>
          one.name === name ? { ...one, noArp: true } : one,
        ),
      },
    },
  });
  for (const family of [4, 6] as const) {
    assert.is(checkDiscovery(mute('ext0'), 'ext0', family)?.end, 'unknown');
    assert.is(checkDiscovery(mute('docker0'), 'ext0', family), null, 'of another device');
    assert.is(checkDiscovery(mute('lo'), 'lo', family), null, 'loopback needs none');
  }
  const ignores = (all: string, own: string): World => ({
    ...world,
    routing: {
      ...routing,
      values: new Map([
        ...routing.values,
        ['ipv4/conf/all/arp_ignore', all],
        ['ipv4/conf/ext0/arp_ignore', own],
      ]),
    },
  });
  assert.is(checkDiscovery(ignores('0', '8'), 'ext0', 4)?.end, 'unknown');
  assert.is(checkDiscovery(ignores('8', '0'), 'ext0', 4)?.end, 'unknown');
  assert.is(checkDiscovery(ignores('0', '2'), 'ext0', 4), null);
  assert.is(checkDiscovery(ignores('0', '8'), 'ext0', 6), null, 'a setting of IPv4');
});

test('neighbours on one bridge find each other past the host, unless it masks them', () => {
  const rules = filter(...POLICIES, '-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP');
  const plain = makeWorld(parseSaved(rules, 'x', { family: 'ip6' }), false);
  const world = { ...plain, settings: { ...plain.settings, forward6: true, bridgeCalls6: true } };
  const packet = (change: Partial<TrialPacket>): TrialPacket =>
    createPacket({
      family: 6,
      protocol: 'tcp',
      inDevice: 'docker0',
      outDevice: 'docker0',
      source: exactAddress('fd00:17::4'),
      destination: exactAddress(SIX),
      destinationPort: 6379,
      ...change,
    });
  assert.is(checkDiscoveryBeyond(world, packet({}))?.end, 'unknown');
  assert.is(checkDiscoveryBeyond(world, packet({ snat: true })), null);
  assert.is(checkDiscoveryBeyond(world, packet({ inDevice: 'ext0' })), null);
  assert.is(checkDiscoveryAcross(world, 'docker0', 4), null, 'no rule of IPv6 stops ARP');
});

test('rules that drop only what is known of ARP or by way of a map leave it open', () => {
  const arp = (rule: string): RouteStop | null =>
    checkDiscovery(
      makeWorld(
        parseNft(
          `table arp t { chain c { type filter hook input priority 0; policy accept; ${rule}; }; }`,
          'x',
        ),
        true,
      ),
      'ext0',
      4,
    );
  assert.is(arp('counter'), null);
  assert.is(arp('accept'), null);
  for (const rule of ['drop', 'arp operation vmap { request : drop }']) {
    assert.is(arp(rule)?.end, 'unknown', rule);
  }
});

test('a rule that drops it anyway is told, whatever neighbours know', () => {
  const both = filter(
    ':INPUT DROP [0:0]',
    ...POLICIES.slice(1),
    '-A FORWARD -p tcp --dport 6379 -j DROP',
  );
  assert.is(paths(both)['outside'], 'dropped');
});

test.run();
