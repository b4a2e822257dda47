/** The order in which the kernel calls base chains, and which rules make packets of one connection differ. */
import * as assert from 'uvu/assert';
import { HOOKS, type Chain, type Hook, type Table } from '../../../src/model/rules.js';
import { RuleIndex } from '../../../src/rules/evaluate/rule-index.js';
import { suite } from '../../support/suite.js';
import { base, DROP, rule, table, when, type Condition } from './packets.js';

const test = suite('the index of rules');

function tableOf(family: Table['family'], ...chains: Chain[]): Table {
  return table(family, chains, { family });
}

function orderAt(hook: Hook, family: 4 | 6, ...tables: Table[]): string[] {
  return new RuleIndex({ tables, notes: [] }).at(hook, family).map(({ chain }) => chain.name);
}

test('chains for NAT stand at -100 before routing and at OUTPUT, at 100 elsewhere, whatever their own priority is', () => {
  for (const hook of ['prerouting', 'output'] as const) {
    const own = tableOf(
      'ip',
      base('filter', hook, [], { priority: 0 }),
      base('nat', hook, [], { type: 'nat', priority: 50 }),
      base('mangle', hook, [], { priority: -150 }),
    );
    assert.equal(orderAt(hook, 4, own), ['mangle', 'nat', 'filter'], hook);
  }
  for (const hook of ['input', 'postrouting'] as const) {
    const own = tableOf(
      'ip',
      base('nat', hook, [], { type: 'nat', priority: -50 }),
      base('filter', hook, [], { priority: 0 }),
      base('late', hook, [], { priority: 200 }),
    );
    assert.equal(orderAt(hook, 4, own), ['filter', 'nat', 'late'], hook);
  }
});

test('several chains for NAT stand by their own priorities', () => {
  const own = tableOf(
    'ip',
    base('second', 'output', [], { type: 'nat', priority: 10 }),
    base('first', 'output', [], { type: 'nat', priority: -200 }),
  );
  assert.equal(orderAt('output', 4, own), ['first', 'second']);
});

test('a family meets its own tables and those of both', () => {
  const tables = (['ip', 'ip6', 'inet', 'bridge', 'netdev'] as const).map((family) =>
    tableOf(family, base(family, 'forward', [])),
  );
  assert.equal(orderAt('forward', 4, ...tables), ['ip', 'inet']);
  assert.equal(orderAt('forward', 6, ...tables), ['ip6', 'inet']);
  const index = new RuleIndex({ tables, notes: [] });
  const below = (layer: 'device' | 'bridge'): string[] =>
    index.below(layer, 'forward').map(({ chain }) => chain.name);
  assert.equal(below('bridge'), ['bridge']);
  assert.not(below('device').includes('bridge'));
});

test('rules below those of addresses are known to be there', () => {
  const has = (family: Table['family'], hook: Hook): boolean =>
    new RuleIndex({ tables: [tableOf(family, base('one', hook, []))], notes: [] }).hasLayers;
  assert.equal(
    [
      ...[has('netdev', 'ingress'), has('bridge', 'forward')],
      ...[has('inet', 'ingress'), has('inet', 'egress')],
    ],
    [true, true, true, true],
  );
  assert.equal([has('ip', 'forward'), has('inet', 'forward')], [false, false]);
});

test('which rules tell packets of one connection apart by their flags', () => {
  const asks = (condition: Condition): boolean => {
    const chain = base('filter', 'forward', [rule(when(condition), DROP)]);
    return new RuleIndex({ tables: [tableOf('ip', chain)], notes: [] }).asksFlags;
  };
  const flags = (...set: ('syn' | 'ack' | 'rst')[]): Condition => ({
    on: 'tcp-flags',
    among: ['syn', 'ack', 'rst'],
    set,
  });
  assert.equal(
    [asks(flags('syn')), asks(flags('syn', 'ack')), asks(flags('rst'))],
    [false, true, true],
  );
  assert.is(asks({ on: 'protocol', names: ['tcp'] }), false);
  const bits = (field: 'tcp-flags' | 'mark'): Condition => ({
    on: 'bits',
    field,
    mask: 2,
    flip: 0,
    text: field,
    ranges: [{ low: 0, high: 0 }],
  });
  assert.equal([asks(bits('tcp-flags')), asks(bits('mark'))], [true, false]);
});

test('a chain is found by its table and its name', () => {
  const one = tableOf('ip', base('same', 'forward', []));
  const other = tableOf('inet', base('same', 'input', []));
  const index = new RuleIndex({ tables: [one, other], notes: [] });
  assert.is(index.chain(one, 'same'), one.chains[0]);
  assert.is(index.chain(other, 'same'), other.chains[0]);
  assert.is(index.chain(one, 'none'), null);
  assert.ok(HOOKS.every((hook) => index.at(hook, 4).length <= 2));
});

test.run();
