/** Who is on a container's bridge, and what the client's port and the kind of a refusal decide. */
import * as assert from 'uvu/assert';
import type { Prediction } from '../../../src/model/explain.js';
import type { Neighbour } from '../../../src/model/routing.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import type { World, WorldContainer } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { predictRedis, readRules, predictInWords } from '../evaluate/worlds.js';
import { makeRouted, port, type Extra } from './worlds.js';

const test = suite('segments');

const CLIENT = { client: '198.51.100.2' };
const OUTSIDE = 'outside: outside → 198.51.100.1:6379';
const STRAIGHT = 'container-address: host → 172.17.0.2:6379';

function tell(world: World): (way: string) => string {
  const told = new Map(
    predictRedis(world, CLIENT).map((one) => [`${one.vantage}: ${one.from} → ${one.to}`, one]),
  );
  return (way) => told.get(way)?.path ?? 'nothing';
}

const ARP = ['all', 'lo', 'docker0', 'eth0'].map((name) => [`ipv4/conf/${name}/proxy_arp`, '0']);
const quiet = Object.fromEntries(ARP) as Record<string, string>;

/** redis, whose way out is what a test says. */
function behind(gateway: string, change: Extra = {}, host: Extra = {}): World {
  const routes = [{ dst: 'default', gateway, dev: 'eth0' }];
  const inside = { routes, ...change, values: { ...quiet, ...change.values } };
  return makeRouted({ ...host, values: { ...quiet, ...host.values } }, inside);
}

test('a gateway that nobody has: known where all ports of the bridge lead to containers that were looked into', () => {
  assert.is(tell(behind('172.17.0.99'))(OUTSIDE), 'dropped');
  assert.is(tell(behind('172.17.0.99'))(STRAIGHT), 'direct', 'the host is a neighbour');
  const other = { ...port(), name: 'veth2', ifindex: 8, parent: 10 };
  const open = behind('172.17.0.99', {}, { routing: { links: [port(), other] } });
  assert.is(tell(open)(OUTSIDE), 'unknown', 'somebody else is on the bridge');
  const helpful = behind('172.17.0.99', {}, { values: { 'ipv4/conf/docker0/proxy_arp': '1' } });
  assert.is(tell(helpful)(OUTSIDE), 'unknown', 'the host answers for others');
  const unread = makeRouted(
    {},
    { routes: [{ dst: 'default', gateway: '172.17.0.99', dev: 'eth0' }] },
  );
  assert.is(tell(unread)(OUTSIDE), 'unknown', 'whether it does is not known');
  const own = behind('198.51.100.1');
  assert.is(tell(own)(OUTSIDE), 'unknown', 'the host answers for all of its addresses');
});

test('a host has all addresses of its devices, and those that only its local table has', () => {
  const second = behind('172.17.0.99');
  const devices = second.devices.map((one) =>
    one.name === 'docker0' ? { ...one, networks: ['172.17.0.1/16', '172.17.0.99/16'] } : one,
  );
  assert.is(tell({ ...second, devices })(OUTSIDE), 'dnat', 'the second address of docker0');
  const local = { type: 'local', dst: '172.17.0.99', dev: 'docker0', table: 'local' };
  const listed = behind('172.17.0.99', {}, { routes: [local] });
  assert.is(tell(listed)(OUTSIDE), 'unknown', 'an address of the local table');
  const unicast = { dst: '172.17.0.99', dev: 'docker0' };
  assert.is(tell(behind('172.17.0.99', {}, { routes: [unicast] }))(OUTSIDE), 'dropped');
});

test('a gateway with an entry made by hand is somebody', () => {
  const entry: Neighbour = {
    device: 'eth0',
    address: '172.17.0.99',
    lladdr: '02:00:00:00:00:63',
    state: ['PERMANENT'],
  };
  const world = behind('172.17.0.99', { routing: { neighbours: [entry] } });
  assert.is(tell(world)(OUTSIDE), 'unknown');
});

