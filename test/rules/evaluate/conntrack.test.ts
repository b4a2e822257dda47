/** Connection tracking in both directions, what a rule does to the end, and devices and bridges: each rule beside Docker's own. */
import * as assert from 'uvu/assert';
import { parseNft } from '../../../src/rules/read/nft.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { joinRuleSets, type RuleSet } from '../../../src/model/rules.js';
import type { Prediction, Vantage } from '../../../src/model/explain.js';
import { suite } from '../../support/suite.js';
import { loadRules, makeWorld, predictRedis, readRules } from './worlds.js';

const test = suite('connection tracking and ends');

const DOCKER = 'docker-20.10-proxy.iptables';

function predictFrom(rules: RuleSet, vantage: Vantage, to = ''): Prediction {
  const found = predictRedis(makeWorld(rules, true)).find(
    (one) => one.vantage === vantage && one.to.startsWith(to),
  );
  assert.ok(found, `no prediction for ${vantage}`);
  return found;
}

/** Rules of tables that Docker does not use, and rules at the head of its table filter. */
function withSaved(more: string, filter = ''): RuleSet {
  const docker = readRules(DOCKER).replace(/(\*filter\n(?::.*\n)*)/, `$1${filter}\n`);
  return parseSaved(`${more}\n${docker}`, 'saved');
}

