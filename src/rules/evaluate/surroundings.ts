/** Infers a host's devices from the rules alone: bridges, their networks, and the addresses behind them. */
import {
  isEverything,
  isInRange,
  parseRange,
  writeRange,
  type AddressRange,
} from '../../model/range.js';
import type { Chain, Match, Rule, RuleSet, Step, Table } from '../../model/rules.js';
import { findMappings, isDockers, jumpsTo, listMatches, listRules } from './mappings.js';
import { familyOf, type WorldDevice, type WorldRoute } from './world.js';

/**
 * Finds bridges in the rules: those that a rule excepts when it rewrites the source of a network, and those that the
 * engine's own rules name.
 */
export function findBridges(rules: RuleSet): WorldDevice[] {
  const found = new Map<string, WorldDevice>();
  const taken = new Set(findMappings(rules).map(({ target }) => target.address));
  const add = (name: string, range: AddressRange): void => {
    const network = `${chooseGateway(range, taken)}/${writeRange(range).split('/')[1] ?? ''}`;
    const known = found.get(name);
    if (known?.networks.some((one) => familyOf(one) === range.family)) return;
    found.set(name, { name, kind: 'bridge', networks: [...(known?.networks ?? []), network] });
  };
  for (const { rule, chain } of listRules(rules)) {
    const matches = listMatches(rule);
    const source = matches.find((match) => match.on === 'source' && !match.not);
    const [range] = source?.on === 'source' ? source.ranges : [];
    if (!range || range.low === range.high || isEverything(range)) continue;
    if (!writeRange(range).includes('/')) continue;
    const out = matches.find((match) => match.on === 'out-device');
    const masks = rule.steps.some(
      ({ kind, ...step }) =>
        kind === 'verdict' && 'verdict' in step && /^(?:masquerade|snat)$/.test(step.verdict.do),
    );
    if (masks && out?.on === 'out-device' && out.not) add(out.names[0] ?? '', range);
    // Podman and CNI name no device: use the network as its name.
    else if (chain.base?.hook === 'postrouting' && !out) {
      // eslint-disable-next-line no-restricted-syntax -- the name of a device that has none
      add(`(bridge of ${writeRange(range)})`, range);
    }
  }
  for (const name of listDockerBridges(rules)) {
    if (!found.has(name)) found.set(name, { name, kind: 'bridge', networks: [] });
  }
  return [...found.values()];
}

/** Chooses the network's first address, as Docker, Podman and CNI do; the second if a rule maps to the first. */
function chooseGateway(range: AddressRange, taken: ReadonlySet<string>): string {
  const at = (offset: bigint): string =>
    writeRange({ ...range, low: range.low + offset, high: range.low + offset });
  return taken.has(at(1n)) && isInRange(range, range.family, range.low + 2n) ? at(2n) : at(1n);
}

/** Lists the devices that Docker's own chains name: these chains name only its bridges and lo. */
function listDockerBridges(rules: RuleSet): Set<string> {
  const names = [...listRules(rules)].flatMap(({ table, chain, rule }) => {
    const own = isDockersOwn(table, chain) || leadsOn(rule);
    return own && isDockers(table) ? listEveryMatch(rule.steps).flatMap(listDevices) : [];
  });
  return new Set(names.filter((name) => name !== 'lo' && !/[*+]$/.test(name)));
}

function isDockersOwn(table: Table, chain: Chain): boolean {
  return table.name === 'docker-bridges' || /^DOCKER(?!-USER)/.test(chain.name);
}

/** Matches `-o docker0 -j DOCKER`, which versions before 28 have in FORWARD. */
function leadsOn(rule: Rule): boolean {
  return jumpsTo(rule, /^DOCKER$/);
}

function listEveryMatch(steps: readonly Step[]): Match[] {
  return steps.flatMap((step) => {
    if (step.kind === 'match') return [step.match];
    return step.kind === 'map' ? step.entries.flatMap(({ matches }) => matches) : [];
  });
}

function listDevices(match: Match): readonly string[] {
  return match.on === 'in-device' || match.on === 'out-device' ? match.names : [];
}

/**
 * Finds routes to single addresses in the rules. If a rule accepts packets to an address out of a device, the route
 * goes by that device. If a rule drops packets to an address unless they come in by an engine's bridge, the route goes
 * by that bridge.
 */
export function findWays(rules: RuleSet): WorldRoute[] {
  const ways = new Map<string, Set<string>>();
  const add = (range: AddressRange, device: string): void => {
    const address = writeRange(range);
    ways.set(address, (ways.get(address) ?? new Set<string>()).add(device));
  };
  const bridges = listDockerBridges(rules);
  const led = listLed(rules);
  const [only, ...more] = bridges;
  for (const { table, chain, rule } of listRules(rules)) {
    for (const target of isDockersOwn(table, chain) ? listTargets(rule) : []) {
      const spared = findDevice(listMatches(rule), 'in-device', true);
      if (spared !== undefined && bridges.has(spared)) add(target, spared);
      else if (only !== undefined && more.length === 0) add(target, only);
    }
    const to = findSingle(rule);
    if (!to) continue;
    const does = (verdict: string): boolean =>
      rule.steps.some((step) => step.kind === 'verdict' && step.verdict.do === verdict);
    const matches = listMatches(rule);
    const out = findDevice(matches, 'out-device', false) ?? led.get(table)?.get(chain.name);
    if (does('accept') && out !== undefined && !/[*+]$/.test(out)) add(to, out);
    const guarded = findDevice(matches, 'in-device', true);
    const guards = does('drop') && chain.base?.hook === 'prerouting';
    if (guards && guarded !== undefined && bridges.has(guarded)) add(to, guarded);
  }
  return [...ways].flatMap(([address, devices]) => {
    const [device = '', ...others] = devices;
    const length = address.includes(':') ? 128 : 32;
    return others.length > 0 ? [] : [{ destination: `${address}/${length}`, device, source: null }];
  });
}

/** Lists the chains that a map entry jumps to, by the device that their packets leave by. */
function listLed(rules: RuleSet): Map<Table, Map<Chain['name'], string>> {
  const found = new Map<Table, Map<string, string>>();
  for (const { table, rule } of listRules(rules)) {
    for (const step of rule.steps) {
      for (const { matches, verdict } of step.kind === 'map' ? step.entries : []) {
        const device = findDevice(matches, 'out-device', false);
        if (device === undefined || verdict.do !== 'jump') continue;
        found.set(
          table,
          (found.get(table) ?? new Map<string, string>()).set(verdict.chain, device),
        );
      }
    }
  }
  return found;
}

/** Finds the only device that a rule asks for, or excepts (`not`). */
function findDevice(
  matches: readonly Match[],
  on: 'in-device' | 'out-device',
  not: boolean,
): string | undefined {
  const match = matches.find((one) => one.on === on);
  if (match?.on !== on || match.not !== not || match.names.length !== 1) return undefined;
  return match.names[0];
}

/** Lists the addresses that a rule translates to. */
function listTargets({ steps }: Rule): AddressRange[] {
  return steps.flatMap((step) =>
    step.kind === 'verdict' && step.verdict.do === 'dnat' && step.verdict.address !== null
      ? (parseRange(step.verdict.address) ?? [])
      : [],
  );
}

/** Finds the only destination address that a rule asks for. */
function findSingle(rule: Rule): AddressRange | null {
  const to = listMatches(rule).find((match) => match.on === 'destination');
  if (to?.on !== 'destination' || to.not || to.ranges.length !== 1) return null;
  const [range] = to.ranges;
  return range && range.low === range.high ? range : null;
}
