// Collects what a ruleset of nft consists of, whatever its form, and makes the model of it.

import type { Chain, MapEntry, Rule, RuleSet, Step, Table, Verdict } from '../model/rules.js';
import { unknownMatch } from './rule-words.js';
import { buildKey, buildMatches, isHook, orderEntries, type Comparison } from './nft-fields.js';

/** A map's element as it stands: the parts of its key, and what it leads to. */
export interface Element {
  readonly parts: readonly string[];
  readonly verdict: Verdict | null;
}

/** One statement of a rule before the sets that it names are known. */
export type Statement =
  | Step
  | ({ readonly kind: 'compare'; readonly text: string } & Comparison)
  /** Several fields at once: `ip daddr . tcp dport`, or a map by name or in place. */
  | {
      readonly kind: 'look-up';
      readonly fields: readonly string[];
      readonly from: string | readonly Element[];
      readonly text: string;
      readonly not: boolean;
    };

export interface DraftRule extends Omit<Rule, 'steps'> {
  readonly statements: readonly Statement[];
}

export interface DraftChain {
  readonly name: string;
  type: string | null;
  hook: string | null;
  priority: number | null;
  policy: 'accept' | 'drop';
  readonly rules: DraftRule[];
}

export interface DraftTable {
  readonly family: string;
  readonly name: string;
  readonly chains: DraftChain[];
  readonly sets: Map<string, Element[]>;
}

export function createTable(family: string, name: string): DraftTable {
  return { family, name, chains: [], sets: new Map() };
}

export function createChain(name: string): DraftChain {
  return { name, type: null, hook: null, priority: null, policy: 'accept', rules: [] };
}

/** Makes the model; tables of other families are named in the notes. */
export function buildRuleSet(drafts: readonly DraftTable[]): RuleSet {
  const notes: string[] = [];
  const tables = drafts.flatMap((draft): Table[] => {
    const { family, name } = draft;
    if (family !== 'ip' && family !== 'ip6' && family !== 'inet') {
      notes.push(`table ${family} ${name} is not evaluated: only ip, ip6 and inet are`);
      return [];
    }
    const chains = draft.chains.map((chain) => buildChain(chain, draft, notes));
    return [{ backend: usesXtables(chains) ? 'iptables-nft' : 'nftables', family, name, chains }];
  });
  return { tables, notes };
}

function buildChain(chain: DraftChain, table: DraftTable, notes: string[]): Chain {
  const { name, type, hook, priority, policy } = chain;
  let base: Chain['base'] = null;
  if (hook !== null && isHook(hook) && priority !== null) {
    base = { hook, priority, type: type === 'nat' || type === 'route' ? type : 'filter' };
  } else if (hook !== null) {
    notes.push(`chain ${name} of table ${table.name} at hook ${hook} is not evaluated`);
  }
  const rules = chain.rules.map(({ statements, ...rule }) => ({
    ...rule,
    steps: statements.flatMap((statement) => resolve(statement, table)),
  }));
  return { name, base, policy, packets: null, rules };
}

function resolve(statement: Statement, table: DraftTable): Step[] {
  if (statement.kind === 'compare') {
    const values = expandSets(statement.values, table);
    const matches = values && buildMatches({ ...statement, values });
    return (matches ?? [unknownMatch(statement.text)]).map((match) => ({ kind: 'match', match }));
  }
  if (statement.kind !== 'look-up') return [statement];
  const { fields, from, text, not } = statement;
  const elements = typeof from === 'string' ? table.sets.get(from) : from;
  const entries = elements?.map(({ parts, verdict }): MapEntry | null => {
    const matches = parts.length === 1 && parts[0] === '*' ? [] : buildKey(fields, parts);
    return matches && { matches, verdict: verdict ?? { do: 'continue' } };
  });
  if (!entries || not || !entries.every((entry) => entry !== null)) {
    return [{ kind: 'match', match: unknownMatch(text) }, ...doubt(elements, text)];
  }
  // A set of several fields only asks whether the packet is in it.
  const isSet = elements?.every(({ verdict }) => verdict === null) === true;
  if (isSet && elements.length > 0) return [{ kind: 'match', match: unknownMatch(text) }];
  return [{ kind: 'map', entries: orderEntries(entries) }];
}

/** A map that is not understood may lead anywhere. */
function doubt(elements: readonly Element[] | undefined, text: string): Step[] {
  const decides = elements === undefined || elements.some(({ verdict }) => verdict !== null);
  return decides ? [{ kind: 'verdict', verdict: { do: 'unknown', text } }] : [];
}

function expandSets(values: readonly string[], table: DraftTable): string[] | null {
  const expanded: string[] = [];
  for (const value of values) {
    if (!value.startsWith('@')) {
      expanded.push(value);
      continue;
    }
    const elements = table.sets.get(value.slice(1));
    if (!elements || elements.some(({ parts }) => parts.length !== 1)) return null;
    expanded.push(...elements.flatMap(({ parts }) => parts));
  }
  return expanded;
}

/** Only iptables-nft makes rules that contain expressions of xtables. */
function usesXtables(chains: readonly Chain[]): boolean {
  return chains.some(({ rules }) =>
    rules.some(({ steps }) =>
      steps.some(
        (step) =>
          (step.kind === 'match' && step.match.on === 'unknown' && /^xt\b/.test(step.match.text)) ||
          (step.kind === 'verdict' &&
            step.verdict.do === 'unknown' &&
            /^xt\b/.test(step.verdict.text)),
      ),
    ),
  );
}