const raw = (...rules: string[]): string =>
  ['*raw', ':PREROUTING ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ...rules, 'COMMIT'].join('\n');

type Case = [name: string, rules: RuleSet, path: Prediction['path'], vantage?: Vantage];

const withNft = (table: string): RuleSet =>
  joinRuleSets([loadRules(DOCKER), parseNft(table, 'nft')]);

const forward = (rule: string): RuleSet =>
  withNft(`table ip f {\nchain f { type filter hook forward priority 10;\n${rule}\n}\n}`);

const CASES: Case[] = [
  [
    'the answer is of another zone, and what follows it begins anew and is masqueraded',
    withSaved(raw('-A PREROUTING -i docker0 -j CT --zone 3')),
    'unknown',
    'container-address',
  ],
  [
    'the connection is answered from the container',
    forward('ct reply ip saddr 172.17.0.2 drop'),
    'dropped',
  ],
  [
    'the connection is answered from elsewhere',
    forward('ct reply ip saddr 172.17.0.3 drop'),
    'dnat',
  ],
  [
    'what has a zone is tracked, whatever a later rule says',
    withSaved(raw('-A PREROUTING -j CT --zone 3', '-A PREROUTING -j CT --notrack')),
    'dnat',
  ],
  [
    'the first zone counts',
    withSaved(raw('-A PREROUTING -j CT --zone 3', '-A PREROUTING -i docker0 -j CT --zone 4')),
    'dnat',
  ],
  ['a helper that nobody gave', forward('ct helper "ftp" drop'), 'dnat'],
  ['the answer is untracked', withSaved(raw('-A PREROUTING -i docker0 -j NOTRACK')), 'dropped'],
  [
    'the answer is untracked, and nothing was translated',
    withSaved(raw('-A PREROUTING -i docker0 -j CT --notrack')),
    'direct',
    'container-address',
  ],
  ['the request is untracked', withSaved(raw('-A PREROUTING -i ext0 -j NOTRACK')), 'docker-proxy'],
  [
    'the answer of an untracked request is invalid',
    withSaved(
      raw('-A PREROUTING -i ext0 -j NOTRACK'),
      '-A OUTPUT -m conntrack --ctstate INVALID -j DROP',
    ),
    'dropped',
  ],
  ['zones of both directions', withSaved(raw('-A PREROUTING -j CT --zone 7')), 'dnat'],
  [
    'a zone of the request alone',
    withSaved(raw('-A PREROUTING -i ext0 -j CT --zone 7')),
    'dropped',
  ],
  [
    'a zone for one direction, as its flag says',
    withSaved(raw('-A PREROUTING -i ext0 -j CT --zone-orig 7')),
    'dnat',
  ],
  [
    'the first packet goes in the original direction',
    forward('ct direction reply tcp flags syn drop'),
    'dropped',
  ],
  [
    // The answer is lost, and the SYN that is sent again belongs to a known connection.
    'a rejection of the answer and of the SYN that is sent again',
    forward('ct state established reject with tcp reset'),
    'refused',
  ],
  [
    'a rejection of the answer alone',
    forward('iifname "docker0" ct state established reject with tcp reset'),
    'dropped',
  ],
  [
    'a rejection whose message is stopped',
    withSaved('', '-A FORWARD -p tcp -j REJECT\n-A OUTPUT -p icmp -j DROP'),
    'dropped',
  ],
  [
    'a rejection whose message gets through',
    withSaved(
      '',
      '-A FORWARD -p tcp -j REJECT\n-A OUTPUT -p icmp -m conntrack --ctstate RELATED -j ACCEPT\n-A OUTPUT -p icmp -j DROP',
    ),
    'refused',
  ],
  [
    'a rejection by a reset is no message of ICMP',
    withSaved('', '-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n-A OUTPUT -p icmp -j DROP'),
    'refused',
  ],
  [
    'ingress of the outer device',
    withNft(
      'table netdev n {\nchain i { type filter hook ingress device "ext0" priority 0;\ntcp dport 6379 drop\n}\n}',
    ),
    'dropped',
  ],
  [
    'ingress of a device that is not told',
    withNft(
      'table netdev n {\nchain i { type filter hook ingress priority 0;\ntcp dport 6379 drop\n}\n}',
    ),
    'unknown',
  ],
  [
    'ingress of another device',
    withNft(
      'table netdev n {\nchain i { type filter hook ingress device "docker0" priority 0;\ntcp dport 6379 drop\n}\n}',
    ),
    'dnat',
  ],
  [
    'egress towards the container',
    withNft(
      'table netdev n {\nchain e { type filter hook egress device "docker0" priority 0;\ntcp dport 6379 drop\n}\n}',
    ),
    'dropped',
  ],
  [
    'ingress that stops the answer',
    withNft(
      'table netdev n {\nchain i { type filter hook ingress device "docker0" priority 0;\ntcp sport 6379 drop\n}\n}',
    ),
    'dropped',
  ],
  [
    'ingress of inet',
    withNft(
      'table inet n {\nchain i { type filter hook ingress device "ext0" priority 0;\ntcp dport 6379 drop\n}\n}',
    ),
    'dropped',
  ],
  [
    'a bridge that drops',
    withNft(
      'table bridge b {\nchain o { type filter hook output priority 0;\nip daddr 172.17.0.2 drop\n}\n}',
    ),
    'dropped',
  ],
  [
    'a bridge that drops on a port',
    withNft(
      'table bridge b {\nchain o { type filter hook output priority 0;\noifname "veth1" drop\n}\n}',
    ),
    'unknown',
  ],
  [
    'NAT that changes nothing still ends NAT',
    withNft(
      'table ip n {\nchain p { type nat hook prerouting priority -110;\ntcp dport 6379 dnat to 198.51.100.1\n}\n}',
    ),
    'docker-proxy',
  ],
];

for (const [name, rules, path, vantage = 'outside'] of CASES) {
  test(`${name}: ${path}`, () => {
    const prediction = predictFrom(rules, vantage);
    assert.is(prediction.path, path, prediction.why);
  });
}

test('after DNAT in OUTPUT the socket keeps lo, and so do rules of OUTPUT', () => {
  const closed = readRules(DOCKER).replace(':OUTPUT ACCEPT', ':OUTPUT DROP');
  const open = closed.replace(/(\*filter\n(?::.*\n)*)/, '$1-A OUTPUT -o lo -j ACCEPT\n');
  const own = (text: string): Prediction =>
    predictFrom(parseSaved(text, 'saved'), 'own-address', '198.51.100.1');
  assert.is(own(open).path, 'dnat', own(open).why);
  assert.is(own(closed).path, 'dropped');
});

test.run();
