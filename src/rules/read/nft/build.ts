/** Builds the model of the rules from what was read of nft, as text or JSON. */
import {
  FAMILIES,
  HOOKS,
  type Chain,
  type Hook,
  type Rule,
  type RuleSet,
  type Table,
} from '../../../model/rules.js';
import type { NftChain, NftRule, NftTable } from './ast.js';
import { StepBuilder } from './steps.js';

/** Priorities by the names that nft prints; those of bridges differ. */
const PRIORITIES: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};
const OF_BRIDGES: Readonly<Record<string, number>> = {
  dstnat: -300,
  filter: -200,
  out: 100,
  srcnat: 300,
};

/** `filter`, `-100`, `filter + 10`, `dstnat - 5`; null for other text. */
export function parsePriority(text: string, family: string): number | null {
  const match = /^([a-z]+|-?\d+)(?:\s*([+-])\s*(\d+))?$/.exec(text.trim());
  if (!match) return null;
  const [, name = '', sign, offset = '0'] = match;
  const names = family === 'bridge' ? OF_BRIDGES : PRIORITIES;
  const base = /\d/.test(name) ? Number(name) : names[name];
  return base === undefined ? null : base + (sign === '-' ? -1 : 1) * Number(offset);
}

/** Tables that see no IP packets are named in the notes. */
export function buildRuleSet(drafts: readonly NftTable[]): RuleSet {
  const notes: string[] = [];
  const tables = drafts.flatMap((draft): Table[] => {
    const { family, name } = draft;
    if (!isFamily(family)) {
      notes.push(`table ${family} ${name} is not evaluated: it sees no IP packets`);
      return [];
    }
    if (draft.dormant) notes.push(`table ${family} ${name} is dormant: the kernel passes it over`);
    const chains: Chain[] = [];
    for (const chain of draft.chains) chains.push(...buildChain(chain, draft, notes));
    const translated = draft.translated || draft.chains.some(usesXtables);
    return [{ backend: translated ? 'iptables-nft' : 'nftables', family, name, chains }];
  });
  return { tables, notes };
}

function isFamily(text: string): text is Table['family'] {
  return (FAMILIES as readonly string[]).includes(text);
}

/** @returns the chain, and the chains written in place in its rules. */
function buildChain(chain: NftChain, table: NftTable, notes: string[]): Chain[] {
  const { name, type, hook, priority, devices, policy } = chain;
  let base: Chain['base'] = null;
  if (hook !== null && table.dormant) base = null;
  else if (hook !== null && isHook(hook) && priority !== null) {
    const kind = type === 'nat' || type === 'route' ? type : 'filter';
    base = { hook, priority, type: kind, ...(devices.length > 0 && { devices }) };
  } else if (hook !== null) {
    notes.push(`chain ${name} of table ${table.name} at hook ${hook} is not evaluated`);
  }
  const inner: Chain[] = [];
  const build = (list: readonly NftRule[], owner: string): Rule[] =>
    list.map((rule) => {
      const builder = new StepBuilder(table, (rules) => {
        const own = `${owner} (in place, ${inner.length + 1})`;
        inner.push({ name: own, base: null, policy: 'accept', packets: null, rules: [] });
        const at = inner.length - 1;
        inner[at] = { ...inner[at], rules: build(rules, own) } as Chain;
        return own;
      });
      return buildRule(rule, builder);
    });
  const rules = build(chain.rules, name);
  return [{ name, base, policy, packets: null, rules }, ...inner];
}

function buildRule(rule: NftRule, builder: StepBuilder): Rule {
  let packets: number | null = null;
  let comment: string | null = null;
  for (const statement of rule.statements) {
    if (statement.kind === 'counter') packets ??= statement.packets;
    if (statement.kind === 'comment') comment = statement.text;
  }
  const { text, line } = rule;
  const steps = rule.statements.flatMap((statement) => builder.build(statement));
  return { text, packets, comment, steps, ...(line !== null && { line }) };
}

function isHook(text: string): text is Hook {
  return (HOOKS as readonly string[]).includes(text);
}

/** Only iptables-nft makes rules that contain expressions of xtables. */
function usesXtables({ rules }: NftChain): boolean {
  return rules.some(({ statements }) => statements.some(({ kind }) => kind === 'xt'));
}
