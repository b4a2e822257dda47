/** What a saved rule set alone tells of its host: ways in, bridges, ways to single addresses, and whether docker-proxy is used. */
import * as assert from 'uvu/assert';
import type { Topology } from '../../../src/model/topology.js';
import {
  findMappings,
  findOtherMappings,
  inferEngine,
} from '../../../src/rules/evaluate/mappings.js';
import { findBridges, findWays } from '../../../src/rules/evaluate/surroundings.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import type { RuleSet } from '../../../src/model/rules.js';
import { joinRuleSets } from '../../../src/model/rules.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import { suite } from '../../support/suite.js';

const test = suite('mappings');

const CHAINS = {
  nat: [':PREROUTING ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':POSTROUTING ACCEPT [0:0]'],
  filter: [':FORWARD DROP [0:0]', ':INPUT ACCEPT [0:0]'],
  raw: [':PREROUTING ACCEPT [0:0]'],
};

function table(name: keyof typeof CHAINS, ...rules: string[]): RuleSet {
  const own = rules.filter((rule) => rule.startsWith(':'));
  const lines = [
    `*${name}`,
    ...CHAINS[name],
    ...own,
    ...rules.filter((rule) => !own.includes(rule)),
  ];
  return parseSaved([...lines, 'COMMIT', ''].join('\n'), 'saved');
}

const mappings = (...rules: string[]): string[] =>
  findMappings(table('nat', ...rules)).map(
    ({ protocol, listens, target }) =>
      `${protocol} ${listens.address}#${listens.port} ${target.address}#${target.port}`,
  );

const DNAT = '-j DNAT --to-destination 172.17.0.2:6379';

test('a way in: the ports that a rule leads somewhere, each protocol by itself', () => {
  assert.equal(mappings(`-A PREROUTING -p tcp -m tcp --dport 8080 ${DNAT}`), [
    'tcp 0.0.0.0#8080 172.17.0.2#6379',
  ]);
  assert.equal(mappings(`-A PREROUTING -d 198.51.100.1/32 -p udp -m udp --dport 53 ${DNAT}`), [
    'udp 198.51.100.1#53 172.17.0.2#6379',
  ]);
  assert.equal(
    mappings('-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2'),
    ['tcp 0.0.0.0#80 172.17.0.2#80'],
  );
  assert.equal(mappings(`-A PREROUTING -p tcp -m multiport --dports 80,81 ${DNAT}`), [
    'tcp 0.0.0.0#80 172.17.0.2#6379',
    'tcp 0.0.0.0#81 172.17.0.2#6379',
  ]);
});

test('a port that a rule hands to chains with the DNAT, as kube-proxy does: each target that may be drawn', () => {
  const chains = [
    ':KUBE-EXT-A - [0:0]',
    ':KUBE-SVC-A - [0:0]',
    ':KUBE-SEP-1 - [0:0]',
    ':MARK-1 - [0:0]',
  ];
  const set = (nodePort: string, dnat: string): string[] =>
    mappings(
      ...chains,
      `-A PREROUTING ${nodePort} -j KUBE-EXT-A`,
      '-A KUBE-EXT-A -j MARK-1',
      '-A KUBE-EXT-A -j KUBE-SVC-A',
      '-A KUBE-SVC-A -m statistic --mode random --probability 0.5 -j KUBE-SEP-1',
      '-A KUBE-SVC-A -p tcp -j DNAT --to-destination 10.244.0.6:8080',
      `-A KUBE-SEP-1 ${dnat} -j DNAT --to-destination 10.244.0.5:8080`,
    );
  assert.equal(set('-p tcp -m tcp --dport 30080', '-p tcp'), [
    'tcp 0.0.0.0#30080 10.244.0.5#8080',
    'tcp 0.0.0.0#30080 10.244.0.6#8080',
  ]);
  assert.equal(set('-d 10.96.0.9/32 -p tcp -m tcp --dport 80', '-p udp'), [
    'tcp 10.96.0.9#80 10.244.0.6#8080',
  ]);
  assert.equal(set('-p tcp', '-p tcp'), [], 'no port');
  const own = set('-p tcp -m tcp --dport 30080', '-p tcp -m tcp --dport 9999');
  assert.equal(own, ['tcp 0.0.0.0#30080 10.244.0.6#8080', 'tcp 0.0.0.0#9999 10.244.0.5#8080']);
});

test('chains that lead to each other end', () => {
  const rules = [':A - [0:0]', ':B - [0:0]', '-A A -j B', '-A B -j A'];
  assert.equal(mappings(...rules, '-A PREROUTING -p tcp -m tcp --dport 80 -j A'), []);
});

test('the same way in, told by several rules, is one', () => {
  const rule = `-p tcp -m tcp --dport 8080 ${DNAT}`;
  assert.is(mappings(`-A PREROUTING ${rule}`, `-A OUTPUT ${rule}`).length, 1);
});

test('no way in: a range, a negated port, no port at all, no protocol of ports, another act', () => {
  for (const rule of [
    `-p tcp -m tcp --dport 8080:8090 ${DNAT}`,
    `-p tcp -m tcp ! --dport 8080 ${DNAT}`,
    `-p tcp ${DNAT}`,
    `-p sctp -m sctp --dport 8080 ${DNAT}`,
    '-p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80',
    '-p tcp -m tcp --dport 8080 -j ACCEPT',
  ]) {
    assert.equal(mappings(`-A PREROUTING ${rule}`), [], rule);
  }
});

test('where it is dialled: a single address, and neither a network nor all but one', () => {
  const dialled = (match: string): string | undefined =>
    mappings(`-A PREROUTING ${match} -p tcp -m tcp --dport 8080 ${DNAT}`)[0]?.split(' ')[1];
  assert.is(dialled('-d 198.51.100.1/32'), '198.51.100.1#8080');
  assert.is(dialled('-d 198.51.100.0/24'), '0.0.0.0#8080');
  assert.is(dialled('! -d 198.51.100.1/32'), '0.0.0.0#8080');
});

test('ways in that the engine tells of are left out; of another port, protocol or address they stay', () => {
  const rules = table('nat', `-A PREROUTING -p tcp -m tcp --dport 8080 ${DNAT}`);
  const others = (port: object, address = '172.17.0.2'): number => {
    const published = [{ protocol: 'tcp', hostPort: 8080, containerPort: 6379, ...port }];
    const container = { networks: [{ addresses: [address] }], published };
    return findOtherMappings(rules, { containers: [container] } as unknown as Topology).length;
  };
  assert.is(others({}), 0);
  assert.equal(
    [others({ hostPort: 80 }), others({ containerPort: 80 }), others({ protocol: 'udp' })],
    [1, 1, 1],
  );
  assert.is(others({}, '172.17.0.3'), 1);
});

const bridges = (...rules: string[]): string[] =>
  findBridges(table('nat', ...rules)).map(({ name, networks }) => `${name} ${networks.join()}`);

test('a bridge: what leaves its network by any other device is masqueraded', () => {
  assert.equal(bridges('-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE'), [
    'docker0 172.17.0.1/16',
  ]);
  assert.equal(bridges(':NETAVARK - [0:0]', '-A POSTROUTING -s 10.88.0.0/16 -j NETAVARK'), [
    '(bridge of 10.88.0.0/16) 10.88.0.1/16',
  ]);
});

test('no bridge: a single address, everything, all but a network, another chain, another act', () => {
  for (const rule of [
    '-A POSTROUTING -s 172.17.0.2/32 ! -o docker0 -j MASQUERADE',
    '-A POSTROUTING ! -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
    '-A POSTROUTING ! -o docker0 -j MASQUERADE',
    '-A POSTROUTING -s 0.0.0.0/0 ! -o docker0 -j MASQUERADE',
    '-A POSTROUTING -s 172.17.0.0/16 -o docker0 -j MASQUERADE',
    '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j ACCEPT',
    '-A PREROUTING -s 172.17.0.0/16 -j ACCEPT',
  ]) {
    assert.equal(bridges(rule), [], rule);
  }
});

test('bridges that the engine’s own chains name, with their networks of both families where masquerading or SNAT tells them', () => {
  const filter = (...rules: string[]): string[] =>
    findBridges(table('filter', ...rules)).map(
      ({ name, networks }) => `${name} ${networks.join()}`,
    );
  const own = ':DOCKER - [0:0]\n:DOCKER-FORWARD - [0:0]\n:DOCKER-USER - [0:0]';
  assert.equal(filter(own, '-A DOCKER-FORWARD -i bridge1 -o lo -j ACCEPT'), ['bridge1 ']);
  assert.equal(filter(own, '-A FORWARD -o bridge1 -j DOCKER'), ['bridge1 ']);
  assert.equal(filter(own, '-A DOCKER-USER -i eth0 -j DROP', '-A FORWARD -i eth0 -j DROP'), []);
  assert.equal(bridges('-A POSTROUTING -s 10.9.0.0/24 ! -o br9 -j SNAT --to-source 192.0.2.1'), [
    'br9 10.9.0.1/24',
  ]);
  // The first address is not the bridge's where a rule leads to it.
  assert.equal(
    bridges(
      ':DOCKER - [0:0]\n-A DOCKER -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.0.1:80',
      '-A POSTROUTING -s 10.9.0.0/24 ! -o br9 -j MASQUERADE',
    ),
    ['br9 10.9.0.2/24'],
  );
});

const ways = (...rules: string[]): string[] =>
  findWays(table('filter', ...rules)).map(({ destination, device }) => `${destination} ${device}`);

test('a way to a single address: what is let out to it by one device', () => {
  const rule = '-A FORWARD -d 10.89.0.2/32 -o br1 -j ACCEPT';
  assert.equal(ways(rule), ['10.89.0.2/32 br1']);
  assert.equal(ways(rule, rule), ['10.89.0.2/32 br1']);
  assert.equal(ways(rule, rule.replace('br1', 'br2')), [], 'two devices leave it open');
  assert.equal(ways(rule, rule.replace('0.2', '0.3')), ['10.89.0.2/32 br1', '10.89.0.3/32 br1']);
});

test('a way behind a bridge of the engine’s: what is kept from all other devices, or led there', () => {
  const docker = (...rules: string[]): string[] =>
    findWays(
      joinRuleSets([
        table('filter', ':DOCKER - [0:0]\n-A DOCKER ! -i br1 -o br1 -j DROP', ...rules),
        table('raw', '-A PREROUTING -d 10.89.0.2/32 ! -i br1 -j DROP'),
      ]),
    ).map(({ destination, device }) => `${destination} ${device}`);
  assert.equal(docker(), ['10.89.0.2/32 br1']);
  // A guard of a device that no rule of the engine's names may be for an address of the host's.
  assert.equal(findWays(table('raw', '-A PREROUTING -d 10.89.0.2/32 ! -i br1 -j DROP')), []);
  const led = (rule: string, more = ''): string[] =>
    findWays(
      joinRuleSets([
        table('filter', `:DOCKER - [0:0]\n-A DOCKER ! -i br1 -o br1 -j DROP${more}`),
        table('nat', `:DOCKER - [0:0]\n-A DOCKER ${rule} -p tcp -m tcp --dport 80 ${DNAT}`),
      ]),
    ).map(({ destination, device }) => `${destination} ${device}`);
  assert.equal(led('-p tcp'), ['172.17.0.2/32 br1'], 'there is but one bridge');
  const two = '\n-A DOCKER ! -i br2 -o br2 -j DROP';
  assert.equal(led('', two), []);
  assert.equal(led('! -i br2', two), ['172.17.0.2/32 br2']);
});

test('a way by the entry of a map that leads to the chain', () => {
  const set = (leads: string): string[] =>
    findWays(
      parseNft(
        `table ip t {\nchain in1 {\nip daddr 10.89.0.2 tcp dport 80 accept\n}\nchain f {\ntype filter hook forward priority 0;\n${leads}\n}\n}`,
        'test',
      ),
    ).map(({ destination, device }) => `${destination} ${device}`);
  assert.equal(set('oifname vmap { "br1" : jump in1 }'), ['10.89.0.2/32 br1']);
  assert.equal(set('iifname vmap { "br1" : jump in1 }'), []);
  assert.equal(set('oifname vmap { "br1" : accept }'), []);
});

test('no way: a network, all but an address, any device, a pattern, another act', () => {
  for (const rule of [
    '-A FORWARD -d 10.89.0.0/24 -o br1 -j ACCEPT',
    '-A FORWARD ! -d 10.89.0.2/32 -o br1 -j ACCEPT',
    '-A FORWARD -d 10.89.0.2/32 ! -o br1 -j ACCEPT',
    '-A FORWARD -d 10.89.0.2/32 -j ACCEPT',
    '-A FORWARD -o br1 -j ACCEPT',
    '-A FORWARD -d 10.89.0.2/32 -o br+ -j ACCEPT',
    '-A FORWARD -d 10.89.0.2/32 -o br1 -j DROP',
    '-A FORWARD -s 10.89.0.2/32 -i br1 -j ACCEPT',
  ]) {
    assert.equal(ways(rule), [], rule);
  }
});

const engine = (...rules: string[]): unknown => {
  const found = inferEngine(table('nat', ...rules));
  return found && [found.firewall, found.userlandProxy];
};
const CHAIN = ':DOCKER - [0:0]';

test('docker-proxy is used where the rule for OUTPUT leaves loopback alone', () => {
  const rule = (match: string): unknown =>
    engine(CHAIN, `-A OUTPUT ${match} -m addrtype --dst-type LOCAL -j DOCKER`);
  assert.equal(rule('! -d 127.0.0.0/8'), ['iptables', true]);
  assert.equal(rule(''), ['iptables', false]);
  assert.equal(rule('-d 127.0.0.0/8'), ['iptables', false]);
  assert.equal(rule('! -d 10.0.0.0/8'), ['iptables', false]);
});

test('without a rule for OUTPUT nothing tells, and without a chain of Docker’s there is no engine', () => {
  assert.equal(engine(CHAIN, '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER'), [
    'iptables',
    null,
  ]);
  assert.equal(engine(CHAIN, '-A OUTPUT -j ACCEPT'), ['iptables', null]);
  assert.is(engine('-A OUTPUT -j ACCEPT'), null);
});

test.run();
