/**
 * The part of a rule set that a trace carries: only what concerns its ports, through a recording and back, and its
 * changes.
 */
import * as assert from 'uvu/assert';
import { packSurvey, surveySchema } from '../../src/capture/recording-survey.js';
import { parseSaved } from '../../src/rules/read/iptables.js';
import type { RuleSet } from '../../src/model/rules.js';
import type { RuleSurvey } from '../../src/model/survey.js';
import { compareRules } from '../../src/rules/explain/changes.js';
import { pruneRules } from '../../src/rules/evaluate/prune.js';
import { suite } from '../support/suite.js';
import { loadRules, listRuleSets, makeWorld, predictRedis } from '../rules/evaluate/worlds.js';

const test = suite('survey');

const settings = {
  values: new Map([['ipv4/ip_forward', '1']]),
  routes: [{ destination: '0.0.0.0/0', device: 'ext0', gateway: '198.51.100.9', source: null }],
};

function surveyOf(rules: RuleSet): RuleSurvey {
  return { rules, complete: true, settings, changes: { counted: [], rules } };
}

for (const name of listRuleSets()) {
  test(`${name}: pruned for its port it predicts the same`, () => {
    const rules = loadRules(name);
    const pruned = pruneRules(rules, [6379]);
    assert.equal(predictRedis(makeWorld(pruned, true)), predictRedis(makeWorld(rules, true)));
  });

  test(`${name}: packed and read it is the same`, () => {
    const survey = surveyOf(loadRules(name));
    assert.equal(surveySchema.parse(packSurvey(survey)), survey);
  });
}

/** What a recording may claim instead, and where the refusal points. */
const NONSENSE: readonly [string, RegExp, string][] = [
  ['a translation', /"address":"172.17.0.2","port":6379/, '"address":"*","port":6379'],
  ['its port', /"address":"172.17.0.2","port":6379/, '"address":"172.17.0.2","port":70000'],
  ['a range', /"low":"0","high":"4294967295"/, '"low":"0","high":"4294967296"'],
  ['a range backwards', /"low":6379,"high":6379/, '"low":6380,"high":6379'],
  ['a route', /"destination":"0.0.0.0\/0"/, '"destination":"elsewhere"'],
  ['a gateway', /"gateway":"198.51.100.9"/, '"gateway":"there"'],
  ['a source', /"source":null/, '"source":"/"'],
];

for (const [what, place, claim] of NONSENSE) {
  test(`${what} that makes no sense is no survey`, () => {
    const rules = loadText(
      [
        ...['*nat', ':PREROUTING ACCEPT [0:0]'],
        '-A PREROUTING -s 0.0.0.0/0 -p tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6379',
        ...['COMMIT', ''],
      ].join('\n'),
    );
    const packed = JSON.stringify(packSurvey(surveyOf(rules)));
    assert.ok(surveySchema.safeParse(JSON.parse(packed)).success);
    const broken = packed.replace(place, claim);
    assert.is.not(broken, packed, 'changed');
    assert.not(surveySchema.safeParse(JSON.parse(broken)).success);
  });
}

function writeMany(count: number, line: (i: number) => string): string {
  const rules = Array.from({ length: count }, (_, i) => line(i));
  return ['*filter', ':FORWARD ACCEPT [0:0]', ...rules, 'COMMIT', ''].join('\n');
}

test('rules for other ports are left out, those for addresses are compressed', () => {
  const other = loadText(writeMany(10_000, (i) => `-A FORWARD -p tcp --dport ${7000 + i} -j DROP`));
  assert.equal(pruneRules(other, [6379]).tables[0]?.chains[0]?.rules, []);
  const blocked = writeMany(10_000, (i) => `-A FORWARD -s 10.${i >> 8}.${i & 255}.1/32 -j DROP`);
  const rules = pruneRules(loadText(blocked), [6379]);
  const survey = { ...surveyOf(rules), changes: null };
  const packed = packSurvey(survey);
  assert.ok(JSON.stringify(packed).length < 400_000, String(JSON.stringify(packed).length));
  assert.equal(surveySchema.parse(packed), survey);
  assert.not(surveySchema.safeParse({ gzip: 'bm90aGluZw==' }).success);
});

test('ports that a rule leads to are kept, chains that nothing leads to are not', () => {
  const text = [
    ...['*nat', ':PREROUTING ACCEPT [0:0]', ':A - [0:0]', ':B - [0:0]'],
    '-A PREROUTING -p tcp --dport 80 -j A',
    '-A PREROUTING -p tcp --dport 81 -j B',
    '-A A -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080',
    'COMMIT',
    ...['*filter', ':FORWARD ACCEPT [0:0]'],
    '-A FORWARD -p tcp --dport 8080 -j DROP',
    '-A FORWARD -p igmp -j DROP',
    'COMMIT',
    '',
  ].join('\n');
  const pruned = pruneRules(loadText(text), [80]);
  const chains = pruned.tables.flatMap((table) => table.chains);
  assert.equal(
    chains.map(({ name }) => name),
    ['PREROUTING', 'A', 'FORWARD'],
  );
  assert.equal(
    chains.flatMap(({ rules }) => rules.map((rule) => rule.text)),
    [
      '-A PREROUTING -p tcp --dport 80 -j A',
      '-A A -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080',
      '-A FORWARD -p tcp --dport 8080 -j DROP',
    ],
  );
});

test('counters that grew, and rules that came and went', () => {
  const write = (...lines: string[]): RuleSet =>
    loadText(['*filter', ':FORWARD ACCEPT [0:0]', ...lines, 'COMMIT', ''].join('\n'));
  const before = write('[2:120] -A FORWARD -j A1', '[1:60] -A FORWARD -s 10.0.0.1/32 -j DROP');
  const grown = write('[5:300] -A FORWARD -j A1', '[1:60] -A FORWARD -s 10.0.0.1/32 -j DROP');
  const { counted, rules } = compareRules(before, grown);
  assert.equal(
    counted.map(({ chain, rule, packets }) => [chain, rule, packets]),
    [['FORWARD', '-A FORWARD -j A1', 3]],
  );
  assert.is(rules, null);
  const other = write('[5:300] -A FORWARD -j A1');
  assert.equal(compareRules(before, other).rules, other);
});

function loadText(text: string): RuleSet {
  return parseSaved(text, 'test');
}

test.run();
