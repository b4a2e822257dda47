/** One rule set of every statement that nft 1.0.6 and iptables 1.8.9 loaded, in every form in which they print it. */
import * as assert from 'uvu/assert';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { addToOthers, parseNft } from '../../../src/rules/read/nft.js';
import { UserError } from '../../../src/model/errors.js';
import { NO_RULES, type Rule, type RuleSet, type Step } from '../../../src/model/rules.js';
import { tellRule } from '../../../src/words/rule-meaning.js';
import { loadRules, makeWorld, predictRedis, readRules } from '../evaluate/worlds.js';
import { suite } from '../../support/suite.js';

const test = suite('rule sets of every kind');

function listRules({ tables }: RuleSet): Rule[] {
  return tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => [...rules]));
}

/** What is evaluated, without the words that it was written in. */
function listSteps(rules: RuleSet): string[] {
  return listRules(rules).map(({ steps, packets, comment }) =>
    JSON.stringify([steps, packets, comment], (key, value: unknown) =>
      key === 'text' || key === 'how' ? undefined : typeof value === 'bigint' ? `${value}` : value,
    ),
  );
}

function stepsOf(rule: string, table = 'inet'): readonly Step[] {
  const text = `table ${table} t {\n chain c {\n  ${rule}\n }\n}`;
  return listRules(parseNft(text, 'nft'))[0]?.steps ?? [];
}

test('nft: as text, with handles, with numbers for names (-n) and as JSON it is the same', () => {
  const text = loadRules('wild.nft');
  assert.is(listRules(text).length, 149);
  for (const form of ['wild-handles.nft', 'wild-numbers.nft', 'wild.nft.json']) {
    assert.equal(listSteps(loadRules(form)), listSteps(text), form);
  }
});

test('nft: a range of one address is listed as a prefix, and leads there; a longer one to none that is known', () => {
  const lead = (to: string): unknown => {
    const [step] = stepsOf(`dnat ip${to.includes(':') ? '6' : ''} to ${to}`);
    return step?.kind === 'verdict' && step.verdict.do === 'dnat' ? step.verdict.address : null;
  };
  assert.is(lead('172.17.0.2/32'), '172.17.0.2');
  assert.is(lead('fd00::2/128'), 'fd00::2');
  assert.equal([lead('172.17.0.0/24'), lead('fd00::2/32')], [null, null]);
});

test('nft: a table that sleeps stops nothing, and rules of devices are read', () => {
  for (const form of ['wild.nft', 'wild.nft.json']) {
    const { tables, notes } = loadRules(form);
    const dormant = tables.find(({ name }) => name === 'dorm');
    assert.equal(
      dormant?.chains.map(({ base }) => base),
      [null],
      form,
    );
    assert.match(notes.join('\n'), 'table ip dorm is dormant');
    const netdev = tables.find(({ name }) => name === 'nd');
    assert.is(netdev?.chains[0]?.base?.hook, 'ingress', form);
    // nft 1.0.6 leaves the device out of its JSON.
    assert.equal(netdev?.chains[0]?.base?.devices, form === 'wild.nft' ? ['lo'] : undefined);
  }
});

test('iptables: the whole of iptables-save and of iptables -S -v, rule by rule', () => {
  const saved = loadRules('wild.iptables');
  const written = readRules('wild.iptables').split('\n');
  assert.is(listRules(saved).length, written.filter((line) => / -A /.test(line)).length);
  assert.equal(
    listSteps(loadRules('wild-listed.iptables')).toSorted(),
    listSteps(saved).toSorted(),
  );
});

