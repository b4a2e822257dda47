/** Builds the map of a host for its document: bridges with their members, containers, relays, sockets, settings. */
import { formatEndpoint } from '../model/address.js';
import type { HostSettings } from '../model/settings.js';
import type { Explanation } from '../model/explain.js';
import type { Inside } from '../model/survey.js';
import type { Device, Topology } from '../model/topology.js';
import { namePlaces, type Places } from '../prove/hops/places.js';

type Map = Pick<
  Explanation,
  'bridges' | 'containers' | 'relays' | 'sockets' | 'socketPorts' | 'socketsUnread' | 'host'
>;

interface MapParts {
  readonly topology: Topology;
  readonly settings: HostSettings | null;
  /** Ports whose sockets are listed, on the host and in containers. */
  readonly ports: readonly number[];
  readonly insides: ReadonlyMap<number, Inside> | undefined;
}

export function describeMap({ topology, settings, ports, insides }: MapParts): Map {
  const host = topology.namespaces.find(({ inode }) => inode === topology.host);
  const devices = host?.devices ?? [];
  const places = namePlaces(topology);
  return {
    bridges: listBridges(topology, devices),
    containers: listContainers(topology, insides),
    relays: listRelays(topology, ports),
    sockets: listSockets(topology, ports, places),
    socketPorts: topology.listeners.length > 0 || topology.listened === true ? [...ports] : [],
    ...(topology.unheard && {
      socketsUnread: topology.unheard.map((inode) => places.namespace(inode)),
    }),
    host: {
      devices: devices
        .filter(({ addresses }) => addresses.length > 0)
        .map(({ name, kind, addresses }) => ({ name, kind, addresses: [...addresses] })),
      routes: [...(settings?.routes ?? [])],
      settings: Object.fromEntries(settings?.values ?? []),
      ...(settings?.routing && { routing: settings.routing }),
    },
  };
}

function listBridges(topology: Topology, devices: readonly Device[]): Map['bridges'] {
  return devices
    .filter(({ kind }) => kind === 'bridge')
    .map((bridge) => ({
      name: bridge.name,
      addresses: [...bridge.addresses],
      members: devices
        .filter(({ master }) => master === bridge.ifindex)
        .map((device) => describeMember(topology, device)),
    }));
}

function listContainers(topology: Topology, insides: MapParts['insides']): Map['containers'] {
  return topology.containers
    .filter(({ pid }) => pid > 0)
    .map(({ name, namespace, networks, published, pod, infra, compose }) => ({
      name,
      namespace,
      ...(pod !== undefined && { pod }),
      ...(infra && { infra }),
      ...(compose && { compose }),
      published: [...published],
      places: networks.flatMap(({ bridge, addresses }) =>
        addresses.map((address) => ({ bridge, address })),
      ),
      ...describeInside(namespace === null ? undefined : insides?.get(namespace)),
    }));
}

/** Relays in the host's namespace that listen on one of the ports or forward to it. */
function listRelays(topology: Topology, ports: readonly number[]): Map['relays'] {
  return topology.relays
    .filter(
      ({ listens, target, namespace }) =>
        namespace === undefined &&
        [listens.port, target?.port].some((port) => port !== undefined && ports.includes(port)),
    )
    .map(({ pid, command, arguments: words, protocol, listens, target }) => ({
      pid,
      command,
      arguments: [...words],
      protocol,
      listens: formatEndpoint(listens),
      target: target && formatEndpoint(target),
    }));
}

function listSockets(topology: Topology, ports: readonly number[], places: Places): Map['sockets'] {
  return topology.listeners
    .filter(({ local }) => ports.includes(local.port))
    .map(({ namespace, protocol, local, pid, command, container }) => ({
      namespace: places.namespace(namespace),
      protocol,
      address: formatEndpoint(local),
      pid,
      command,
      ...(container !== undefined && { container }),
    }));
}

/** The document holds only the number of rules inside, which tells whether there are any. */
function describeInside(
  inside: Inside | undefined,
): Pick<Explanation['containers'][number], 'inside'> {
  if (!inside?.settings.routing || !inside.settings.values) return {};
  const { rules, complete, settings } = inside;
  const chains = rules.tables.flatMap((table) => table.chains);
  const count = chains.reduce(
    (sum, chain) => sum + chain.rules.length + Number(chain.policy === 'drop'),
    0,
  );
  return {
    inside: {
      rules: complete ? count : null,
      routing: inside.settings.routing,
      settings: Object.fromEntries(settings.values ?? []),
    },
  };
}

/** A bridge port and its veth peer, which is found by ifindex and namespace. */
function describeMember(
  topology: Topology,
  device: Device,
): Map['bridges'][number]['members'][number] {
  const { name, ifindex, peerIfindex, peerNamespace } = device;
  const inside = topology.namespaces.find(({ inode }) => inode === peerNamespace);
  const peer = inside?.devices.find((mate) => mate.ifindex === peerIfindex);
  const address = peer?.addresses.find((text) => !/^fe80:/i.test(text)) ?? null;
  return {
    interface: name,
    ifindex,
    peerIfindex,
    peerName: peer?.name ?? null,
    container: inside?.role === 'host' ? null : (inside?.name ?? null),
    address: address?.split('/')[0] ?? null,
  };
}