test('a gateway that is another container: it forwards, or it does not', () => {
  const through = (forwarding: string | null): string => {
    const world = behind('172.17.0.4');
    const redis = world.containers.find(({ name }) => name === 'redis')?.inside;
    if (!redis?.routing) throw new Error('no inside');
    const values = new Map(redis.routing.values);
    values.delete('ipv4/conf/eth0/forwarding');
    if (forwarding !== null) values.set('ipv4/conf/eth0/forwarding', forwarding);
    const devices = redis.devices.map((one) =>
      one.name === 'eth0' ? { ...one, networks: ['172.17.0.4/16'] } : one,
    );
    const inside: World = { ...redis, devices, routing: { ...redis.routing, values } };
    const containers = world.containers.map((one): WorldContainer =>
      one.name === 'other' ? { ...one, inside } : one,
    );
    return tell({ ...world, containers })(OUTSIDE);
  };
  assert.equal([through('0'), through('1'), through(null)], ['dropped', 'unknown', 'unknown']);
});

test('a wrong entry for the gateway: lost, unless the bridge hands to the host what NAT rewrites', () => {
  const entry = (lladdr: string): Neighbour => ({
    device: 'eth0',
    address: '172.17.0.1',
    lladdr,
    state: ['PERMANENT'],
  });
  const NOBODYS = '02:aa:aa:aa:aa:aa';
  const world = (lladdr: string, calls = true, rules = ''): World => {
    const plain = makeRouted({}, { routing: { neighbours: [entry(lladdr)] } });
    const settings = { ...plain.settings, bridgeCalls4: calls };
    const text = rules + readRules('docker-20.10-proxy.iptables');
    return { ...plain, settings, rules: parseSaved(text, 'x') };
  };
  const masquerade =
    '*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o docker0 -p tcp -m tcp --dport 6379 -j MASQUERADE\nCOMMIT\n';
  assert.is(tell(world(NOBODYS))(OUTSIDE), 'dropped');
  assert.is(tell(world(NOBODYS))(STRAIGHT), 'dropped');
  assert.is(tell(world(NOBODYS, true, masquerade))(OUTSIDE), 'dnat', 'its destination changes');
  assert.is(tell(world(NOBODYS, false, masquerade))(OUTSIDE), 'dropped', 'no rule sees the frame');
  assert.is(tell(world('02:00:00:00:00:07'))(OUTSIDE), 'unknown', 'the address of the port');
  assert.is(tell(world('02:00:00:00:00:03'))(OUTSIDE), 'dnat', 'the right one');
});

/** redis without the address that the engine gave it. */
function without(host: Extra, networks: readonly string[] = [], values = quiet): World {
  const world = makeRouted({ ...host, values: { ...quiet, ...host.values } }, { values });
  const containers = world.containers.map((one): WorldContainer => {
    if (!one.inside) return one;
    const devices = one.inside.devices.map((own) =>
      own.name === 'eth0' ? { ...own, networks } : own,
    );
    return { ...one, inside: { ...one.inside, devices } };
  });
  return { ...world, containers };
}

test('a container that has lost its address: nobody answers, where it is known who is on the bridge', () => {
  const both = (world: World): string[] => [OUTSIDE, STRAIGHT].map(tell(world));
  assert.equal(both(without({})), ['dropped', 'dropped']);
  assert.equal(both(without({}, ['172.17.0.2/16'])), ['dnat', 'direct'], 'it has it');
  assert.equal(both(without({}, ['172.17.0.22/16'])), ['dropped', 'dropped'], 'another one');
  const second = { ...port(), name: 'veth2', ifindex: 8, parent: 10 };
  const open = without({ routing: { links: [port(), second] } });
  assert.equal(both(open), ['unknown', 'unknown'], 'somebody else is on the bridge');
  const helpful = { ...quiet, 'ipv4/conf/eth0/proxy_arp': '1' };
  assert.equal(both(without({}, [], helpful)), ['unknown', 'unknown'], 'it answers for others');
  const entry = { device: 'docker0', address: '172.17.0.2', lladdr: '02:00:00:00:00:09' };
  const fixed: Neighbour = { ...entry, state: ['PERMANENT'] };
  const known = without({ routing: { neighbours: [fixed] } });
  assert.equal(both(known), ['unknown', 'unknown'], 'the host asks nobody');
});

