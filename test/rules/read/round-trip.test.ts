/** What was read of nft, printed and read again, means the same; and each operator of its text and its JSON, on first packets and answers. */
import * as assert from 'uvu/assert';
import { buildRuleSet } from '../../../src/rules/read/nft/build.js';
import { writeNftTable } from '../../../src/rules/read/nft/print.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { parseNft, readNft } from '../../../src/rules/read/nft.js';
import { joinRuleSets, type RuleSet } from '../../../src/model/rules.js';
import type { Prediction } from '../../../src/model/explain.js';
import { suite } from '../../support/suite.js';
import { listRuleSets, loadRules, makeWorld, predictRedis, readRules } from '../evaluate/worlds.js';

const test = suite('round trip');

/** What is evaluated: chains by their places, without the words that rules were written in. */
function listSteps(rules: RuleSet): unknown {
  const chains = rules.tables.map((table) => [
    table.family,
    table.chains.map(({ name, base, policy, rules: own }) => [
      ...[name, base, policy],
      own.map(({ steps }) => steps),
    ]),
  ]);
  return JSON.parse(
    JSON.stringify(chains, (key, value: unknown) =>
      key === 'text' ? undefined : typeof value === 'bigint' ? `${value}` : value,
    ),
  );
}

for (const name of listRuleSets().filter((one) => !one.endsWith('.iptables'))) {
  test(`${name}: printed and read again it means the same`, () => {
    const tables = readNft(readRules(name), name);
    const printed = tables.map(writeNftTable).join('\n');
    const again = readNft(printed, 'printed');
    assert.equal(listSteps(buildRuleSet(again)), listSteps(buildRuleSet(tables)));
  });
}

function outside(rules: RuleSet): Prediction {
  const docker = loadRules('docker-20.10-proxy.iptables');
  const world = makeWorld(joinRuleSets([docker, rules]), true);
  const found = predictRedis(world).find(({ vantage }) => vantage === 'outside');
  assert.ok(found);
  return found;
}

const inForward = (rule: string): string =>
  `table inet f {\nset nobody { type ipv4_addr; }\nchain f { type filter hook forward priority 10;\n${rule}\n}\n}`;

/** A rule in forward, and what becomes of a client from outside who dials 6379. */
const RULES: readonly [rule: string, path: Prediction['path']][] = [
  // As nft 1.1 prints what older versions print as `oif`.
  ['fib saddr . mark . iif check missing drop', 'dnat'],
  ['fib saddr . iif check exists drop', 'dropped'],
  // Of messages of ICMP none comes by here.
  ['icmp type echo-request drop', 'dnat'],
  ['icmp type != echo-request drop', 'dnat'],
  ['icmpv6 type { nd-redirect, 1 } drop', 'dnat'],
  ['ct state ! established,related drop', 'dropped'],
  ['ct state ! new,established drop', 'dnat'],
  ['ct state != { new, established } drop', 'dnat'],
  ['ct state != established | related drop', 'dropped'],
  ['ct state established | related drop', 'unknown'],
  ['ct status ! dnat drop', 'dnat'],
  ['ct status dnat drop', 'dropped'],
  ['ct status snat drop', 'dnat'],
  ['ct status & (snat | dnat) == dnat drop', 'dropped'],
  ['ct status & (snat | dnat) == snat drop', 'dnat'],
  ['ct status & (snat | dnat) != snat drop', 'dropped'],
  ['ct status snat,dnat / snat,dnat drop', 'dnat'],
  ['ct status { snat, dnat } drop', 'unknown'],
  ['tcp flags != syn drop', 'dropped'],
  ['tcp flags { syn, ack } drop', 'dropped'],
  ['tcp flags { fin, rst } drop', 'dnat'],
  ['tcp flags syn,ack drop', 'dropped'],
  ['tcp flags ! syn,ack drop', 'dnat'],
  ['tcp flags & (fin | syn | rst | psh | ack | urg) == 0x0 drop', 'dnat'],
  ['tcp flags & (syn | ack) == { syn, ack } drop', 'dropped'],
  ['tcp flags == 0x12 drop', 'dropped'],
  ['tcp flags 0x10-0x18 drop', 'dropped'],
  ['meta mark 0x10-0x20 drop', 'dnat'],
  ['meta mark & 0xff != { 0x10, 0x20 } drop', 'dropped'],
  ['meta mark & 0x3 | 0x2 == 0x2 drop', 'dropped'],
  ['meta mark < 1 drop', 'dropped'],
  ['meta mark set 0x5 meta mark and 0x4 == 0x4 drop', 'dropped'],
  ['meta mark set meta mark & 0xfffffffe | 0x6 meta mark 6 drop', 'dropped'],
  ['meta mark set meta mark ^ 0x6 meta mark 6 drop', 'dropped'],
  ['ct mark set 0x7 meta mark set ct mark & 0x3 meta mark 0x3 drop', 'dropped'],
  ['ip daddr & 255.255.0.255 == 172.17.0.2 drop', 'dropped'],
  ['ip saddr & 255.255.0.255 == 172.17.0.2 ct direction reply drop', 'dropped'],
  ['ip daddr > 172.17.0.1 ip daddr < 172.17.0.3 drop', 'dropped'],
  ['ip daddr >= 172.17.0.3 ct direction original drop', 'dnat'],
  ['ip daddr { 10.0.0.0/8, 172.17.0.0-172.17.0.9 } drop', 'dropped'],
  ['ip saddr @nobody drop', 'dnat'],
  ['tcp dport redis drop', 'dropped'],
  ['tcp dport { ssh, http, 6000-6400 } drop', 'dropped'],
  ['tcp dport != { ssh, redis } drop', 'dropped'],
  ['tcp dport nosuchservice drop', 'unknown'],
  ['th dport 6379 drop', 'dropped'],
  ['@th,16,16 6379 drop', 'dropped'],
  ['@th,16,16 & 0xff 6379 drop', 'unknown'],
  ['meta l4proto { tcp, udp } th dport { 53, 6379 } drop', 'dropped'],
  ['meta l4proto . th dport { tcp . 6379, udp . 53 } drop', 'dropped'],
  ['jump { tcp dport 6379 drop; }', 'dropped'],
  ['jump { udp dport 6379 drop; tcp dport 80 drop; }', 'dnat'],
  ['goto { counter accept; } drop', 'dnat'],
  ['iifname . tcp dport vmap { "ext0" . 6379 : drop }', 'dropped'],
  [
    'ct state vmap { established : accept, related : accept, invalid : drop, new : drop }',
    'dropped',
  ],
  ['counter packets 1 bytes 2 quota over 5 mbytes used 1 bytes drop', 'unknown'],
  ['udp dport 1 quota 5 mbytes drop', 'dnat'],
  ['ip daddr set 10.0.0.1', 'unknown'],
  ['ip dscp set cs1 counter', 'dnat'],
  ['frobnicate 5 drop', 'unknown'],
  ['udp dport 1 frobnicate 5 drop', 'dnat'],
  ['log prefix "a { b" level info flags tcp sequence,options drop', 'dropped'],
  ['meta time "2030-01-01 00:00:00"-"2030-01-02 00:00:00" drop', 'unknown'],
  ['socket cgroupv2 level 1 "x" tcp dport 80 drop', 'dnat'],
  ['ct original proto-dst 6379 ct reply proto-src 6379 ct direction original drop', 'dropped'],
  ['ct zone 0 drop', 'dropped'],
  ['ct zone 5 drop', 'dnat'],
];

