/** Lists the rules that concern a port, in the order in which a packet meets them. */
import type { ConcernedRule } from '../../model/explain.js';
import { isInRange, parseAddressNumber } from '../../model/range.js';
import { HOOKS, type Chain, type Match, type Rule, type Table } from '../../model/rules.js';
import type { PortMapping } from '../../model/target.js';
import { RuleIndex } from '../evaluate/rule-index.js';
import type { World } from '../evaluate/world.js';

/**
 * Lists rules that a packet to the port has met, or that name the port or the container's address.
 * @param met the rules that the predicted packets met.
 */
export function listConcerned(
  world: World,
  mappings: readonly PortMapping[],
  met: ReadonlySet<Rule | null>,
): ConcernedRule[] {
  const index = new RuleIndex(world.rules);
  const wanted = mappings.map(({ listens, target }) => ({
    port: listens.port,
    target,
    address: parseAddressNumber(target.address),
  }));
  const seen = new Set<Rule>();
  const listed: ConcernedRule[] = [];
  // First list the rules along the packets' ways, then all others that name the port.
  const visit = (table: Table, chain: Chain, everywhere: boolean, depth: number): void => {
    for (const rule of chain.rules) {
      const concerned = met.has(rule) || names(rule, wanted);
      if (concerned && !seen.has(rule)) {
        seen.add(rule);
        listed.push(name(table, chain, rule));
      }
      if (depth > 16 || (!everywhere && !met.has(rule))) continue;
      for (const name of listTargets(rule)) {
        const next = index.chain(table, name);
        const key = `${name} ${String(everywhere)}`;
        if (!next || visited.get(table)?.has(key)) continue;
        visited.set(table, new Set([...(visited.get(table) ?? []), key]));
        visit(table, next, everywhere, depth + 1);
      }
    }
  };
  const visited = new Map<Table, Set<string>>();
  for (const hook of HOOKS) {
    for (const { table, chain } of [...index.at(hook, 4), ...index.at(hook, 6)]) {
      if (table.family !== 'inet' || index.at(hook, 4).some((one) => one.chain === chain)) {
        visited.clear();
        visit(table, chain, false, 0);
        visit(table, chain, true, 0);
        if (chain.policy === 'drop') listed.push(name(table, chain, null));
      }
    }
  }
  return unique(listed);
}

function name(table: Table, chain: Chain, rule: Rule | null): ConcernedRule {
  const { backend, family, name } = table;
  return {
    backend,
    family,
    table: name,
    chain: chain.name,
    rule: rule ? rule.text : `-P ${chain.name} DROP`,
    steps: rule && rule.steps,
    packets: rule ? rule.packets : chain.packets,
  };
}

/** Removes duplicates: a policy of an inet table comes up for both families. */
function unique(list: readonly ConcernedRule[]): ConcernedRule[] {
  return [
    ...new Map(
      list.map((rule, i) => [rule.steps === null ? JSON.stringify(rule) : i, rule]),
    ).values(),
  ];
}

function listTargets(rule: Rule): string[] {
  return rule.steps.flatMap((step) => {
    const verdicts =
      step.kind === 'verdict'
        ? [step.verdict]
        : step.kind === 'map'
          ? step.entries.map(({ verdict }) => verdict)
          : [];
    return verdicts.flatMap((one) => (one.do === 'jump' || one.do === 'goto' ? [one.chain] : []));
  });
}

/** A published port and its container target, with the target's address as a number. */
interface Wanted {
  readonly port: number;
  readonly target: PortMapping['target'];
  readonly address: ReturnType<typeof parseAddressNumber>;
}

function names(rule: Rule, wanted: readonly Wanted[]): boolean {
  return rule.steps.some((step) =>
    wanted.some(({ port, target, address }) => {
      if (step.kind === 'match') {
        return namesPort(step.match, port) || namesAddress(step.match, address);
      }
      if (step.kind !== 'verdict' || step.verdict.do !== 'dnat') return false;
      return step.verdict.address === target.address && step.verdict.port === target.port;
    }),
  );
}

function namesPort(match: Match, port: number): boolean {
  return (
    match.on === 'destination-port' &&
    match.ranges.some(({ low, high }) => low <= port && port <= high && high - low < 16_000)
  );
}

/** Whether the match names the address alone, not a network around it. */
function namesAddress(match: Match, address: Wanted['address']): boolean {
  if (address === null || (match.on !== 'source' && match.on !== 'destination')) return false;
  return match.ranges.some(
    (range) => range.low === range.high && isInRange(range, address.family, address.value),
  );
}
