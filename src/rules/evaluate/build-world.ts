/** The world that a prediction needs, from the topology, the rules and the settings that were read. */
import { formatEndpoint } from '../../model/address.js';
import type { Container, Device, Topology } from '../../model/topology.js';
import type { RuleSet } from '../../model/rules.js';
import type { PortMapping } from '../../model/target.js';
import type { HostSettings } from '../../model/settings.js';
import { findBridges, inferEngine } from './mappings.js';
import type { World, WorldContainer, WorldDevice, WorldSocket } from './world.js';

export interface WorldParts {
  readonly topology: Topology;
  readonly rules: RuleSet;
  readonly settings: HostSettings | null;
  readonly mappings: readonly PortMapping[];
  /** Whether the topology is of the same machine as the rules. */
  readonly measured: boolean;
}

export function buildWorld(parts: WorldParts): World {
  const { topology, rules, settings, mappings, measured } = parts;
  const host = topology.namespaces.find(({ inode }) => inode === topology.host);
  const devices = host ? toDevices(host.devices, topology, settings) : [];
  return {
    rules,
    devices: devices.length > 0 ? devices : findBridges(rules),
    routes: settings?.routes ?? [],
    sockets: listSockets(topology, topology.host),
    relays: topology.relays,
    containers: topology.containers
      .filter(({ pid }) => pid > 0 || !measured)
      .map((container) => toContainer(container, topology)),
    settings: readSwitches(settings),
    userlandProxy: judgeProxy(topology, rules).userlandProxy,
    published: mappings.map(({ protocol, listens }) => ({ protocol, ...listens })),
    measured: measured && devices.length > 0,
  };
}

/** Whether docker-proxy is used and which firewall, with the reason. */
export function judgeProxy(
  topology: Topology,
  rules: RuleSet,
): { firewall: 'iptables' | 'nftables' | null; userlandProxy: boolean | null; because: string } {
  const inferred = inferEngine(rules);
  const firewall = inferred?.firewall ?? null;
  const [relay] = topology.relays;
  if (relay) {
    const because = `${relay.command} (pid ${relay.pid}) runs and listens on ${formatEndpoint(relay.listens)}`;
    return { firewall, userlandProxy: true, because };
  }
  if (inferred) return { ...inferred };
  return {
    firewall,
    userlandProxy: null,
    because: 'no rule of Docker and no docker-proxy was found',
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

function toContainer(container: Container, topology: Topology): WorldContainer {
  const { name, namespace, networks } = container;
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
  };
}

/** Null where nobody knows who listens. */
function listSockets(topology: Topology, namespace: number): WorldSocket[] | null {
  const { listeners, unheard } = topology;
  if (listeners.length === 0 || unheard?.includes(namespace) === true) return null;
  return listeners
    .filter((listener) => listener.namespace === namespace)
    .map(({ protocol, local, pid, command }) => ({ protocol, ...local, pid, command }));
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
    // Without br_netfilter the files are not there, and bridged packets meet no rules.
    bridgeCalls4: get('bridge/bridge-nf-call-iptables', false),
    bridgeCalls6: get('bridge/bridge-nf-call-ip6tables', false),
    routeLocalnet: values === null ? null : routed,
  };
}