for (const [rule, path] of RULES) {
  test(`${rule}: ${path}`, () => {
    const prediction = outside(parseNft(inForward(rule), 'nft'));
    assert.is(prediction.path, path, prediction.why);
  });
}

/** Rules whose form iptables-save does not print, but iptables-restore and people do. */
const SAVED: readonly [rule: string, path: Prediction['path']][] = [
  ['-A FORWARD -j DROP -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -d 172.16.0.0/12', 'dropped'],
  ['-A FORWARD -j DROP -p udp', 'dnat'],
  ['-A FORWARD -j REJECT --reject-with tcp-reset -p tcp', 'refused'],
  ['-A FORWARD -j DROP -m multiport ! --dports 6379,80', 'dropped'],
  ['-A FORWARD -j ELSEWHERE --frobnicate 5 -p udp', 'dnat'],
  ['-A FORWARD -j ELSEWHERE --frobnicate 5', 'unknown'],
  ['-A FORWARD -d 172.17.0.2/255.255.0.255 -j DROP', 'dropped'],
  ['-A FORWARD -d 172.99.0.3/255.0.0.255 -m conntrack --ctdir ORIGINAL -j DROP', 'dnat'],
  ['-A FORWARD -m conntrack --ctreplsrc 172.17.0.2 --ctorigdstport 6379 -j DROP', 'dropped'],
  ['-A FORWARD -m conntrack --ctstatus SEEN_REPLY,ASSURED -j DROP', 'dropped'],
  ['-A FORWARD -m conntrack --ctstatus EXPECTED -j DROP', 'dnat'],
  ['-A FORWARD -m helper --helper ftp -j DROP', 'dnat'],
];

for (const [rule, path] of SAVED) {
  test(`${rule}: ${path}`, () => {
    const text = `*filter\n:FORWARD ACCEPT [0:0]\n${rule}\nCOMMIT\n`;
    const prediction = outside(parseSaved(text, 'saved'));
    assert.is(prediction.path, path, prediction.why);
  });
}

const table = { table: { family: 'inet', name: 'f' } };
const chain = (policy: string): unknown => ({
  chain: {
    family: 'inet',
    table: 'f',
    name: 'f',
    type: 'filter',
    hook: 'forward',
    prio: 10,
    policy,
  },
});
const rule = (...expr: readonly unknown[]): unknown => ({
  rule: { family: 'inet', table: 'f', chain: 'f', expr },
});
const inJson = (...items: readonly unknown[]): RuleSet =>
  parseNft(JSON.stringify({ nftables: items }), 'json');

test('JSON: a rule that stands there as text, and one that is not known', () => {
  const text = (own: string): Prediction => outside(inJson(table, chain('accept'), rule(own)));
  assert.is(text('jump {\n\t\t\ttcp dport 6379 drop\n\t\t}').path, 'dropped');
  assert.is(text('jump {\n\t\t\ttcp dport 80 drop\n\t\t}').path, 'dnat');
  assert.is(text('frobnicate').path, 'unknown');
  assert.is(outside(inJson(table, chain('accept'), rule({ frobnicate: 1 }))).path, 'unknown');
});

test('JSON: a table with a flag that nft 1.0.6 writes wrongly is dormant', () => {
  const flagged = (flags: unknown): Prediction =>
    outside(inJson({ table: { ...table.table, flags } }, chain('drop')));
  assert.is(flagged('nat').path, 'dnat');
  assert.is(flagged(['dormant']).path, 'dnat');
  assert.is(flagged('owner').path, 'dropped');
  assert.is(flagged(undefined).path, 'dropped');
});

test('what was written is kept with its line', () => {
  const { tables } = parseNft(inForward('# none\n tcp dport 80  counter  drop'), 'nft');
  const found = tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules));
  assert.equal(
    found.map(({ text, line }) => [text, line]),
    [['tcp dport 80 drop', 5]],
  );
});

test.run();
