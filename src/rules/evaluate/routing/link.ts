/**
 * Checks the last step on the link: from a host device to a container, through bridge ports, neighbours and filters.
 */
import type { LinkFacts, Routing } from '../../../model/routing.js';
import type { World, WorldContainer } from '../world.js';
import { drop, leaveOpen, type RouteStop } from './stops.js';

/** A container's own device, and the host's end of it. */
export interface Wire {
  readonly inner: LinkFacts;
  /** The host's end of its veth, or the device that a macvlan or ipvlan is stacked on; null if it is not found. */
  readonly outer: LinkFacts | null;
}

/** Finds the wire that leads to an address of a container; null if the container's namespace was not read. */
export function findWire(world: World, container: WorldContainer, address: string): Wire | null {
  const { inside } = container;
  const name = inside?.devices.find(({ networks }) =>
    networks.some((network) => network.replace(/\/.*$/, '') === address),
  )?.name;
  return name === undefined ? null : findWireOf(world, container, name);
}

export function findWireOf(world: World, container: WorldContainer, name: string): Wire | null {
  const links = container.inside?.routing?.facts.links;
  const inner = links?.find((link) => link.name === name);
  if (!inner) return null;
  const candidate = world.routing?.facts.links.find(({ ifindex }) => ifindex === inner.parent);
  // Device numbers are unique only inside a namespace: the two ends of a veth name each other.
  const isEnd = candidate && (isStacked(inner) || candidate.parent === inner.ifindex);
  return { inner, outer: isEnd ? candidate : null };
}

export function isStacked({ kind }: LinkFacts): boolean {
  return kind === 'macvlan' || kind === 'ipvlan' || kind === 'macvtap' || kind === 'ipvtap';
}

/**
 * Finds a program attached to a device, or to one below it, that decides in addition to the rules; null if none is known.
 */
export function findProgram(
  facts: Routing,
  device: string,
  direction: 'ingress' | 'egress',
): RouteStop | null {
  for (const name of [device, ...listBelow(facts, device)]) {
    const program = findOwnProgram(facts, name, direction);
    if (program) return program;
  }
  return null;
}

function findOwnProgram(
  facts: Routing,
  device: string,
  direction: 'ingress' | 'egress',
): RouteStop | null {
  const link = facts.links.find(({ name }) => name === device);
  if (direction === 'ingress' && link?.xdp === true) {
    return leaveOpen('filter', { code: 'xdp-program', device });
  }
  const isHere = (one: { readonly device: string; readonly direction: string }): boolean =>
    one.device === device && one.direction === direction;
  if (facts.programs?.devices?.some(isHere) === true) {
    return leaveOpen('filter', { code: 'tcx-program', device, direction });
  }
  const filter = facts.filters?.find(isHere);
  if (!filter) return null;
  const { kind } = filter;
  return leaveOpen('filter', { code: 'traffic-filter', device, kind, direction });
}

const CARRIED = new Set(['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'macsec']);

/** Lists the devices of the same namespace that carry a device's frames: that of a VLAN, those of a bond. */
function listBelow({ links }: Routing, device: string): string[] {
  const link = links.find(({ name }) => name === device);
  if (!link) return [];
  const { kind, parent } = link;
  const carries = (other: LinkFacts): boolean =>
    kind === 'bond' || kind === 'team'
      ? other.master === device
      : CARRIED.has(kind ?? '') && other.ifindex === parent;
  return links.filter((other) => other !== link && carries(other)).map(({ name }) => name);
}

/** Finds a program on one of a bridge's ports that lead out of the host. */
export function findPortProgram(
  facts: Routing,
  bridge: string,
  direction: 'ingress' | 'egress',
): RouteStop | null {
  for (const { name, kind, master } of facts.links) {
    const leadsOut = master === bridge && kind !== 'veth' && kind !== 'tun';
    const program = leadsOut ? findProgram(facts, name, direction) : null;
    if (program) return program;
  }
  return null;
}

/** Does the same on the host, if its routing was read and the device is known. */
export function findProgramAt(
  { routing }: World,
  device: unknown,
  direction: 'ingress' | 'egress',
): RouteStop | null {
  return routing && typeof device === 'string'
    ? findProgram(routing.facts, device, direction)
    : null;
}

/**
 * Checks whether frames pass between a bridge and one of its ports.
 * @param direction to the container, or from it.
 */
export function checkPort(
  facts: Routing,
  port: LinkFacts,
  direction: 'to' | 'from',
): RouteStop | null {
  const { name, master } = port;
  const program = findProgram(facts, name, direction === 'to' ? 'egress' : 'ingress');
  if (program) return program;
  if (!port.up) return drop('bridge-port', { code: 'port-down', port: name, bridge: master });
  const bridge = facts.links.find((link) => link.name === master);
  if (bridge?.bridge?.vlans === true) {
    return leaveOpen('bridge-port', { code: 'vlan-filter', bridge: bridge.name });
  }
  if (port.port && !port.port.forwards) {
    return drop('bridge-port', { code: 'port-blocked', port: name, bridge: master });
  }
  if (direction === 'to' && port.port?.floods === false) {
    return leaveOpen('bridge-port', { code: 'port-floods-not', port: name });
  }
  if (port.port?.locked === true) {
    return leaveOpen('bridge-port', { code: 'port-locked', port: name });
  }
  return null;
}

/** Checks whether frames pass between two ports of one bridge. */
export function checkPair(facts: Routing, from: LinkFacts, to: LinkFacts): RouteStop | null {
  if (from.name === to.name && from.port?.hairpin !== true) {
    return drop('bridge-port', { code: 'no-hairpin', port: from.name });
  }
  if (from.port?.isolated === true && to.port?.isolated === true) {
    const ports = [...new Set([from.name, to.name])];
    return drop('bridge-port', { code: 'isolated', ports, bridge: to.master });
  }
  return checkPort(facts, from, 'from') ?? checkPort(facts, to, 'to');
}

/** A manual forwarding entry of the bridge may send frames for the container out by another port. */
export function checkForwarding(facts: Routing, { inner, outer }: Wire): RouteStop | null {
  const bridge = outer?.master ?? null;
  if (bridge === null) return null;
  const entry = facts.forwarding?.find(
    ({ port, lladdr }) =>
      lladdr === inner.address &&
      port !== outer?.name &&
      facts.links.some(({ name, master }) => name === port && master === bridge),
  );
  return entry
    ? leaveOpen('bridge-port', {
        code: 'forwarded-elsewhere',
        port: entry.port,
        bridge,
        lladdr: entry.lladdr,
      })
    : null;
}

/** A manual neighbour entry decides without asking the neighbour: it may name another hardware address. */
export function checkNeighbour(
  facts: Routing,
  device: string,
  address: string,
  lladdr: string | null,
): RouteStop | null {
  const entry = facts.neighbours.find((one) => one.device === device && one.address === address);
  if (!entry?.state.some((state) => state === 'PERMANENT')) return null;
  if (lladdr !== null && entry.lladdr === lladdr) return null;
  const fields = { address, device, lladdr: entry.lladdr, own: lladdr };
  const why = { code: 'fixed-neighbour', ...fields } as const;
  return lladdr === null ? leaveOpen('neighbour', why) : drop('neighbour', why);
}
