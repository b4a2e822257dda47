/** A plain Docker host with one change at a time: which predictions change, and how (test/golden/predicted). */
import * as assert from 'uvu/assert';
import type { Prediction } from '../../../src/model/explain.js';
import type { Routing } from '../../../src/model/routing.js';
import type { RuleSet } from '../../../src/model/rules.js';
import { predictWays, type Foresight } from '../../../src/rules/evaluate/predict.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import { compareGolden } from '../../support/golden.js';
import { writeForecast } from '../../../src/words/predictions/forecast.js';
import { suite } from '../../support/suite.js';
import { makeRouted, PORT, port, type Extra } from '../routing/worlds.js';
import { FAR_BRIDGE, readRules, redis } from './worlds.js';

const test = suite('predict, one change at a time');

interface Change {
  readonly proxy?: boolean;
  readonly protocol?: 'tcp' | 'udp';
  readonly listens?: string;
  readonly client?: string | null;
  readonly host?: Extra;
  readonly inside?: Extra;
  /** Tables of iptables-save before Docker's, and a text of nft. */
  readonly iptables?: string;
  readonly nft?: string;
  readonly insideNft?: string;
  readonly world?: (world: World) => World;
}

function play(change: Change): Foresight {
  const { proxy = true, protocol = 'tcp', client = '198.51.100.2' } = change;
  const docker = readRules(`docker-20.10-${proxy ? '' : 'no-'}proxy.iptables`);
  const own = [parseSaved((change.iptables ?? '') + docker, 'x'), parseNft(change.nft ?? '', 'x')];
  const rules: RuleSet = { tables: own.flatMap(({ tables }) => tables), notes: [] };
  const routed = makeRouted(change.host, change.inside, parseNft(change.insideNft ?? '', 'x'));
  const plain: World = {
    ...routed,
    rules,
    ...(proxy
      ? {}
      : {
          userlandProxy: false,
          relays: [],
          sockets: [],
          settings: { ...routed.settings, routeLocalnet: ['docker0', FAR_BRIDGE] },
        }),
  };
  const world = change.world?.(plain) ?? plain;
  const listens = { address: change.listens ?? '0.0.0.0', port: 6379 };
  const mapping = { protocol, listens, target: { address: '172.17.0.2', port: 6379 } };
  return predictWays(world, [{ mapping, container: world.containers[0] ?? null, client }]);
}

/** Every prediction as a line, with all that it says. */
function tell({ predictions, stopped }: Foresight): string[] {
  return predictions.map((one) => {
    const more = stopped
      .filter(({ prediction }) => prediction === one)
      .map(({ stop, ruled, masked }) =>
        [
          stop && `stop ${stop.code} ${stop.end}`,
          ruled && `ruled in ${ruled.inside ?? 'the host'} by ${ruled.by.chain.name}`,
          masked && `masked by ${masked.chain.name}`,
        ]
          .filter(Boolean)
          .join(', '),
      );
    return writeLine(writeForecast(one), more);
  });
}

function writeLine(one: Prediction, more: readonly string[]): string {
  const { vantage, from, to, path, way, target, rule, why, sourceSeen, obstacles } = one;
  const end = way === null || way === path ? path : `${way}, then ${path}`;
  const told = [
    `${vantage}: ${from} → ${to}: ${end}`,
    `to ${target ?? '?'}, seen as ${sourceSeen ?? '?'}`,
    rule ?? 'no rule',
    why,
    ...obstacles.map((text) => `obstacle: ${text}`),
    ...more,
  ];
  return told.join(' | ');
}

const chain = (hook: string, rule: string, type = 'filter', priority = -150): string =>
  `table ip t { chain c { type ${type} hook ${hook} priority ${priority}; ${rule}; }; }`;
const routing = (facts: Partial<Routing>): Extra => ({ routing: facts });
const value = (name: string, set: string): Extra => ({ values: { [name]: set } });
const rule = (fields: object): Extra => ({ rules: [{ priority: 9, src: 'all', ...fields }] });
const route = (fields: object): Extra => ({ routes: [{ table: 'main', ...fields }] });
const neighbour = (device: string, address: string, lladdr: string | null): Extra =>
  routing({ neighbours: [{ device, address, lladdr, state: ['PERMANENT'] }] });
