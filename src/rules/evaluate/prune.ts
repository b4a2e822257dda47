/** Keeps the rules that may concern certain ports: a trace carries only these, as a rule set may be large. */
import { isClientPort } from './match.js';
import type { Chain, MapEntry, Match, Rule, RuleSet, Step, Table } from '../../model/rules.js';

/** Protocols without ports whose rules meet no packet of a traced connection. ICMP is not one: it reports refusals. */
const PORTLESS = /^(igmp|gre|esp|ah|sctp|dccp|udplite|ospf|vrrp)$/;

/** Leaves out rules that only other ports or protocols meet, and chains that no rule leads to. */
export function pruneRules({ tables, notes }: RuleSet, ports: readonly number[]): RuleSet {
  const wanted = followPorts(tables, ports);
  const mayMeet = (match: Match): boolean => {
    if (match.not) return true;
    if (match.on === 'protocol') return !match.names.every((name) => PORTLESS.test(name));
    if (match.on !== 'destination-port') return true;
    // An answer goes to the client's port.
    return match.ranges.some(
      (range) =>
        isClientPort(range) || wanted.some((port) => range.low <= port && port <= range.high),
    );
  };
  return {
    tables: tables.map((table) => pruneTable(table, mayMeet)),
    notes: [...notes],
  };
}

/** Returns the ports, and those that rules map them to. */
function followPorts(tables: readonly Table[], ports: readonly number[]): number[] {
  const wanted = new Set(ports);
  const rules = tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules));
  const led = rules.flatMap(({ steps }) =>
    listVerdicts(steps).flatMap(({ verdict, matches }) => {
      const to = verdict.do === 'dnat' || verdict.do === 'redirect' ? verdict.port : null;
      if (to === null) return [];
      const from = [...listMatches(steps), ...matches].filter(
        (match) => match.on === 'destination-port' && !match.not,
      );
      return [{ to, from }];
    }),
  );
  // A rule may map to a port that another rule maps further.
  for (let size = -1; size !== wanted.size;) {
    size = wanted.size;
    for (const { to, from } of led) {
      const meets = from.every(
        (match) =>
          match.on === 'destination-port' &&
          match.ranges.some(({ low, high }) =>
            [...wanted].some((port) => low <= port && port <= high),
          ),
      );
      if (meets) wanted.add(to);
    }
  }
  return [...wanted];
}

function listMatches(steps: readonly Step[]): Match[] {
  return steps.flatMap((step) => (step.kind === 'match' ? [step.match] : []));
}

function listVerdicts(steps: readonly Step[]): MapEntry[] {
  return steps.flatMap((step) =>
    step.kind === 'verdict'
      ? [{ matches: [], verdict: step.verdict }]
      : step.kind === 'map'
        ? step.entries
        : [],
  );
}

function pruneTable(table: Table, mayMeet: (match: Match) => boolean): Table {
  const chains = table.chains.map((chain): Chain => ({
    ...chain,
    rules: chain.rules.flatMap((rule) => pruneRule(rule, mayMeet)),
  }));
  const byName = new Map(chains.map((chain) => [chain.name, chain]));
  const reached = new Set(chains.filter(({ base }) => base !== null));
  for (const chain of reached) {
    for (const { steps } of chain.rules) {
      for (const { verdict } of listVerdicts(steps)) {
        const next = 'chain' in verdict ? byName.get(verdict.chain) : undefined;
        if (next) reached.add(next);
      }
    }
  }
  return { ...table, chains: chains.filter((chain) => reached.has(chain)) };
}

function pruneRule(rule: Rule, mayMeet: (match: Match) => boolean): Rule[] {
  if (!listMatches(rule.steps).every(mayMeet)) return [];
  if (!rule.steps.some(({ kind }) => kind === 'map')) return [rule];
  const steps = rule.steps.map((step) =>
    step.kind === 'map'
      ? { ...step, entries: step.entries.filter(({ matches }) => matches.every(mayMeet)) }
      : step,
  );
  return [{ ...rule, steps }];
}