test('every rule is told in a sentence without marks of JSON', () => {
  for (const form of ['wild.nft', 'wild.nft.json', 'wild.iptables']) {
    for (const rule of listRules(loadRules(form))) {
      const told = tellRule(rule.steps);
      assert.match(told, /^everything\b/);
      assert.not.match(told, /undefined|null|\[object|{"/, rule.text);
    }
  }
});

test('whatever stands in the way is predicted, or named as what is not known', () => {
  for (const form of ['wild.nft', 'wild.iptables']) {
    const told = predictRedis(makeWorld(loadRules(form), true), { client: '198.51.100.2' });
    for (const { path, why } of told) {
      if (path === 'unknown') assert.match(why, /"|chain|depends|known|understood/);
    }
  }
});

test('nft: a mark that is set swallows no condition that follows', () => {
  const [mark, ...others] = stepsOf('meta mark set 0x1 ct state new tcp dport 5 accept');
  assert.is(mark?.kind, 'set-mark');
  assert.equal(
    others.map((step) => (step.kind === 'match' ? step.match.on : step.kind)),
    ['state', 'protocol', 'destination-port', 'verdict'],
  );
  const dscp = stepsOf('ip dscp set cs1 tcp dport 22 accept');
  assert.equal(
    dscp.map((step) => (step.kind === 'match' ? step.match.on : step.kind)),
    ['note', 'protocol', 'destination-port', 'verdict'],
  );
});

test('nft: a condition that is not known is one condition, whatever words are in it', () => {
  for (const rule of [
    'meta l4proto tcp socket transparent 1 meta mark set 0x1 accept',
    'ct bytes > 172 ip daddr & 0.0.0.1 != 0.0.0.0 accept',
  ]) {
    const unknown = stepsOf(rule).flatMap((step) =>
      step.kind === 'match' && step.match.on === 'unknown' ? [step.match.text] : [],
    );
    assert.is(unknown.length, 1, rule);
    const asked = stepsOf(rule).flatMap((step) => (step.kind === 'match' ? [step.match.on] : []));
    assert.not.ok(asked.includes('source'), rule);
  }
});

test('an address of this host counts as local on its own device only where the device is asked for', () => {
  const limited = '-A PREROUTING -m addrtype --dst-type LOCAL --limit-iface-in -j DROP';
  const [match] =
    listRules(parseSaved(`*raw\n:PREROUTING ACCEPT [0:0]\n${limited}\nCOMMIT\n`, 'saved'))[0]
      ?.steps ?? [];
  const [same] = stepsOf('fib daddr . iif type local drop');
  assert.equal(match, same);
  const rules = loadRules('docker-20.10-proxy.iptables');
  const own = parseNft(
    'table inet t {\n chain c {\n type filter hook prerouting priority raw; policy accept;\n fib daddr . iif type local drop\n }\n}',
    'nft',
  );
  const world = makeWorld({ ...rules, tables: [...rules.tables, ...own.tables] }, true);
  const told = predictRedis(world, { client: '198.51.100.2' });
  const pathOf = (from: string, to: string): string | undefined =>
    told.find((one) => one.from === from && one.to === to)?.path;
  assert.is(pathOf('outside', '198.51.100.1:6379'), 'dropped');
  // The address of ext0 comes in on the far bridge: to that rule it is no local one.
  assert.is(pathOf('container far', '198.51.100.1:6379'), 'docker-proxy');
});

test('rules of iptables-nft that only nft tells: it is said that more is known elsewhere', () => {
  const warning = '# Warning: table ip filter is managed by iptables-nft, do not touch!';
  const text = `${warning}\ntable ip filter {\n chain FORWARD {\n type filter hook forward priority filter; policy drop;\n }\n}`;
  const listed = parseNft(text, 'nft');
  assert.is(listed.tables[0]?.backend, 'iptables-nft');
  const { notes } = addToOthers(listed, NO_RULES);
  assert.match(notes.join('\n'), /the output of iptables-save tells them whole/);
  const saved = parseSaved('*filter\n:FORWARD DROP [0:0]\nCOMMIT\n', 'saved');
  assert.equal(addToOthers(listed, saved), { tables: [], notes: [] });
});

test('a text that is cut off anywhere but behind a table is an error with its line', () => {
  for (const form of ['wild.nft', 'wild.iptables', 'docker-29-proxy.nft']) {
    const whole = readRules(form);
    const parse = form.endsWith('.nft') ? parseNft : parseSaved;
    for (let end = 1; end < whole.length; end += 13) {
      const cut = whole.slice(0, end);
      try {
        parse(cut, 'cut');
        assert.match(cut.trimEnd(), /(^|\n)(COMMIT|\}|#[^\n]*)$/);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        assert.match(error.message, /^cut, line \d+: /);
      }
    }
  }
});

test.run();
