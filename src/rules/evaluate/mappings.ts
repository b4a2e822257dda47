/** Finds port mappings in the rules alone, and whether docker-proxy is used. */
import type { ProxyReason } from '../../model/explain.js';
import type { Protocol } from '../../model/event.js';
import { writeRange } from '../../model/range.js';
import type { Chain, Match, Rule, RuleSet, Table } from '../../model/rules.js';
import type { PortMapping } from '../../model/target.js';
import type { Topology } from '../../model/topology.js';

/** Finds the ports that DNAT rules map to another address. */
export function findMappings(rules: RuleSet): PortMapping[] {
  const mappings = new Map<string, PortMapping>();
  for (const { rule } of listRules(rules)) {
    for (const step of rule.steps) {
      if (step.kind !== 'verdict' || step.verdict.do !== 'dnat') continue;
      const { address, port } = step.verdict;
      const matches = listMatches(rule);
      const ports = matches.flatMap((match) =>
        match.on === 'destination-port' && !match.not ? match.ranges : [],
      );
      if (address === null) continue;
      for (const { low, high } of ports) {
        if (low !== high) continue;
        for (const protocol of listProtocols(matches)) {
          const any = address.includes(':') ? '::' : '0.0.0.0';
          const listens = { address: findDialled(matches) ?? any, port: low };
          const mapping = {
            protocol,
            listens,
            target: { address, port: port ?? low },
          };
          mappings.set(JSON.stringify(mapping), mapping);
        }
      }
    }
  }
  return [...mappings.values()];
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