const inRedis =
  (fields: object): ((world: World) => World) =>
  (world) => ({
    ...world,
    containers: world.containers.map((one) => (one.name === 'redis' ? { ...one, ...fields } : one)),
  });
const dormant = (device: string): Partial<Routing> => ({
  filters: [{ device, direction: 'ingress', kind: 'bpf' }],
});

const serveUdp = (container: World['containers'][number]): World['containers'][number] => ({
  ...container,
  sockets: [{ ...redis(), protocol: 'udp' }],
  inside: null,
});

/** Groups of changes, each beside the plain host. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, Change>>>> = {
  plain: {
    'proxy on': {},
    'proxy off': { proxy: false },
    datagrams: { protocol: 'udp' },
    'a client that is not known': { client: null },
    'a client beyond a gateway': { client: '203.0.113.7' },
    'published on one address': { listens: '198.51.100.1' },
    'published on loopback': { listens: '127.0.0.1' },
    'nothing read of routing': { world: (world) => ({ ...world, routing: null }) },
    'derived from saved rules': { world: (world) => ({ ...world, measured: false }) },
  },
  sockets: {
    'sockets not read': { world: (world) => ({ ...world, sockets: null }) },
    'sockets of another port alone': { world: (world) => ({ ...world, heard: [80] }) },
    'nobody listens in the container': { world: inRedis({ sockets: [] }) },
    'its sockets not read': { world: inRedis({ sockets: null }) },
    'its sockets of another port alone': { world: inRedis({ sockets: [], heard: [80] }) },
    'it listens on loopback alone': { world: inRedis({ sockets: [redis('127.0.0.1')] }) },
    'not looked into': { world: inRedis({ inside: null }) },
    'no docker-proxy runs': { world: (world) => ({ ...world, relays: [], sockets: [] }) },
    'docker-proxy for another container': {
      world: (world) => ({
        ...world,
        relays: world.relays.map((one) => ({
          ...one,
          target: { address: '172.17.0.9', port: 6379 },
        })),
      }),
    },
    'docker-proxy to where nobody knows': {
      world: (world) => ({
        ...world,
        relays: world.relays.map((one) => ({ ...one, target: null })),
      }),
    },
    'another server has the port': {
      world: (world) => ({ ...world, relays: [], sockets: [redis('0.0.0.0')] }),
    },
    'whether docker-proxy is used is not known': {
      world: (world) => ({ ...world, relays: [], sockets: null, userlandProxy: null }),
    },
  },
  settings: {
    'forwarding off': {
      world: (world) => ({ ...world, settings: { ...world.settings, forward4: false } }),
    },
    'forwarding not known': {
      world: (world) => ({ ...world, settings: { ...world.settings, forward4: null } }),
    },
    'no forwarding on ext0': { host: value('ipv4/conf/ext0/forwarding', '0') },
    'no forwarding on docker0': { host: value('ipv4/conf/docker0/forwarding', '0') },
    'bridged packets meet no rules': {
      world: (world) => ({ ...world, settings: { ...world.settings, bridgeCalls4: false } }),
    },
    'whether they do is not known': {
      proxy: false,
      world: (world) => ({ ...world, settings: { ...world.settings, bridgeCalls4: null } }),
    },
    'loopback routed nowhere': {
      proxy: false,
      world: (world) => ({ ...world, settings: { ...world.settings, routeLocalnet: [] } }),
    },
    'where it is routed is not known': {
      proxy: false,
      world: (world) => ({ ...world, settings: { ...world.settings, routeLocalnet: null } }),
    },
    'loopback routed by the kernel’s value': {
      proxy: false,
      host: value('ipv4/conf/docker0/route_localnet', '1'),
    },
    'strict sources': { host: value('ipv4/conf/all/rp_filter', '1') },
    'strict sources inside': { inside: value('ipv4/conf/all/rp_filter', '1') },
    'loose sources': { host: value('ipv4/conf/ext0/rp_filter', '2') },
    'filter of ext0 not readable': { host: value('ipv4/conf/ext0/rp_filter', 'x') },
  },
  routes: {
    'blackhole to the container': { host: route({ type: 'blackhole', dst: '172.17.0.2' }) },
    'prohibited to the container': { host: route({ type: 'prohibit', dst: '172.17.0.2' }) },
    'unreachable to the client': { host: route({ type: 'unreachable', dst: '198.51.100.2' }) },
    'the client by another device': { host: route({ dst: '198.51.100.2', dev: FAR_BRIDGE }) },
    'the client by a gateway on its own link': {
      host: route({ dst: '198.51.100.2', gateway: '198.51.100.3', dev: 'ext0' }),
    },
    'clients of the link by a gateway, and nobody knows which client it is': {
      client: null,
      host: route({ dst: '198.51.100.2', gateway: '198.51.100.3', dev: 'ext0' }),
    },
    'the client as its own gateway': {
      host: route({ dst: '198.51.100.2', gateway: '198.51.100.2', dev: 'ext0' }),
    },
    'the client by a tunnel': { host: route({ dst: '198.51.100.2', dev: 'wg0' }) },
    'the container by a gateway': {
      host: route({ dst: '172.17.0.2', gateway: '172.17.0.9', dev: 'docker0' }),
    },
    'the container by another bridge': { host: route({ dst: '172.17.0.2', dev: FAR_BRIDGE }) },
    'a rule refuses what comes from ext0': { host: rule({ iif: 'ext0', action: 'prohibit' }) },
    'a rule refuses the answer': { host: rule({ src: '172.17.0.2', action: 'blackhole' }) },
    'a rule by owner': { host: rule({ uid_start: 5, uid_end: 9, table: '7' }) },
    'a rule to an empty table': { host: rule({ iif: 'docker0', table: '7' }) },
    'a rule to a table elsewhere': {
      host: {
        ...rule({ iif: 'docker0', table: '7' }),
        ...route({ dst: 'default', dev: 'ext0', gateway: '198.51.100.9', table: '7' }),
      },
    },
    'no way back inside': {
      inside: { ...rule({ iif: 'lo', action: 'unreachable', priority: 9 }) },
    },
    'a gateway inside that nobody has': {
      inside: route({ dst: '198.51.100.2', gateway: '172.17.0.77', dev: 'eth0' }),
    },
    'a neighbour for gateway inside': {
      inside: route({ dst: '198.51.100.2', gateway: '172.17.0.4', dev: 'eth0' }),
    },
    'blackhole inside': { inside: route({ type: 'blackhole', dst: '198.51.100.2' }) },
    'the container has the client’s address': {
      inside: { routes: [{ type: 'local', dst: '198.51.100.2', dev: 'eth0', table: 'local' }] },
    },
    'another device inside': { inside: route({ dst: '198.51.100.2', dev: 'tun0' }) },
  },
  wires: {
    'a port that is blocked': {
      host: routing({ links: [port({ port: { ...PORT, forwards: false } })] }),
    },
    'an isolated port': { host: routing({ links: [port({ port: { ...PORT, isolated: true } })] }) },
    'a locked port': { host: routing({ links: [port({ port: { ...PORT, locked: true } })] }) },
    'frames to redis go out by another port': {
      host: routing({
        links: [port(), port({ name: 'veth2', ifindex: 8, parent: 21 })],
        forwarding: [{ port: 'veth2', lladdr: '02:00:00:00:00:09' }],
      }),
    },
    'frames to redis go out by its own port, others by another': {
      host: routing({
        links: [port(), port({ name: 'veth2', ifindex: 8, parent: 21 })],
        forwarding: [
          { port: 'veth1', lladdr: '02:00:00:00:00:09' },
          { port: 'veth2', lladdr: '02:00:00:00:00:21' },
        ],
      }),
    },
    'a port that floods nothing': {
      host: routing({ links: [port({ port: { ...PORT, floods: false } })] }),
    },
    'docker0 answers nobody who asks for its address': {
      host: { values: { 'ipv4/conf/all/arp_ignore': '0', 'ipv4/conf/docker0/arp_ignore': '8' } },
    },
    'redis answers some who ask': {
      inside: { values: { 'ipv4/conf/all/arp_ignore': '2', 'ipv4/conf/eth0/arp_ignore': '1' } },
    },
    'redis answers nobody': {
      inside: { values: { 'ipv4/conf/all/arp_ignore': '8', 'ipv4/conf/eth0/arp_ignore': '0' } },
    },
    'a port with hairpin': {
      proxy: false,
      host: routing({ links: [port({ port: { ...PORT, hairpin: true } })] }),
    },
    'a port that is down': { host: routing({ links: [port({ up: false })] }) },
    'no wire known': { host: routing({ links: [] }) },
    'a wire of another bridge': { host: routing({ links: [port({ master: FAR_BRIDGE })] }) },
    'XDP on the wire': { host: routing({ links: [port({ xdp: true })] }) },
    'a filter on ext0': { host: routing(dormant('ext0')) },
    'a filter on docker0': { host: routing(dormant('docker0')) },
    'a filter on the wire': { host: routing(dormant('veth1')) },
    'a filter inside': { inside: routing(dormant('eth0')) },
    'a neighbour by hand that is right': {
      host: neighbour('docker0', '172.17.0.2', '02:00:00:00:00:09'),
    },
    'a neighbour by hand that is wrong': {
      host: neighbour('docker0', '172.17.0.2', '02:aa:aa:aa:aa:aa'),
    },
    'the client by hand': { host: neighbour('ext0', '198.51.100.2', '02:aa:aa:aa:aa:aa') },
    'the gateway inside by hand, right': {
      inside: neighbour('eth0', '172.17.0.1', '02:00:00:00:00:03'),
    },
    'the gateway inside by hand, wrong': {
      inside: neighbour('eth0', '172.17.0.1', '02:aa:aa:aa:aa:aa'),
    },
    'the gateway inside by hand, wrong, where bridged packets meet no rules': {
      inside: neighbour('eth0', '172.17.0.1', '02:aa:aa:aa:aa:aa'),
      world: (world) => ({ ...world, settings: { ...world.settings, bridgeCalls4: false } }),
    },
  },
  rules: {
    'dropped before NAT': { nft: chain('prerouting', 'tcp dport 6379 drop', 'filter', -300) },
    'dropped on the way': { nft: chain('forward', 'tcp dport 6379 drop') },
    'rejected on the way': { nft: chain('forward', 'tcp dport 6379 reject') },
    'reset on the way': { nft: chain('forward', 'tcp dport 6379 reject with tcp reset') },
    'dropped at the host': { nft: chain('input', 'tcp dport 6379 drop') },
    'rejected at the host': { nft: chain('input', 'tcp dport 6379 reject') },
    'dropped as it leaves': { nft: chain('output', 'tcp dport 6379 drop') },
    'rejected as it leaves': { nft: chain('output', 'tcp dport 6379 reject') },
    'dropped after all': { nft: chain('postrouting', 'tcp dport 6379 drop') },
    'answers dropped on the way': { nft: chain('forward', 'tcp sport 6379 drop') },
    'answers rejected on the way': { nft: chain('forward', 'tcp sport 6379 reject') },
    'answers of the host dropped': { nft: chain('output', 'tcp sport 6379 drop') },
    'answers to the host dropped': { nft: chain('input', 'tcp sport 6379 drop') },
    'established dropped': { nft: chain('forward', 'ct state established drop') },
    'later packets dropped': { nft: chain('forward', 'tcp flags & (syn|ack) == ack drop') },
    'later packets rejected': { nft: chain('forward', 'tcp flags & (syn|ack) == ack reject') },
    'only syn accepted': { nft: chain('forward', 'tcp flags & (syn|ack) != syn drop') },
    'untracked at first': { nft: chain('prerouting', 'tcp dport 6379 notrack', 'filter', -300) },
    'untracked answers': { nft: chain('prerouting', 'tcp sport 6379 notrack', 'filter', -300) },
    'untracked from here': { nft: chain('output', 'tcp dport 6379 notrack', 'filter', -300) },
    masqueraded: { nft: chain('postrouting', 'tcp dport 6379 masquerade', 'nat', 90) },
    'sent elsewhere first': {
      nft: chain('prerouting', 'tcp dport 6379 dnat to 172.17.0.4:80', 'nat', -110),
    },
    'sent to the host itself': {
      nft: chain('prerouting', 'tcp dport 6379 redirect to :6379', 'nat', -110),
    },
    'some are dropped': { nft: chain('forward', 'limit rate 1/second drop') },
    'an owner’s are dropped': { nft: chain('output', 'meta skuid 5 drop') },
    'not from this source': { nft: chain('forward', 'ip saddr 198.51.100.2 drop') },
    'not from far sources': { nft: chain('forward', 'ip saddr 203.0.113.0/24 drop') },
    'dropped inside': { insideNft: chain('input', 'tcp dport 6379 drop') },
    'rejected inside': { insideNft: chain('input', 'tcp dport 6379 reject') },
    'answers dropped inside': { insideNft: chain('output', 'tcp sport 6379 drop') },
    'answers rejected inside': { insideNft: chain('output', 'tcp sport 6379 reject') },
    'later packets dropped inside': { insideNft: chain('input', 'ct state established drop') },
    'policy of drop': {
      iptables: '*raw\n:PREROUTING DROP [0:0]\nCOMMIT\n',
    },
  },
  refusals: {
    'its message stopped on the way': {
      nft: chain('forward', 'meta l4proto icmp drop'),
      insideNft: chain('input', 'tcp dport 6379 reject'),
    },
    'its message stopped at the host': {
      nft: chain('input', 'ct state related drop'),
      insideNft: chain('input', 'tcp dport 6379 reject'),
    },
    'its reset stopped on the way': {
      nft: chain('forward', 'tcp flags & rst == rst drop'),
      insideNft: chain('input', 'tcp dport 6379 reject with tcp reset'),
    },
    'its message stopped by what its connection is': {
      iptables:
        '*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*security\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctproto 6 --ctorigdstport 6379 -j DROP\nCOMMIT\n',
      insideNft: chain('input', 'tcp dport 6379 reject'),
    },
    'a reset, and messages stopped': {
      nft: chain('forward', 'meta l4proto icmp drop'),
      insideNft: chain('input', 'tcp dport 6379 reject with tcp reset'),
    },
    'no way back to the client': {
      host: route({ type: 'blackhole', dst: '198.51.100.2' }),
      insideNft: chain('input', 'tcp dport 6379 reject'),
    },
    'the client by hand, and a rule of the host': {
      host: neighbour('ext0', '198.51.100.2', '02:aa:aa:aa:aa:aa'),
      nft: chain('forward', 'tcp dport 6379 reject'),
    },
  },
  tracking: {
    'answers in another zone': {
      protocol: 'udp',
      world: (world) => ({ ...world, containers: world.containers.map(serveUdp) }),
      nft: chain('prerouting', 'iifname "docker0" ct reply zone set 7', 'filter', -300),
    },
    'a UDP server of the host that another network dials': {
      protocol: 'udp',
      world: (world) => ({ ...world, relays: [], sockets: [{ ...redis(), protocol: 'udp' }] }),
    },
    'masqueraded over lo': {
      protocol: 'udp',
      world: (world) => ({ ...world, sockets: [{ ...redis(), protocol: 'udp' }], relays: [] }),
      nft: chain('postrouting', 'oifname "lo" masquerade', 'nat', 90),
    },
  },
  bridges: Object.fromEntries(
    (['prerouting', 'input', 'forward', 'output'] as const).flatMap((hook) =>
      [true, false].map((proxy) => [
        `dropped by a bridge in ${hook}${proxy ? '' : ', proxy off'}`,
        {
          proxy,
          nft: `table bridge t { chain c { type filter hook ${hook} priority 0; tcp dport 6379 drop; }; }`,
        },
      ]),
    ),
  ),
};

for (const [group, changes] of Object.entries(GROUPS)) {
  test(`${group}: what each change makes of a plain host`, () => {
    const plain: Record<string, readonly string[]> = {};
    const lines: string[] = [];
    for (const [name, change] of Object.entries(changes)) {
      const { proxy = true, protocol = 'tcp' } = change;
      const beside = (plain[`${proxy} ${protocol}`] ??= tell(play({ proxy, protocol })));
      const told = tell(play(change));
      const isAll = group === 'plain';
      const ways = new Set(told.map((line) => line.split(': ', 2).join()));
      const missing = beside.filter((line) => !ways.has(line.split(': ', 2).join()));
      lines.push(
        `== ${name}${proxy ? '' : ' (proxy off)'}`,
        ...told.filter((line) => isAll || !beside.includes(line)),
        ...missing.map((line) => `not asked: ${line.split(': ', 2).join(': ')}`),
      );
    }
    assert.is(compareGolden(`predicted/${group}.txt`, lines.join('\n') + '\n'), null);
  });
}

test.run();
