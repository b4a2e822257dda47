/** Lists what was read of a rule set and is not understood. Pure. */
import type { Match, RuleSet, Step, RuleVerdict } from '../../../src/model/rules.js';
import { listRules } from '../../../src/rules/evaluate/mappings.js';

/** The statement as it is written, with its rule. */
export interface Loss {
  readonly what: string;
  readonly rule: string;
}

export function listLosses(rules: RuleSet): Loss[] {
  return [...listRules(rules)].flatMap(({ rule }) =>
    rule.steps.flatMap(listOfStep).map((what) => ({ what, rule: rule.text })),
  );
}

function listOfStep(step: Step): string[] {
  switch (step.kind) {
    case 'match':
      return listOfMatch(step.match);
    case 'verdict':
      return listOfVerdict(step.verdict);
    case 'map':
      return step.entries.flatMap(({ matches, verdict }) => [
        ...matches.flatMap(listOfMatch),
        ...listOfVerdict(verdict),
      ]);
    case 'set-mark':
    case 'set-connection-mark':
      return step.value === null ? ['a mark of a value that is not known'] : [];
    default:
      return [];
  }
}

function listOfMatch(match: Match): string[] {
  if (match.on === 'unknown') return [match.text];
  return match.on === 'one-of' ? match.entries.flat().flatMap(listOfMatch) : [];
}

function listOfVerdict(verdict: RuleVerdict): string[] {
  return verdict.do === 'unknown' ? [verdict.text] : [];
}
