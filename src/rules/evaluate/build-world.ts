/** Builds the world that a prediction needs from the topology, the rules and the settings that were read. */
import { runtimeOf } from '../../model/runtime.js';
import type { ProxyReason } from '../../model/explain.js';
import type { Container, Device, Topology } from '../../model/topology.js';
import type { RuleSet } from '../../model/rules.js';
import type { PortMapping } from '../../model/target.js';
import type { HostSettings } from '../../model/settings.js';
import type { Inside } from '../../model/survey.js';
import { inferEngine } from './mappings.js';
import { findBridges, findWays } from './surroundings.js';
import type { World, WorldContainer, WorldDevice, WorldRouting, WorldSocket } from './world.js';

export interface WorldParts {
  readonly topology: Topology;
  readonly rules: RuleSet;
  /** As in World. */
  readonly unread?: readonly (4 | 6)[] | undefined;
  readonly settings: HostSettings | null;
  readonly mappings: readonly PortMapping[];
  /** Whether the topology and the rules come from the same machine. */
  readonly measured: boolean;
  /** The facts read inside containers, by the inode of their network namespace. */
  readonly insides?: ReadonlyMap<number, Inside> | undefined;
}

export function buildWorld(parts: WorldParts): World {
  const { topology, rules, settings, mappings, measured } = parts;
  const host = topology.namespaces.find(({ inode }) => inode === topology.host);
  const devices = host ? toDevices(host.devices, topology, settings) : [];
  return {
    rules,
    ...(parts.unread && { unread: parts.unread }),
    devices: devices.length > 0 ? devices : findBridges(rules),
    routes: settings?.routes ?? (devices.length > 0 ? [] : findWays(rules)),
    routing: toRouting(settings),
    sockets: listSockets(topology, topology.host),
    heard: topology.heard ?? null,
    relays: listOwnRelays(topology),
    containers: topology.containers
      .filter(({ pid }) => pid > 0 || !measured)
      .map((container) => toContainer(container, parts)),
    settings: readSwitches(settings),
    userlandProxy: judgeProxy(topology, rules).userlandProxy,
    published: mappings.map(({ protocol, listens }) => ({
      protocol,
      ...listens,
    })),
    measured: measured && devices.length > 0,
  };
}

/** Lists the host's own relays: a relay in a rootless engine's namespace may listen on the same address and port. */
function listOwnRelays({ relays }: Topology): Topology['relays'] {
  return relays.filter(({ namespace }) => namespace === undefined);
}

/** Tells whether docker-proxy is used, which firewall backend the engine uses, and why. */
export function judgeProxy(
  topology: Topology,
  rules: RuleSet,
): {
  firewall: 'iptables' | 'nftables' | null;
  userlandProxy: boolean | null;
  because: ProxyReason;
} {
  const inferred = inferEngine(rules);
  const firewall = inferred?.firewall ?? null;
  const [relay] = listOwnRelays(topology);
  if (relay) {
    const { command, pid, listens } = relay;
    const because = { code: 'relay-runs', command, pid, listens } as const;
    return { firewall, userlandProxy: true, because };
  }
  if (inferred) return { ...inferred };
  return {
    firewall,
    userlandProxy: null,
    because: { code: 'nothing-found' },
  };
}

const CONTAINER_BRIDGE =
  /^(docker\d+|docker_gwbridge|br-[0-9a-f]{12}|podman\d+|cni\d+|cni-podman\d+|nerdctl\d*|virbr\d+|lxcbr\d+|lxdbr\d+)$/;

function toDevices(
  devices: readonly Device[],
  topology: Topology,
  settings: HostSettings | null,
): WorldDevice[] {
  const used = new Set(
    topology.containers.flatMap(({ networks }) => networks.map((n) => n.bridge)),
  );
  const ways = new Set(
    settings?.routes.filter(({ gateway }) => gateway !== null).map(({ device }) => device),
  );
  return devices.map((device): WorldDevice => {
    const { name, kind, addresses, master } = device;
    const inner =
      kind === 'bridge' && (used.has(name) || CONTAINER_BRIDGE.test(name) || !ways.has(name));
    const place =
      kind === 'loopback' ? 'loopback' : inner ? 'bridge' : master !== null ? 'port' : 'outside';
    return { name, kind: place, networks: addresses };
  });
}

function toRouting(settings: HostSettings | null): WorldRouting | null {
  const { routing, values } = settings ?? {};
  return routing && values ? { facts: routing, values } : null;
}

function toContainer(container: Container, parts: WorldParts): WorldContainer {
  const { name, namespace, networks } = container;
  const { topology } = parts;
  // A container that joined another's namespace answers at the other's addresses.
  const shared = topology.containers.filter(
    (other) => namespace !== null && other.namespace === namespace,
  );
  const owned = networks.length > 0 ? networks : shared.flatMap((other) => other.networks);
  return {
    name,
    places: owned.flatMap(({ bridge, addresses }) =>
      addresses.map((address) => ({ bridge, address })),
    ),
    sockets: namespace === null ? null : listSockets(topology, namespace),
    heard: topology.heard ?? null,
    inside: namespace === null ? null : buildInside(namespace, parts),
    ...(container.engine && { runtime: runtimeOf(container) }),
  };
}

/** Treats the container's namespace as a host: all its devices except lo are outer ones, and it has no relays. */
function buildInside(namespace: number, { topology, insides }: WorldParts): World | null {
  const inside = insides?.get(namespace);
  const info = topology.namespaces.find(({ inode }) => inode === namespace);
  if (!inside || !info || namespace === topology.host) return null;
  const { rules, settings } = inside;
  return {
    rules,
    devices: info.devices.map(({ name, kind, addresses }) => ({
      name,
      networks: addresses,
      kind: kind === 'loopback' ? 'loopback' : 'outside',
    })),
    routes: settings.routes,
    routing: toRouting(settings),
    sockets: listSockets(topology, namespace),
    heard: topology.heard ?? null,
    relays: [],
    containers: [],
    published: [],
    settings: readSwitches(settings),
    userlandProxy: null,
    measured: true,
  };
}

/** Returns null if it is unknown who listens. */
function listSockets(topology: Topology, namespace: number): WorldSocket[] | null {
  const { listeners, listened, unheard } = topology;
  if (unheard?.includes(namespace) === true) return null;
  if (listeners.length === 0 && listened !== true) return null;
  return listeners
    .filter((listener) => listener.namespace === namespace)
    .map(({ protocol, local, pid, command }) => ({
      protocol,
      ...local,
      pid,
      command,
    }));
}

function readSwitches(settings: HostSettings | null): World['settings'] {
  const values = settings?.values ?? null;
  const get = (name: string, absent: boolean | null): boolean | null => {
    const value = values?.get(name);
    if (value !== undefined) return value !== '0';
    return values === null ? null : absent;
  };
  const routed = [...(values ?? [])].flatMap(([name, value]) => {
    const device = /^ipv4\/conf\/(.*)\/route_localnet$/.exec(name)?.[1];
    return device !== undefined && value !== '0' ? [device] : [];
  });
  return {
    forward4: get('ipv4/ip_forward', null),
    forward6: get('ipv6/conf/all/forwarding', false),
    // Without br_netfilter these files do not exist, and bridged packets meet no rules.
    bridgeCalls4: get('bridge/bridge-nf-call-iptables', false),
    bridgeCalls6: get('bridge/bridge-nf-call-ip6tables', false),
    routeLocalnet: values === null ? null : routed,
  };
}
