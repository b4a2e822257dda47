// Collects what a ruleset of nft consists of, whatever its form, and makes the model of it.

import {
  FAMILIES,
  type Chain,
  type MapEntry,
  type Match,
  type Rule,
  type RuleSet,
  type Step,
  type Table,
  type Verdict,
} from '../../model/rules.js';
import { parseRewrite } from './iptables-target.js';
import {
  buildKey,
  buildMatches,
  implyMatches,
  isByLot,
  isHook,
  orderEntries,
  type Comparison,
} from './nft-fields.js';
import { unknownMatch } from './rule-words.js';

/** A map's element as it stands: the parts of its key, and what it leads to. */
export interface Element {
  readonly parts: readonly string[];
  readonly verdict: Verdict | null;
  /** The parts of what it leads to where that is no verdict; null in a set. */
  readonly value: readonly string[] | null;
}

/** What is done with what a map holds: a verdict, or a new destination or source. */
export type Use = 'verdict' | 'dnat' | 'snat' | 'redirect';

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
      /** Null for a set. */
      readonly use: Use | null;
    };

export interface DraftRule extends Omit<Rule, 'steps'> {
  readonly statements: readonly Statement[];
}

export interface DraftChain {
  readonly name: string;
  type: string | null;
  hook: string | null;
  priority: number | null;
  /** Of a chain at ingress or egress. */
  devices: readonly string[];
  policy: 'accept' | 'drop';
  readonly rules: DraftRule[];
}

export interface DraftTable {
  readonly family: string;
  readonly name: string;
  /** The kernel passes over its chains. */
  dormant: boolean;
  /** Made by iptables-nft: nft shows what it takes its rules for. */
  translated: boolean;
  readonly chains: DraftChain[];
  readonly sets: Map<string, Element[]>;
}

export function createTable(family: string, name: string): DraftTable {
  return { family, name, dormant: false, translated: false, chains: [], sets: new Map() };
}

export function createChain(name: string): DraftChain {
  return { name, type: null, hook: null, priority: null, devices: [], policy: 'accept', rules: [] };
}

/** Makes the model; tables of other families are named in the notes. */
export function buildRuleSet(drafts: readonly DraftTable[]): RuleSet {
  const notes: string[] = [];
  const tables = drafts.flatMap((draft): Table[] => {
    const { family, name } = draft;
    if (!isFamily(family)) {
      // ARP has a say in who is a neighbour, and in nothing that is evaluated here.
      notes.push(`table ${family} ${name} is not evaluated: it sees no IP packets`);
      return [];
    }
    if (draft.dormant) notes.push(`table ${family} ${name} is dormant: the kernel passes it over`);
    const chains = draft.chains.map((chain) => buildChain(chain, draft, notes));
    const translated = draft.translated || usesXtables(chains);
    return [{ backend: translated ? 'iptables-nft' : 'nftables', family, name, chains }];
  });
  return { tables, notes };
}

function isFamily(text: string): text is Table['family'] {
  return (FAMILIES as readonly string[]).includes(text);
}

function buildChain(chain: DraftChain, table: DraftTable, notes: string[]): Chain {
  const { name, type, hook, priority, devices, policy } = chain;
  let base: Chain['base'] = null;
  if (hook !== null && table.dormant) base = null;
  else if (hook !== null && isHook(hook) && priority !== null) {
    const kind = type === 'nat' || type === 'route' ? type : 'filter';
    base = { hook, priority, type: kind, ...(devices.length > 0 && { devices }) };
  } else if (hook !== null) {
    notes.push(`chain ${name} of table ${table.name} at hook ${hook} is not evaluated`);
  }
  const rules = chain.rules.map(({ text, packets, comment, statements }) => ({
    ...{ text, packets, comment },
    steps: statements.flatMap((statement) => resolve(statement, table)),
  }));
  return { name, base, policy, packets: null, rules };
}

function resolve(statement: Statement, table: DraftTable): Step[] {
  if (statement.kind === 'compare') {
    const values = expandSets(statement.values, table);
    const matches = values && buildMatches({ ...statement, values });
    const known = matches ?? [...implyMatches(statement.field), unknownMatch(statement.text)];
    return known.map((match) => ({ kind: 'match', match }));
  }
  if (statement.kind !== 'look-up') return [statement];
  const { fields, from, text, not, use } = statement;
  const elements = typeof from === 'string' ? table.sets.get(from) : from;
  const keys = elements && buildKeys(fields, elements);
  // A packet without the fields is not one of them, whatever they hold.
  const implied = fields.flatMap(implyMatches).map((match): Step => ({ kind: 'match', match }));
  if (use === null) {
    if (!keys) return [...implied, { kind: 'match', match: unknownMatch(text) }];
    return [{ kind: 'match', match: { on: 'one-of', entries: keys, text, not } }];
  }
  if (!keys) return [...implied, { kind: 'verdict', verdict: { do: 'unknown', text } }];
  const entries = keys.map((matches, i): MapEntry => {
    const verdict = readUse(use, elements[i]) ?? { do: 'unknown', text };
    return { matches, verdict };
  });
  return [{ kind: 'map', entries: orderEntries(entries) }];
}

/** The conditions of each element; null when one is not understood. */
function buildKeys(fields: readonly string[], elements: readonly Element[]): Match[][] | null {
  const [lot = ''] = fields;
  if (isByLot(lot)) return drawLots(lot, elements.length);
  const keys = elements.map(({ parts }) =>
    parts.length === 1 && parts[0] === '*' ? [] : buildKey(fields, parts),
  );
  return keys.every((key) => key !== null) ? keys : null;
}

/** One of as many as there are: when it is none of the others, it is the last. */
function drawLots(field: string, count: number): Match[][] {
  const complete = Number(/\bmod (\d+)/.exec(field)?.[1] ?? Infinity) <= count;
  return Array.from({ length: count }, (_, i): Match[] =>
    complete && i === count - 1
      ? []
      : [{ on: 'chance', text: `${field} is number ${i + 1}`, not: false }],
  );
}

function readUse(use: Use, element: Element | undefined): Verdict | null {
  if (use === 'verdict') return element?.verdict ?? null;
  const [first = '', second] = element?.value ?? [];
  const written = second === undefined ? first : joinTarget(first, second);
  const target = /^\d+$/.test(written) ? parseRewrite(`:${written}`) : parseRewrite(written);
  if (!target) return null;
  if (use === 'redirect') return { do: 'redirect', port: target.port };
  return { do: use, ...target };
}

function joinTarget(address: string, port: string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
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
