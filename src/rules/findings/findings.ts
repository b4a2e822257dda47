/** What guides and forum threads end with: faults that rules, sockets and settings show, each with its remedy. */
import { formatEndpoint } from '../../model/address.js';
import type { Finding, Prediction } from '../../model/explain.js';
import type { PortMapping } from '../../model/target.js';
import { findSocket, listensInsideOnly, listSocketsFor } from '../evaluate/deliver.js';
import { jumpsTo, listRules } from '../evaluate/mappings.js';
import { predictAttempt, type Stopped } from '../evaluate/predict.js';
import { RuleIndex } from '../evaluate/rule-index.js';
import { familyOf, findBridgeOf, type World } from '../evaluate/world.js';
import { findFirewallFaults } from './firewalls.js';
import { findRoutingFaults } from './routing.js';

export interface FindingInput {
  readonly world: World;
  readonly mappings: readonly PortMapping[];
  readonly predictions: readonly Prediction[];
  /** Whether an engine of Docker serves this host. */
  readonly docker: boolean;
  /** Whether all rules that may be loaded were read. */
  readonly complete: boolean;
  /** What decides about the predictions, as codes; nothing when left out. */
  readonly stopped?: readonly Stopped[];
}

export function findFaults(input: FindingInput): Finding[] {
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

function findMissingChains({ world, docker, complete, mappings }: FindingInput): Finding[] {
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
      evidence: has
        ? 'the chain DOCKER of table nat is there, but no rule jumps to it'
        : 'ports are published, but no table has the chain DOCKER for NAT: something has flushed the rules',
      remedy: 'restart the engine, which makes its rules anew: systemctl restart docker',
    },
  ];
}

function findTwoBackends(world: World): Finding[] {
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
      evidence: `rules are loaded by iptables-legacy (${legacy.map(({ name }) => name).join(', ') || 'tables not read'}) and by iptables-nft (${nft.map(({ name }) => name).join(', ')}): a packet meets both, and each tool shows only its own`,
      remedy:
        'choose one (update-alternatives --config iptables), flush the other, and restart the engine',
    },
  ];
}

function findStaleRelays(world: World): Finding[] {
  if (!world.measured || world.containers.length === 0) return [];
  const held = new Set(
    world.containers.flatMap(({ places }) => places.map((place) => place.address)),
  );
  return world.relays.flatMap(({ pid, command, listens, target }): Finding[] => {
    if (!target || held.has(target.address) || !findBridgeOf(world, target.address)) return [];
    return [
      {
        code: 'stale-relay',
        severity: 'error',
        evidence: `${command} (pid ${pid}) listens on ${formatEndpoint(listens)} and leads to ${formatEndpoint(target)}, an address that no running container has`,
        remedy: `start the container again; if the port stays taken, end the relay: kill ${pid}`,
        about: { pid },
      },
    ];
  });
}

function findDeaf({ world, mappings }: FindingInput): Finding[] {
  const found = new Map<string, Finding>();
  for (const { protocol, target } of mappings) {
    const container = world.containers.find(({ places }) =>
      places.some(({ address }) => address === target.address),
    );
    const sockets = container ? listSocketsFor(container, target.port) : null;
    if (!container || !sockets) continue;
    const { name } = container;
    const socket = findSocket(
      sockets,
      protocol,
      target.address,
      target.port,
      familyOf(target.address),
    );
    if (socket) continue;
    const inside = listensInsideOnly(sockets, protocol, target.port);
    found.set(`${name} ${protocol} ${target.port}`, {
      code: inside ? 'listens-on-loopback' : 'nothing-listens',
      severity: 'error',
      evidence: inside
        ? `the process in ${name} listens on 127.0.0.1:${target.port} only: the container's own loopback, which no published port reaches`
        : `nothing in ${name} listens on ${protocol} port ${target.port}`,
      remedy: inside
        ? `make it listen on 0.0.0.0:${target.port} (an option such as bind or listen of the program)`
        : `look why it does not (docker logs ${name}), or publish the port that it listens on`,
      about: { container: name, port: target.port },
    });
  }
  return [...found.values()];
}

function findSwitchedOff({ world, mappings }: FindingInput): Finding[] {
  const { forward4, bridgeCalls4 } = world.settings;
  const found: Finding[] = [];
  const leadsOn = mappings.some(({ target }) => findBridgeOf(world, target.address) !== null);
  if (forward4 === false && leadsOn) {
    found.push({
      code: 'ip-forward-off',
      severity: 'error',
      evidence: 'net.ipv4.ip_forward is 0: nothing from outside is forwarded to a container',
      remedy: 'sysctl -w net.ipv4.ip_forward=1, and keep it in /etc/sysctl.d',
    });
  }
  if (bridgeCalls4 === false && world.userlandProxy === false && leadsOn) {
    found.push({
      code: 'bridge-nf-off',
      severity: 'warning',
      evidence:
        'net.bridge.bridge-nf-call-iptables is off and there is no docker-proxy: a container that dials a published port of its own network gets replies from the wrong address',
      remedy: 'modprobe br_netfilter and sysctl -w net.bridge.bridge-nf-call-iptables=1',
    });
  }
  return found;
}

function findHidden({ predictions }: FindingInput): Finding[] {
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
      evidence: `clients from outside who dial ${outside.map(({ to }) => to).join(', ')} come through docker-proxy: the container sees ${first.sourceSeen ?? ''} instead of their address`,
      remedy:
        'give the container an address of the same family (for IPv6: --ipv6 networks), or see that the DNAT rule is there',
    },
  ];
}

function findLocalOnly({ mappings, world }: FindingInput): Finding[] {
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

/** Whoever is on the link may send a packet to 127.0.0.1 this way: only rules and routes keep it out. */
function predictNeighbour(
  world: World,
  index: RuleIndex,
  { protocol, listens }: PortMapping,
): Prediction {
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
    from: 'outside',
    start,
  }).prediction;
}

function judgeLocal({ listens }: PortMapping, { path, why, rule, target }: Prediction): Finding {
  const port = `port ${listens.port} is published on ${listens.address} only`;
  if (path === 'dropped' || path === 'refused') {
    return {
      code: 'published-on-loopback',
      severity: 'note',
      evidence: `${port}, and what comes from elsewhere for it is ${path}: ${why}`,
      remedy: `if others should reach it, publish it without the address: -p ${listens.port}:…`,
    };
  }
  const remedy =
    'Docker 28 and newer drop such packets; before: iptables -t raw -I PREROUTING -d 127.0.0.0/8 ! -i lo -j DROP';
  if (path === 'unknown') {
    return {
      code: 'published-on-loopback',
      severity: 'note',
      evidence: `${port}; whether a neighbour on the link reaches it is not known: ${why}`,
      remedy,
    };
  }
  const by = rule === null ? '' : ` by "${rule}"`;
  return {
    code: 'published-on-loopback',
    severity: 'warning',
    evidence: `${port}, but a neighbour on the link reaches it: a packet to ${listens.address} that comes from there is sent to ${target ?? 'the container'}${by}`,
    remedy,
  };
}
