/** Finds port mappings in the rules alone, and whether docker-proxy is used. */
import type { ProxyReason } from '../../model/explain.js';
import type { Protocol } from '../../model/event.js';
import { writeRange } from '../../model/range.js';
import type { Chain, Match, Rule, RuleSet, RuleVerdict, Table } from '../../model/rules.js';
import type { PortMapping } from '../../model/target.js';
import type { Topology } from '../../model/topology.js';

/**
 * Finds the ports that rules map to another address: by DNAT of their own, or in chains that they lead to, as kube-proxy
 * does it. Where several targets are drawn by lot, each is a mapping.
 */
export function findMappings(rules: RuleSet): PortMapping[] {
  const mappings = new Map<string, PortMapping>();
  for (const { rule, table } of listRules(rules)) {
    for (const { matches, verdict } of listEnds(rule)) {
      const ports = listPorts(matches);
      const protocols = listProtocols(matches);
      if (ports.length === 0 || protocols.length === 0) continue;
      for (const { address, port, only } of followDnat(table, verdict)) {
        const any = address.includes(':') ? '::' : '0.0.0.0';
        const dialled = findDialled(matches) ?? any;
        for (const low of ports) {
          for (const protocol of protocols) {
            if (only !== null && !only.includes(protocol)) continue;
            const listens = { address: dialled, port: low };
            const mapping = { protocol, listens, target: { address, port: port ?? low } };
            mappings.set(JSON.stringify(mapping), mapping);
          }
        }
      }
    }
  }
  return [...mappings.values()];
}

interface RuleEnd {
  readonly matches: readonly Match[];
  readonly verdict: RuleVerdict;
}

/** The verdicts of a rule, each with all that a packet has to match for it. */
function listEnds(rule: Rule): RuleEnd[] {
  const matches = listMatches(rule);
  return rule.steps.flatMap((step): RuleEnd[] => {
    if (step.kind === 'verdict') return [{ matches, verdict: step.verdict }];
    if (step.kind !== 'map') return [];
    return step.entries.map((entry) => ({
      matches: [...matches, ...entry.matches],
      verdict: entry.verdict,
    }));
  });
}

/** Single ports; ranges are left out. */
function listPorts(matches: readonly Match[]): number[] {
  return matches.flatMap((match) =>
    match.on === 'destination-port' && !match.not
      ? match.ranges.flatMap(({ low, high }) => (low === high ? [low] : []))
      : [],
  );
}

interface DnatTarget {
  readonly address: string;
  readonly port: number | null;
  /** The protocols that the rule with the DNAT names; null where it names none. */
  readonly only: readonly Protocol[] | null;
}

/** Where a verdict leads: its own DNAT, or that of rules in the chains behind it that ask for no port of their own. */
function followDnat(table: Table, verdict: RuleVerdict, met = new Set<string>()): DnatTarget[] {
  if (verdict.do === 'dnat') {
    const { address, port } = verdict;
    return address === null ? [] : [{ address, port, only: null }];
  }
  if ((verdict.do !== 'jump' && verdict.do !== 'goto') || met.has(verdict.chain)) return [];
  met.add(verdict.chain);
  const chain = table.chains.find(({ name }) => name === verdict.chain);
  return (chain?.rules ?? []).flatMap((rule) =>
    listEnds(rule).flatMap(({ matches, verdict: next }) => {
      if (matches.some(({ on }) => on === 'destination-port')) return [];
      const own = listProtocols(matches);
      return followDnat(table, next, met).map((target) => ({
        ...target,
        only: own.length > 0 ? own : target.only,
      }));
    }),
  );
}

/** Finds the mappings that neither the engine nor a relay reports. */
export function findOtherMappings(rules: RuleSet, topology: Topology): PortMapping[] {
  return findMappings(rules).filter((mapping) => !isKnown(topology, mapping));
}

/** Whether the engine or a relay reports the same mapping as a rule. */
function isKnown(topology: Topology, { listens, target, protocol }: PortMapping): boolean {
  return topology.containers.some(({ networks, published }) =>
    networks.some(
      ({ addresses }) =>
        addresses.includes(target.address) &&
        published.some(
          (port) =>
            port.protocol === protocol &&
            port.hostPort === listens.port &&
            port.containerPort === target.port,
        ),
    ),
  );
}

function listProtocols(matches: readonly Match[]): Protocol[] {
  const named = matches.flatMap((match) => (match.on === 'protocol' ? match.names : []));
  return named.filter((name): name is Protocol => name === 'tcp' || name === 'udp');
}

function findDialled(matches: readonly Match[]): string | null {
  for (const match of matches) {
    if (match.on !== 'destination' || match.not) continue;
    const [range] = match.ranges;
    if (range && range.low === range.high) return writeRange(range);
  }
  return null;
}

/** Infers the engine's firewall backend, whether it uses docker-proxy, and why; null if no rule is Docker's. */
export function inferEngine(rules: RuleSet): {
  readonly firewall: 'iptables' | 'nftables';
  readonly userlandProxy: boolean | null;
  readonly because: ProxyReason;
} | null {
  const tables = rules.tables.filter(isDockers);
  const [first] = tables;
  if (!first) return null;
  const firewall = tables.some(
    ({ backend, name }) => backend === 'nftables' && name === 'docker-bridges',
  )
    ? 'nftables'
    : 'iptables';
  for (const table of tables) {
    if (table.family === 'ip6') continue;
    for (const { rule, chain } of listRules({ tables: [table], notes: [] })) {
      if (chain.base?.hook !== 'output' || chain.base.type !== 'nat') continue;
      if (!jumpsTo(rule, /^DOCKER$|^nat-prerouting-and-output$/)) continue;
      const spares = listMatches(rule).some(
        (match) =>
          match.on === 'destination' &&
          match.not &&
          match.ranges.some((range) => writeRange(range) === '127.0.0.0/8'),
      );
      const code = spares ? 'loopback-spared' : 'loopback-translated';
      const because = { code, rule: rule.text } as const;
      return { firewall, userlandProxy: spares, because };
    }
  }
  return { firewall, userlandProxy: null, because: { code: 'no-output-rule' } };
}

export function isDockers({ name, chains }: Table): boolean {
  return (
    name === 'docker-bridges' ||
    chains.some((chain) => chain.name === 'DOCKER' || chain.name === 'DOCKER-USER')
  );
}

export function jumpsTo(rule: Rule, chain: RegExp): boolean {
  return rule.steps.some(
    (step) =>
      step.kind === 'verdict' &&
      (step.verdict.do === 'jump' || step.verdict.do === 'goto') &&
      chain.test(step.verdict.chain),
  );
}

export function* listRules(rules: RuleSet): Generator<{ table: Table; chain: Chain; rule: Rule }> {
  for (const table of rules.tables) {
    for (const chain of table.chains) {
      for (const rule of chain.rules) yield { table, chain, rule };
    }
  }
}

export function listMatches(rule: Rule): Match[] {
  return rule.steps.flatMap((step) => (step.kind === 'match' ? [step.match] : []));
}