/** With a rule for the source of what comes in. */
function withRule(rule: string, ports: string | null, chain = 'OUTPUT'): World {
  const values: Record<string, string> =
    ports === null ? {} : { 'ipv4/ip_local_port_range': ports };
  const world = makeRouted({ values });
  const text = `*mangle\n:${chain} ACCEPT [0:0]\n-A ${chain} ${rule}\nCOMMIT\n`;
  return { ...world, rules: parseSaved(text + readRules('docker-20.10-proxy.iptables'), 'x') };
}

test('the port of a client on this host is one that its namespace gives out', () => {
  const rule = '-p tcp -m tcp --sport 6379 -j DROP';
  const straight = (ports: string | null, text = rule): string =>
    tell(withRule(text, ports))(STRAIGHT);
  assert.is(straight('32768\t60999'), 'direct');
  assert.is(straight('1024\t60999'), 'unknown');
  assert.is(straight(null), 'unknown');
  assert.is(straight('32768\t60999', '-p tcp -m tcp --sport 40000:50000 -j DROP'), 'unknown');
  assert.is(straight('40000\t50000', '-p tcp -m tcp --sport 40000:50000 -j DROP'), 'dropped');
  assert.is(tell(withRule(rule, '32768\t60999', 'PREROUTING'))(OUTSIDE), 'unknown', 'not outside');
});

test('a source that a rule gives another port may have any', () => {
  const rules = (options: string): string =>
    `*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o docker0 -p tcp -j MASQUERADE ${options}\nCOMMIT\n`;
  const inside = parseSaved(
    '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --sport 6379 -j DROP\nCOMMIT\n',
    'x',
  );
  const world = makeRouted({ values: { 'ipv4/ip_local_port_range': '32768 60999' } }, {}, inside);
  const path = (options: string): string =>
    tell({ ...world, rules: parseSaved(rules(options), 'x') })(STRAIGHT);
  assert.is(path(''), 'direct');
  assert.is(path('--to-ports 6000-7000'), 'unknown');
  assert.is(path('--random-fully'), 'unknown');
});

test('routing rules that ask for a port: none is chosen yet when TCP looks first', () => {
  const rule = (more: object) => ({
    rules: [{ priority: 9, src: 'all', ipproto: 'tcp', ...more }],
  });
  const values = { 'ipv4/ip_local_port_range': '32768 60999' };
  const path = (more: object, change = values): string =>
    tell(makeRouted({ ...rule({ action: 'blackhole', ...more }), values: change }))(STRAIGHT);
  assert.is(path({ sport: 6379 }), 'direct');
  assert.is(path({ sport_start: 1, sport_end: 65535 }), 'dropped');
  assert.is(path({ sport_start: 40000, sport_end: 50000 }), 'unknown');
  assert.is(path({ dport: 6379 }), 'dropped');
});

/** A datagram to redis from outside. */
function send(rule: string, host: Extra = {}): Prediction | undefined {
  const world = makeRouted(host);
  const text = readRules('docker-20.10-proxy.iptables').replaceAll('tcp', 'udp');
  const wall = `*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD ${rule}\nCOMMIT\n`;
  const rules = parseSaved(rule === '' ? text : wall + text, 'x');
  const containers = world.containers.map((one) => ({
    ...one,
    inside: null,
    sockets: [{ protocol: 'udp', address: '0.0.0.0', port: 6379, pid: 3, command: 'x' } as const],
  }));
  const target = { address: '172.17.0.2', port: 6379 };
  const mapping = { protocol: 'udp', listens: { address: '0.0.0.0', port: 6379 }, target } as const;
  return predictInWords(
    { ...world, rules, containers },
    [{ mapping, container: null, ...CLIENT }],
    'outside',
  )[0];
}

