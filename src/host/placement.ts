/** Assigns the engine's containers to network namespaces, and detects an engine that serves another host. */
import type { Container, Device } from '../model/topology.js';
import type { EngineContainer } from './docker-answers.js';

export interface Placement {
  readonly containers: readonly Container[];
  /** Inode of the namespace that the engine serves instead; null when nothing contradicts that it serves this host. */
  readonly servesOther: number | 'unknown' | null;
}

export interface PlacementInput {
  /** Inode of the host's namespace. */
  readonly host: number;
  readonly containers: readonly EngineContainer[];
  /** Network namespace of a container's first process, by pid, where it could be read. */
  readonly namespaces: ReadonlyMap<number, number>;
  readonly devices: ReadonlyMap<number, readonly Device[]>;
  /** Namespaces of rootless engines that this host's port drivers lead to: their containers belong to this host. */
  readonly rootless?: ReadonlySet<number>;
}

/** An engine behind `DOCKER_HOST` may run elsewhere: its pids and names are then wrong here, so they are not used. */
export function placeContainers(input: PlacementInput): Placement {
  const containers = input.containers.map((container) => place(container, input));
  for (const container of containers) {
    const other = findOtherHost(container, input);
    if (other !== null) return { containers: [], servesOther: other };
  }
  return { containers, servesOther: null };
}

function place(container: EngineContainer, input: PlacementInput): Container {
  const namespace = input.namespaces.get(container.pid) ?? null;
  const bridge = findBridge(namespace, input);
  const networks = container.networks.map((network) => ({
    ...network,
    bridge:
      network.bridge ?? (container.networks.length === 1 && hasAddress(network) ? bridge : null),
  }));
  return { ...container, networks, namespace };
}

function hasAddress(network: { addresses: readonly string[] }): boolean {
  return network.addresses.length > 0;
}

/** The bridge that a namespace's only veth is attached to, for engines that do not report it. */
function findBridge(namespace: number | null, input: PlacementInput): string | null {
  const veths = devicesOf(namespace, input).filter((device) => device.kind === 'veth');
  const [veth] = veths;
  if (veths.length !== 1 || !isOurs(veth?.peerNamespace ?? null, input)) return null;
  const devices = devicesOf(veth?.peerNamespace ?? null, input);
  const port = devices.find((device) => device.ifindex === veth?.peerIfindex);
  return devices.find((device) => device.ifindex === port?.master)?.name ?? null;
}

/** The namespace of the host that this container belongs to, if that is certainly not the one traced. */
function findOtherHost(container: Container, input: PlacementInput): number | 'unknown' | null {
  const { namespace, networkMode } = container;
  if (namespace === null) return null;
  if (networkMode === 'host') return isOurs(namespace, input) ? null : namespace;
  const devices = devicesOf(namespace, input);
  const addresses = container.networks.flatMap((network) => network.addresses);
  if (devices.length === 0 || addresses.length === 0) return null;
  const held = devices.flatMap((device) => device.addresses.map((text) => text.split('/')[0]));
  if (!addresses.some((address) => held.includes(address))) return 'unknown';
  const peers = devices.flatMap(({ peerNamespace }) => peerNamespace ?? []);
  if (isOurs(namespace, input) || peers.some((peer) => isOurs(peer, input))) return null;
  const bridges = container.networks.flatMap((network) => network.bridge ?? []);
  const other = peers.find((peer) =>
    devicesOf(peer, input).some(({ kind, name }) => kind === 'bridge' && bridges.includes(name)),
  );
  return other ?? null;
}

function isOurs(namespace: number | null, { host, rootless }: PlacementInput): boolean {
  return namespace !== null && (namespace === host || rootless?.has(namespace) === true);
}

function devicesOf(inode: number | null, input: PlacementInput): readonly Device[] {
  return inode === null ? [] : (input.devices.get(inode) ?? []);
}
