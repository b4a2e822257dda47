/** Finds base chains in the order in which the kernel calls them, and chains by name. */
import {
  HOOKS,
  type Chain,
  type Hook,
  type Match,
  type Rule,
  type RuleSet,
  type Step,
  type Table,
} from '../../model/rules.js';

/** A rule, or a chain's policy when there is no rule, with its place. */
export interface RuleRef {
  readonly table: Table;
  readonly chain: Chain;
  readonly rule: Rule | null;
}

/** A rule and its condition on the destination port, if that precedes every action; else `port` is null. */
export interface IndexedRule extends RuleRef {
  readonly rule: Rule;
  readonly port: Match | null;
}

/** A base chain with its table. */
export interface BaseRef {
  readonly table: Table;
  readonly chain: Chain;
}

/** Base chains of each hook in order of priority, chains by name. Made once per rule set. */
export class RuleIndex {
  readonly #bases = new Map<Hook, BaseRef[]>();
  /** Whether rules of devices or bridges exist. */
  readonly hasLayers: boolean;
  /** Whether a rule asks for TCP flags other than those of a first packet. */
  readonly asksFlags: boolean;
  readonly #chains = new Map<Table, Map<string, Chain>>();
  readonly #refs = new Map<Chain, IndexedRule[]>();

  constructor(rules: RuleSet) {
    for (const hook of HOOKS) this.#bases.set(hook, []);
    for (const table of rules.tables) {
      this.#chains.set(table, new Map(table.chains.map((chain) => [chain.name, chain])));
      for (const chain of table.chains) {
        if (chain.base) this.#bases.get(chain.base.hook)?.push({ table, chain });
      }
    }
    this.hasLayers = rules.tables.some(
      ({ family, chains }) =>
        family === 'netdev' ||
        family === 'bridge' ||
        chains.some(({ base }) => base?.hook === 'ingress' || base?.hook === 'egress'),
    );
    this.asksFlags = rules.tables.some(({ chains }) =>
      chains.some((chain) => chain.rules.some(({ steps }) => steps.some(asksFlags))),
    );
    for (const list of this.#bases.values()) {
      list.sort((a, b) => rank(a.chain) - rank(b.chain) || priority(a.chain) - priority(b.chain));
    }
  }

  /** The chains that bridges or devices run at a hook, in order. */
  below(layer: 'device' | 'bridge', hook: Hook): BaseRef[] {
    const list = this.#bases.get(hook) ?? [];
    return list.filter(({ table }) => (table.family === 'bridge') === (layer === 'bridge'));
  }

  at(hook: Hook, family: 4 | 6): BaseRef[] {
    const own = family === 4 ? 'ip' : 'ip6';
    const list = this.#bases.get(hook) ?? [];
    return list.filter(({ table }) => table.family === own || table.family === 'inet');
  }

  /** A chain's rules with their place. */
  rules(table: Table, chain: Chain): readonly IndexedRule[] {
    const known = this.#refs.get(chain);
    if (known) return known;
    const made = chain.rules.map((rule) => ({ table, chain, rule, port: findPort(rule) }));
    this.#refs.set(chain, made);
    return made;
  }

  chain(table: Table, name: string): Chain | null {
    return this.#chains.get(table)?.get(name) ?? null;
  }
}

/** `--syn` and similar matches only tell the first packet from all others, so they do not count. */
function asksFlags(step: Step): boolean {
  if (step.kind !== 'match') return false;
  const { match } = step;
  if (match.on === 'tcp-flags') return !match.set.includes('syn') || match.set.includes('ack');
  return match.on === 'bits' && match.field === 'tcp-flags';
}

function findPort({ steps }: Rule): Match | null {
  for (const step of steps) {
    if (step.kind !== 'match') return null;
    if (step.match.on === 'destination-port' && !step.match.not) return step.match;
  }
  return null;
}

function priority(chain: Chain): number {
  return chain.base?.priority ?? 0;
}

/** The kernel calls all NAT chains of a hook from one place. Their own priorities order them only there. */
function rank(chain: Chain): number {
  const { base } = chain;
  if (base?.type !== 'nat') return priority(chain);
  return base.hook === 'prerouting' || base.hook === 'output' ? -100 : 100;
}
