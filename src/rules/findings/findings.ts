/** Finds faults that rules, sockets and settings show, such as those that guides and forum threads end with. */
import type { Fault } from '../../model/fault.js';
import type { Forecast } from '../../model/forecast.js';
import type { PortMapping } from '../../model/target.js';
import { findSocket, listensInsideOnly, listSocketsFor } from '../evaluate/deliver.js';
import { jumpsTo, listRules } from '../evaluate/mappings.js';
import { predictAttempt, type StoppedForecast } from '../evaluate/predict.js';
import { RuleIndex } from '../evaluate/rule-index.js';
import { familyOf, findBridgeOf, type World } from '../evaluate/world.js';
import { findFirewallFaults } from './firewalls.js';
import { findRoutingFaults } from './routing.js';

export interface FindingInput {
  readonly world: World;
  readonly mappings: readonly PortMapping[];
  readonly predictions: readonly Forecast[];
  /** Whether a Docker engine serves this host. */
  readonly docker: boolean;
  /** Whether all rules that may be loaded were read. */
  readonly complete: boolean;
  /** What decides the predictions, as codes; empty if left out. */
  readonly stopped?: readonly StoppedForecast[];
}

export function findFaults(input: FindingInput): Fault[] {
  return [
    ...findMissingChains(input),
    ...findTwoBackends(input.world),
    ...findStaleRelays(input.world),
    ...findDeaf(input),
    ...findFirewallFaults(input),
    ...findSwitchedOff(input),
    ...findHidden(input),
    ...findLocalOnly(input),
    ...findRoutingFaults(input.world, input.stopped ?? []),
  ];
}

function findMissingChains({ world, docker, complete, mappings }: FindingInput): Fault[] {
  if (!docker || !complete || mappings.length === 0) return [];
  const has = world.rules.tables.some(
    ({ name, chains }) =>
      name === 'docker-bridges' ||
      (name === 'nat' && chains.some((chain) => chain.name === 'DOCKER')),
  );
  const jumps = [...listRules(world.rules)].some(
    ({ rule, chain }) =>
      chain.base?.type === 'nat' && jumpsTo(rule, /^DOCKER$|^nat-prerouting-and-output$/),
  );
  if (has && jumps) return [];
  return [
    {
      code: 'docker-chains-missing',
      severity: 'error',
      unused: has,
    },
  ];
}

function findTwoBackends(world: World): Fault[] {
  const filled = world.rules.tables.filter(({ chains }) =>
    chains.some(({ rules }) => rules.length > 0),
  );
  const legacy = filled.filter(({ backend }) => backend === 'iptables-legacy');
  const nft = filled.filter(({ backend }) => backend === 'iptables-nft');
  const hidden = world.rules.hidden?.includes('iptables-legacy') === true;
  if ((legacy.length === 0 && !hidden) || nft.length === 0) return [];
  return [
    {
      code: 'two-backends',
      severity: 'warning',
      legacy: legacy.map(({ name }) => name),
      nft: nft.map(({ name }) => name),
    },
  ];
}

function findStaleRelays(world: World): Fault[] {
  if (!world.measured || world.containers.length === 0) return [];
  const held = new Set(
    world.containers.flatMap(({ places }) => places.map((place) => place.address)),
  );
  return world.relays.flatMap(({ pid, command, listens, target }): Fault[] => {
    if (!target || held.has(target.address) || !findBridgeOf(world, target.address)) return [];
    return [
      {
        code: 'stale-relay',
        severity: 'error',
        command,
        listens,
        target,
        about: { pid },
      },
    ];
  });
}

function findDeaf({ world, mappings }: FindingInput): Fault[] {
  const found = new Map<string, Fault>();
  for (const { protocol, target } of mappings) {
    const container = world.containers.find(({ places }) =>
      places.some(({ address }) => address === target.address),
    );
    const sockets = container ? listSocketsFor(container, target.port) : null;
    if (!container || !sockets) continue;
    const { name, runtime } = container;
    const socket = findSocket(sockets, { protocol, ...target, family: familyOf(target.address) });
    if (socket) continue;
    const inside = listensInsideOnly(sockets, protocol, target.port);
    found.set(`${name} ${protocol} ${target.port}`, {
      code: inside ? 'listens-on-loopback' : 'nothing-listens',
      severity: 'error',
      protocol,
      ...(runtime && { runtime }),
      about: { container: name, port: target.port },
    });
  }
  return [...found.values()];
}

function findSwitchedOff({ world, mappings }: FindingInput): Fault[] {
  const { forward4, bridgeCalls4 } = world.settings;
  const found: Fault[] = [];
  const leadsOn = mappings.some(({ target }) => findBridgeOf(world, target.address) !== null);
  if (forward4 === false && leadsOn) {
    found.push({ code: 'ip-forward-off', severity: 'error' });
  }
  if (bridgeCalls4 === false && world.userlandProxy === false && leadsOn) {
    found.push({ code: 'bridge-nf-off', severity: 'warning' });
  }
  return found;
}

function findHidden({ predictions }: FindingInput): Fault[] {
  const outside = predictions.filter(
    ({ vantage, path, sourceSeen }) =>
      vantage === 'outside' && path === 'docker-proxy' && sourceSeen !== null,
  );
  const [first] = outside;
  if (!first) return [];
  return [
    {
      code: 'source-lost',
      severity: 'warning',
      dialled: outside.map(({ to }) => to),
      seen: first.sourceSeen ?? '',
    },
  ];
}

function findLocalOnly({ mappings, world }: FindingInput): Fault[] {
  const local = mappings.filter(({ listens }) =>
    familyOf(listens.address) === 4
      ? listens.address.startsWith('127.')
      : listens.address === '::1',
  );
  const index = new RuleIndex(world.rules);
  return local
    .filter(
      ({ listens }) =>
        !mappings.some((other) => other.listens.port === listens.port && !local.includes(other)),
    )
    .map((mapping) => judgeLocal(mapping, predictNeighbour(world, index, mapping)));
}

/** A neighbour on the link may send a packet to 127.0.0.1 this way: only rules and routes stop it. */
function predictNeighbour(
  world: World,
  index: RuleIndex,
  { protocol, listens }: PortMapping,
): Forecast {
  const outer = world.devices.find(({ kind }) => kind === 'outside');
  const { address: to, port } = listens;
  const by = {
    kind: 'outside',
    device: outer?.name ?? null,
    source: null,
  } as const;
  const start = { protocol, port, to, family: familyOf(to), by };
  return predictAttempt(world, index, {
    vantage: 'outside',
    from: { kind: 'outside' },
    start,
  }).prediction;
}

function judgeLocal({ listens }: PortMapping, prediction: Forecast): Fault {
  const { path, why, rule, target } = prediction;
  return {
    code: 'published-on-loopback',
    severity: LEADS_NOWHERE.has(path) ? 'note' : 'warning',
    listens,
    neighbour: { path, why, rule, target },
  };
}

const LEADS_NOWHERE: ReadonlySet<Forecast['path']> = new Set(['dropped', 'refused', 'unknown']);
