/** Compares the rules before and after a trace: counters that grew, and rules that were added or removed. */
import type { RuleSet } from '../../model/rules.js';
import type { CountedRule, RuleChanges, RuleDifferences, RuleName } from '../../model/survey.js';
import { listRules } from '../evaluate/mappings.js';

export function compareRules(before: RuleSet, after: RuleSet): RuleChanges {
  const earlier = count(before);
  const later = count(after);
  const counted = [...later].flatMap(([key, { name, packets }]): CountedRule[] => {
    const from = earlier.get(key)?.packets;
    return from == null || packets === null || packets <= from
      ? []
      : [{ ...name, packets: packets - from }];
  });
  const { added, removed } = listDifferences(before, after);
  return { counted, rules: added.length + removed.length > 0 ? after : null };
}

export function listDifferences(before: RuleSet, after: RuleSet): RuleDifferences {
  const earlier = count(before);
  const later = count(after);
  const missing = (from: typeof earlier, other: typeof earlier): RuleName[] =>
    [...from].flatMap(([key, { name, times }]) =>
      times > (other.get(key)?.times ?? 0) ? [name] : [],
    );
  return { added: missing(later, earlier), removed: missing(earlier, later) };
}

interface Count {
  readonly name: RuleName;
  times: number;
  /** The sum over all rules with this text in this chain; null if they do not count. */
  packets: number | null;
}

function count(rules: RuleSet): Map<string, Count> {
  const counts = new Map<string, Count>();
  for (const { table, chain, rule } of listRules(rules)) {
    const { backend, family } = table;
    const name = { backend, family, table: table.name, chain: chain.name, rule: rule.text };
    const key = writeName(name);
    const known = counts.get(key) ?? { name, times: 0, packets: 0 };
    known.times++;
    known.packets =
      known.packets === null || rule.packets === null ? null : known.packets + rule.packets;
    counts.set(key, known);
  }
  return counts;
}

/** Creates a key that is equal for the same rule. */
export function writeName({ backend, family, table, chain, rule }: RuleName): string {
  return [backend, family, table, chain, rule].join('\n');
}
