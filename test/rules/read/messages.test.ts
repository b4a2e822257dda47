/** Types of ICMP messages in rules of iptables: the only message about a connection says that something is unreachable. */
import * as assert from 'uvu/assert';
import type { Match } from '../../../src/model/rules.js';
import { readRule } from '../../../src/rules/read/iptables-rule.js';
import { suite } from '../../support/suite.js';

const test = suite('types of messages');

/** Whether the last match holds for that message; null where that is not known. */
function holds(rule: string): boolean | null {
  const parsed = readRule(rule.split(' '));
  if (typeof parsed === 'string') throw new Error(parsed);
  const matches = parsed.steps.flatMap((step): Match[] =>
    step.kind === 'match' ? [step.match] : [],
  );
  const last = matches.at(-1);
  return last?.on === 'fact' ? last.holds !== last.not : null;
}

test('by number and name, turned round, and of both protocols', () => {
  assert.is(holds('-p icmp -m icmp --icmp-type 3'), true);
  assert.is(holds('-p icmp -m icmp --icmp-type destination-unreachable'), true);
  assert.is(holds('-p icmp -m icmp --icmp-type any'), true);
  assert.is(holds('-p icmp -m icmp --icmp-type 8'), false);
  assert.is(holds('-p icmp -m icmp --icmp-type 11/0'), false);
  assert.is(holds('-p icmp -m icmp --icmp-type echo-request'), false);
  assert.is(holds('-p icmp -m icmp ! --icmp-type 8'), true);
  assert.is(holds('-p icmp -m icmp ! --icmp-type 3'), false);
  assert.is(holds('-p ipv6-icmp -m icmp6 --icmpv6-type 1'), true);
  assert.is(holds('-p ipv6-icmp -m icmp6 --icmpv6-type 3'), false);
});

test('not known: a code, a name of a code, a name that is none, and 255', () => {
  for (const type of ['3/4', 'port-unreachable', 'bogus', '255', '1234']) {
    assert.is(holds(`-p icmp -m icmp --icmp-type ${type}`), null, type);
  }
});

test.run();
