/**
 * Finds what firewalls, bans and VPNs outside the engine's rules do to published ports: stop, miss or masquerade
 * packets.
 */
import type { Fault, Firewall } from '../../model/fault.js';
import type { Match, Rule, RuleSet } from '../../model/rules.js';
import type { PortMapping } from '../../model/target.js';
import { listMatches, listRules } from '../evaluate/mappings.js';
import { predictAttempt, writeRef, type StoppedForecast } from '../evaluate/predict.js';
import { RuleIndex } from '../evaluate/rule-index.js';
import { familyOf, type World } from '../evaluate/world.js';
import { isBans, isEngines, nameFirewall } from './owners.js';

interface Input {
  readonly world: World;
  readonly mappings: readonly PortMapping[];
  readonly stopped?: readonly StoppedForecast[];
}

export function findFirewallFaults({ world, mappings, stopped = [] }: Input): Fault[] {
  const passing = mappings.filter((mapping) => isForwarded(world, mapping));
  return [
    ...findForeignDrops(stopped),
    ...findMasked(stopped),
    ...findBypassed(world, passing),
    ...findBypassedBans(world.rules, passing),
  ];
}

/** Finds rules other than the engine's that stop packets to a published port, or the answers. */
function findForeignDrops(stopped: readonly StoppedForecast[]): Fault[] {
  const found = new Map<string, Fault>();
  for (const { prediction, ruled } of stopped) {
    const { vantage, to, path } = prediction;
    if (!ruled || vantage === 'container-address') continue;
    if (path !== 'dropped' && path !== 'refused') continue;
    const { by, inside } = ruled;
    if (inside === null && isEngines(by)) continue;
    const rule = writeRef(by);
    const key = `${inside ?? ''} ${rule}`;
    if (found.has(key)) continue;
    found.set(
      key,
      inside === null
        ? {
            code: 'firewall-drop',
            severity: 'error',
            vantage,
            to,
            owner: nameFirewall(by) ?? (by.rule === null ? 'policy' : 'other'),
            about: { rule },
          }
        : {
            code: 'inside-container',
            severity: 'error',
            vantage,
            to,
            about: { container: inside, rule },
          },
    );
  }
  return [...found.values()];
}

/** Finds rules that change the source of an outside client, so that the container does not see the client's address. */
function findMasked(stopped: readonly StoppedForecast[]): Fault[] {
  const found = new Map<string, Fault>();
  for (const { prediction, masked } of stopped) {
    const { vantage, path, sourceSeen, to } = prediction;
    if (!masked || vantage !== 'outside' || path !== 'dnat' || sourceSeen === null) continue;
    if (isEngines(masked)) continue;
    const rule = writeRef(masked);
    if (found.has(rule)) continue;
    found.set(rule, {
      code: 'source-masqueraded',
      severity: 'warning',
      to,
      seen: sourceSeen,
      firewall: nameFirewall(masked),
      about: { rule },
    });
  }
  return [...found.values()];
}

/** Whether a client from outside reaches its container through FORWARD. */
function isForwarded(world: World, mapping: PortMapping): boolean {
  return predictOutside(world, mapping).prediction.path === 'dnat';
}

function predictOutside(
  world: World,
  { protocol, listens }: PortMapping,
): ReturnType<typeof predictAttempt> {
  const any = listens.address === '0.0.0.0' || listens.address === '::';
  const family = familyOf(listens.address);
  const outer = world.devices
    .filter(({ kind }) => kind === 'outside')
    .flatMap(({ name, networks }) =>
      networks.map((network) => ({ name, address: network.replace(/\/.*$/, '') })),
    )
    .find(({ address }) => (any ? familyOf(address) === family : address === listens.address));
  const to = any ? (outer?.address ?? null) : listens.address;
  const by = { kind: 'outside', device: outer?.name ?? null, source: null } as const;
  const start = { protocol, port: listens.port, to, family, by };
  const attempt = { vantage: 'outside', from: { kind: 'outside' }, start } as const;
  return predictAttempt(world, new RuleIndex(world.rules), attempt);
}

/**
 * Finds firewalls that would stop the same connection to a process of the host: their INPUT rules never meet forwarded
 * packets.
 */
function findBypassed(world: World, passing: readonly PortMapping[]): Fault[] {
  if (passing.length === 0) return [];
  const alone = { ...world, rules: dropNat(world.rules) };
  const found = new Map<Firewall, { ports: Set<number>; rule: string }>();
  for (const mapping of passing) {
    const { prediction, deciding } = predictOutside(alone, mapping);
    if (!deciding || (prediction.path !== 'dropped' && prediction.path !== 'refused')) continue;
    const firewall = nameFirewall(deciding);
    if (!firewall) continue;
    const known = found.get(firewall) ?? { ports: new Set(), rule: writeRef(deciding) };
    found.set(firewall, known);
    known.ports.add(mapping.listens.port);
  }
  return [...found].map(([firewall, { ports, rule }]) => ({
    code: 'firewall-bypassed',
    severity: 'note',
    firewall,
    ports: [...ports],
    about: { rule },
  }));
}

/** Finds ban chains that packets meet in INPUT only. */
function findBypassedBans(rules: RuleSet, passing: readonly PortMapping[]): Fault[] {
  const found: Fault[] = [];
  for (const { rule, chain, table } of listRules(rules)) {
    if (chain.base?.hook !== 'input' || !isBans({ rule, chain, table })) continue;
    const ports = passing
      .filter((mapping) => asksFor(rule, mapping))
      .map(({ listens }) => listens.port);
    if (ports.length === 0) continue;
    found.push({
      code: 'bans-bypassed',
      severity: 'warning',
      chain: chain.name,
      ports: [...new Set(ports)],
      about: { rule: writeRef({ rule, chain, table }) },
    });
  }
  return found;
}

/** Whether the rule applies to the dialled port, or to all ports. */
function asksFor(rule: Rule, { protocol, listens }: PortMapping): boolean {
  const ruledOut = (match: Match): boolean => {
    if (match.on === 'protocol')
      return match.not === match.names.some((name) => name === protocol || name === 'all');
    if (match.on !== 'destination-port') return false;
    return (
      match.not ===
      match.ranges.some(({ low, high }) => low <= listens.port && listens.port <= high)
    );
  };
  return !listMatches(rule).some(ruledOut);
}

/** Removes all NAT chains: the dialled address is then the host itself. */
function dropNat({ tables, ...rest }: RuleSet): RuleSet {
  return {
    ...rest,
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.filter(({ base }) => base?.type !== 'nat'),
    })),
  };
}
