/** The facts behind a prediction: one host's rules, devices, settings and sockets. Unknown facts are null. */
import type { Runtime } from '../../model/runtime.js';
import { canonicalAddress } from '../../model/address.js';
import type { Protocol } from '../../model/event.js';
import { isEverything, isInNetwork, parseRange, parseAddressNumber } from '../../model/range.js';
import type { Routing } from '../../model/routing.js';
import type { RuleSet } from '../../model/rules.js';

export interface WorldDevice {
  readonly name: string;
  readonly kind: 'loopback' | 'bridge' | 'port' | 'outside';
  /** Addresses with prefix length. */
  readonly networks: readonly string[];
}

export interface WorldRoute {
  /** Network with prefix length; `0.0.0.0/0` and `::/0` for the default. */
  readonly destination: string;
  readonly device: string;
  readonly source: string | null;
}

export interface WorldSocket {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly pid: number | null;
  readonly command: string | null;
}

export interface WorldContainer {
  readonly name: string;
  /** Name of the bridge and address on it. */
  readonly places: readonly { readonly bridge: string | null; readonly address: string }[];
  /** Null when they could not be read. */
  readonly sockets: readonly WorldSocket[] | null;
  /** The only ports whose sockets are known; null or left out where all are. */
  readonly heard?: readonly number[] | null;
  /** Its own namespace as a host of its own; null or left out if it was not read. */
  readonly inside?: World | null;
  /** Which engine runs it, where that is not the machine's Docker. */
  readonly runtime?: Runtime;
}

/** Policy rules, routes of all tables, links and neighbours, with the settings that routing uses. */
export interface WorldRouting {
  readonly facts: Routing;
  readonly values: ReadonlyMap<string, string>;
}

export interface WorldRelay {
  readonly pid: number;
  readonly command: string;
  readonly protocol: Protocol;
  readonly listens: { readonly address: string; readonly port: number };
  readonly target: { readonly address: string; readonly port: number } | null;
}

export interface World {
  readonly rules: RuleSet;
  /** Versions of IP whose rules are not known; left out if all rules are. */
  readonly unread?: readonly (4 | 6)[];
  readonly devices: readonly WorldDevice[];
  readonly routes: readonly WorldRoute[];
  /**
   * Null or left out if it was not read. Packets then go by `routes` and the networks of devices, as on a plain host.
   */
  readonly routing?: WorldRouting | null;
  /** Of the host's namespace; null when they could not be read. */
  readonly sockets: readonly WorldSocket[] | null;
  /** The only ports whose sockets are known; null or left out where all are. */
  readonly heard?: readonly number[] | null;
  readonly relays: readonly WorldRelay[];
  readonly containers: readonly WorldContainer[];
  readonly settings: {
    readonly forward4: boolean | null;
    readonly forward6: boolean | null;
    /** Whether bridged packets meet the rules (net.bridge.bridge-nf-call-iptables, …-ip6tables). */
    readonly bridgeCalls4: boolean | null;
    readonly bridgeCalls6: boolean | null;
    /** Devices on which 127.0.0.0/8 may be routed; `all` for every one. Null when not known. */
    readonly routeLocalnet: readonly string[] | null;
  };
  /** Whether docker-proxy is used, as inferred; null if nothing tells. */
  readonly userlandProxy: boolean | null;
  /** Where docker-proxy would listen if it is used. */
  readonly published: readonly {
    readonly protocol: Protocol;
    readonly address: string;
    readonly port: number;
  }[];
  /** Whether devices and addresses come from the machine; false if they are derived from a saved rule set. */
  readonly measured: boolean;
}

export function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** The host's own addresses, without prefix length. */
function listOwnAddresses(world: World): string[] {
  return world.devices.flatMap(({ networks }) => networks.map(stripPrefix));
}

export function stripPrefix(network: string): string {
  return canonicalAddress(network.replace(/\/.*$/, '')) ?? network;
}

export function isOwnAddress(world: World, address: string): boolean {
  if (address === '::1' || address.startsWith('127.')) return true;
  return listOwnAddresses(world).includes(address);
}

/** The bridge whose network holds an address; null for none. */
export function findBridgeOf(world: World, address: string): WorldDevice | null {
  return (
    world.devices.find(
      ({ kind, networks }) =>
        kind === 'bridge' && networks.some((network) => isInNetwork(address, network)),
    ) ?? null
  );
}

/** The device that leads to an address, and the source that the host would choose; null when no route is known. */
export function findWorldRoute(
  world: World,
  address: string,
): { device: string; source: string | null } | null {
  let best: { route: WorldRoute; length: bigint } | null = null;
  const number = parseAddressNumber(address);
  for (const route of world.routes) {
    const range = parseRange(route.destination);
    if (!range || !number || !isInNetwork(address, route.destination)) continue;
    const length = range.high - range.low;
    if (best === null || length < best.length) best = { route, length };
  }
  if (best && !isDefault(best.route)) return fill(world, best.route, address);
  const near = world.devices.find(({ networks }) =>
    networks.some((network) => isInNetwork(address, network)),
  );
  if (near) return { device: near.name, source: chooseSource(near, address) };
  return best && fill(world, best.route, address);
}

function isDefault(route: WorldRoute): boolean {
  const range = parseRange(route.destination);
  return range !== null && isEverything(range);
}

function fill(
  world: World,
  route: WorldRoute,
  address: string,
): { device: string; source: string | null } {
  const device = world.devices.find(({ name }) => name === route.device);
  const source = route.source ?? (device ? chooseSource(device, address) : null);
  return { device: route.device, source };
}

/**
 * Chooses the device's address for a target: the one in the target's network, else the first. IPv6 link-local addresses
 * are never chosen.
 */
export function chooseSource(device: WorldDevice, address: string): string | null {
  const fitting = device.networks.filter(
    (network) => familyOf(network) === familyOf(address) && !/^fe80:/i.test(network),
  );
  const near = fitting.find((network) => isInNetwork(address, network)) ?? fitting[0];
  return near === undefined ? null : stripPrefix(near);
}

/**
 * Whether packets between ports of a bridge meet the rules, by the bridge's own setting or the global one; null if
 * unknown.
 */
export function callsRules(
  { settings, routing }: World,
  bridge: string,
  family: 4 | 6,
): boolean | null {
  const own = routing?.facts.links.find(({ name }) => name === bridge)?.bridge;
  if ((family === 4 ? own?.calls4 : own?.calls6) === true) return true;
  return family === 4 ? settings.bridgeCalls4 : settings.bridgeCalls6;
}
