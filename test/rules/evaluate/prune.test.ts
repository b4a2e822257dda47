/** What a trace carries of a rule set: rules that its ports may meet, what leads to them and where they lead. */
import * as assert from 'uvu/assert';
import type { MapEntry, Rule, Step } from '../../../src/model/rules.js';
import { pruneRules } from '../../../src/rules/evaluate/prune.js';
import { suite } from '../../support/suite.js';
import { ACCEPT, base, chain, DROP, rule, ruleSet, table, then, when } from './packets.js';

const test = suite('rules that may concern a port');

const port = (low: number, high = low, not = false): Step =>
  when({ on: 'destination-port', ranges: [{ low, high }] }, not);
const protocol = (...names: string[]): Step => when({ on: 'protocol', names });
const jump = (to: string): Step => then({ do: 'jump', chain: to });
const dnat = (to: number | null): Step => then({ do: 'dnat', address: '172.17.0.2', port: to });

/** How many rules of the first chain are left. */
function left(rules: readonly Rule[], ...ports: number[]): number {
  const pruned = pruneRules(ruleSet(table('t', [base('B', 'input', [...rules])])), ports);
  return pruned.tables[0]?.chains[0]?.rules.length ?? -1;
}

test('rules for the ports stay, those for others go', () => {
  assert.equal([left([rule(port(80), DROP)], 80), left([rule(port(80), DROP)], 81)], [1, 0]);
  assert.equal(
    [
      left([rule(port(70, 80), DROP)], 80),
      left([rule(port(80, 90), DROP)], 80),
      left([rule(port(70, 79), DROP)], 80),
    ],
    [1, 1, 0],
  );
  assert.equal([left([rule(port(80), DROP)], 7, 80), left([rule(port(80), DROP)])], [1, 0]);
});

test('rules that ask for no port, or for all but one, stay', () => {
  assert.equal([left([rule(DROP)], 80), left([rule(port(90, 90, true), DROP)], 80)], [1, 1]);
  assert.is(left([rule(when({ on: 'source-port', ranges: [{ low: 1, high: 2 }] }), DROP)], 80), 1);
});

test('rules for the ports of clients stay: an answer goes to one', () => {
  assert.equal(
    [left([rule(port(40_000), DROP)], 80), left([rule(port(32_767), DROP)], 80)],
    [1, 0],
  );
});

test('protocols without ports are nobody’s here, but for ICMP: a refusal is a message of it', () => {
  assert.equal(
    [left([rule(protocol('icmp'), DROP)], 80), left([rule(protocol('tcp'), DROP)], 80)],
    [1, 1],
  );
  assert.is(left([rule(protocol('ipv6-icmp'), DROP)], 80), 1);
  assert.is(left([rule(protocol('igmp'), DROP)], 80), 0);
  assert.is(left([rule(protocol('icmp', 'tcp'), DROP)], 80), 1);
  assert.is(left([rule(protocol('gre', 'esp'), DROP)], 80), 0);
  assert.is(left([rule(when({ on: 'protocol', names: ['icmp'] }, true), DROP)], 80), 1);
});

test('where a rule leads, the rules for that port are wanted too, also over several', () => {
  const leads = rule(port(80), dnat(8080));
  const on = rule(port(8080), dnat(9090));
  const end = rule(port(9090), DROP);
  assert.is(left([end, on, leads], 80), 3);
  assert.is(left([end, on, leads], 8080), 2);
  assert.is(left([end, on, leads], 9090), 1);
  assert.is(left([end, rule(port(80), dnat(null))], 80), 1);
  assert.is(left([end, rule(port(80), then({ do: 'redirect', port: 9090 }))], 80), 2);
  assert.is(left([end, rule(port(80), then({ do: 'snat', address: null, port: 9090 }))], 80), 1);
  // A rule for several conditions on the port meets only what meets all of them.
  assert.is(left([end, rule(port(80), port(70, 75), dnat(9090))], 80), 0);
  assert.is(left([end, rule(dnat(9090))], 80), 2);
});

test('a verdict map keeps the entries that may be met, and leads on by them', () => {
  const entry = (low: number, to: number): MapEntry => ({
    matches: [{ on: 'destination-port', ranges: [{ low, high: low }], not: false }],
    verdict: { do: 'dnat', address: '172.17.0.2', port: to },
  });
  const map: Step = { kind: 'map', entries: [entry(80, 9090), entry(81, 9091)] };
  const pruned = pruneRules(
    ruleSet(
      table('t', [
        base('B', 'prerouting', [rule(map), rule(port(9090), DROP), rule(port(9091), DROP)]),
      ]),
    ),
    [80],
  );
  const rules = pruned.tables[0]?.chains[0]?.rules ?? [];
  assert.is(rules.length, 2);
  const [step] = rules[0]?.steps ?? [];
  assert.equal(step?.kind === 'map' ? step.entries : null, [entry(80, 9090)]);
});

test('chains that nothing leads to go, those that a kept rule jumps to stay', () => {
  const names = (...rules: Rule[]): string[] => {
    const chains = [
      base('B', 'input', rules),
      chain('ONE', rule(jump('TWO'))),
      chain('TWO'),
      chain('THREE'),
    ];
    return (
      pruneRules(ruleSet(table('t', chains)), [80]).tables[0]?.chains.map(({ name }) => name) ?? []
    );
  };
  assert.equal(names(rule(port(80), jump('ONE'))), ['B', 'ONE', 'TWO']);
  assert.equal(names(rule(port(90), jump('ONE'))), ['B']);
  assert.equal(names(rule(port(80), then({ do: 'goto', chain: 'THREE' }))), ['B', 'THREE']);
  assert.equal(names(rule(ACCEPT), rule(jump('GONE'))), ['B']);
});

test('notes stay', () => {
  assert.equal(pruneRules({ tables: [], notes: ['a note'] }, [80]).notes, ['a note']);
});

test.run();