test('a datagram that is refused with a message of which UDP is not told is lost to its client', () => {
  assert.is(send('')?.path, 'dnat');
  const kinds: Record<string, string> = {
    'icmp-port-unreachable': 'refused',
    'icmp-admin-prohibited': 'refused',
    'icmp-host-prohibited': 'refused',
    'icmp-proto-unreachable': 'refused',
    'icmp-host-unreachable': 'dropped',
    'icmp-net-unreachable': 'dropped',
  };
  for (const [kind, path] of Object.entries(kinds)) {
    const told = send(`-p udp -m udp --dport 6379 -j REJECT --reject-with ${kind}`);
    assert.is(told?.path, path, kind);
  }
  const route = (type: string): string | undefined =>
    send('', { routes: [{ type, dst: '172.17.0.2' }] })?.path;
  assert.equal([route('prohibit'), route('unreachable')], ['refused', 'dropped']);
});

test('a connection is refused with any of them', () => {
  const world = makeRouted();
  for (const kind of ['icmp-port-unreachable', 'icmp-host-unreachable', 'icmp-net-unreachable']) {
    const wall = `*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp --dport 6379 -j REJECT --reject-with ${kind}\nCOMMIT\n`;
    const rules = parseSaved(wall + readRules('docker-20.10-proxy.iptables'), 'x');
    assert.is(tell({ ...world, rules })(OUTSIDE), 'refused', kind);
  }
});

test('the message of a refusal belongs to the connection, so that what rejects its answers stops it too', () => {
  const wall =
    '*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -m conntrack --ctreplsrc 172.17.0.2 -j REJECT\nCOMMIT\n';
  const rules = parseSaved(wall + readRules('docker-20.10-proxy.iptables'), 'x');
  assert.is(tell({ ...makeRouted(), rules })(STRAIGHT), 'dropped');
});

test('whose address the message of a refusal bears', () => {
  const docker = readRules('docker-20.10-proxy.iptables');
  const wall = (chain: string, rule: string): World => ({
    ...makeRouted(),
    rules: parseSaved(
      `*mangle\n:${chain} ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A ${chain} -p tcp --dport 6379 -j REJECT\n-A OUTPUT -p icmp ${rule} -j DROP\nCOMMIT\n${docker}`,
      'x',
    ),
  });
  assert.is(tell(wall('FORWARD', '-s 172.17.0.2'))(OUTSIDE), 'refused');
  assert.is(tell(wall('FORWARD', '-s 198.51.100.1'))(OUTSIDE), 'dropped');
  assert.is(tell(wall('OUTPUT', '-s 172.17.0.2'))(STRAIGHT), 'refused');
  assert.is(tell(wall('OUTPUT', '-s 172.17.0.1'))(STRAIGHT), 'dropped');
});

test('what NAT gives back to an answer is its port too, behind the place of NAT', () => {
  const docker = readRules('docker-20.10-proxy.iptables').replaceAll(
    '--dport 6379 -j DNAT',
    '--dport 8080 -j DNAT',
  );
  const target = { address: '172.17.0.2', port: 6379 };
  const mapping = { protocol: 'tcp', listens: { address: '0.0.0.0', port: 8080 }, target } as const;
  const path = (priority: number, port: number): string | undefined => {
    const nft = `table ip w { chain i { type filter hook input priority ${priority}; tcp sport ${port} drop; }; }`;
    const tables = [parseNft(nft, 'x'), parseSaved(docker, 'x')].flatMap((set) => set.tables);
    const world = { ...makeRouted(), rules: { tables, notes: [] } };
    const own = predictRedis(world, { ...CLIENT, mapping });
    return own.find(({ vantage, to }) => vantage === 'own-address' && to === '198.51.100.1:8080')
      ?.path;
  };
  assert.equal([path(0, 6379), path(0, 8080)], ['dropped', 'dnat']);
  assert.equal([path(111, 6379), path(111, 8080)], ['dnat', 'dropped']);
});

test.run();
