/** The last step on the wire: from a device of the host to a container, through bridge ports, neighbours and filters. */
import type { LinkFacts, Routing } from '../../../model/routing.js';
import { findContainerAt } from '../deliver.js';
import type { World, WorldContainer } from '../world.js';
import type { Stop } from './stops.js';

/** A container's own device, and the host's end of it. */
export interface Wire {
  readonly inner: LinkFacts;
  /** The host's end of its veth, or the device that a macvlan or ipvlan is stacked on; null where it is not found. */
  readonly outer: LinkFacts | null;
}

/** The wire that leads to an address of a container; null where its inside was not read. */
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
  // The numbers of devices are those of a namespace: a veth's ends name each other.
  const isEnd = candidate && (isStacked(inner) || candidate.parent === inner.ifindex);
  return { inner, outer: isEnd ? candidate : null };
}

export function isStacked({ kind }: LinkFacts): boolean {
  return kind === 'macvlan' || kind === 'ipvlan' || kind === 'macvtap' || kind === 'ipvtap';
}

/** What is attached to a device and decides beside the rules; null for nothing that is known of. */
export function findProgram(
  facts: Routing,
  device: string,
  direction: 'ingress' | 'egress',
): Stop | null {
  const link = facts.links.find(({ name }) => name === device);
  if (direction === 'ingress' && link?.xdp === true) return blame(`an XDP program on ${device}`);
  const filter = facts.filters?.find((one) => one.device === device && one.direction === direction);
  return filter
    ? blame(`a traffic filter (tc, ${filter.kind}) on ${device} for ${direction}`)
    : null;
}

/** The same of the host, where its routing was read and the device is known. */
export function findProgramAt(
  { routing }: World,
  device: unknown,
  direction: 'ingress' | 'egress',
): Stop | null {
  return routing && typeof device === 'string'
    ? findProgram(routing.facts, device, direction)
    : null;
}

function blame(what: string): Stop {
  const why = `${what} decides here besides the rules, and what it does is not read`;
  return { code: 'filter', end: 'unknown', why, obstacle: null };
}

/**
 * Whether frames pass between a bridge and one of its ports.
 * @param direction towards the container, or from it.
 */
export function checkPort(facts: Routing, port: LinkFacts, direction: 'to' | 'from'): Stop | null {
  const { name, master } = port;
  const program = findProgram(facts, name, direction === 'to' ? 'egress' : 'ingress');
  if (program) return program;
  if (!port.up)
    return lose(
      'bridge-port',
      `${name}, the container's port on ${master ?? 'its bridge'}, is down`,
    );
  const bridge = facts.links.find((link) => link.name === master);
  if (bridge?.bridge?.vlans === true) {
    return doubt(
      'bridge-port',
      `${bridge.name} filters VLANs, and which its ports are in is not read`,
    );
  }
  if (port.port && !port.port.forwards) {
    return lose(
      'bridge-port',
      `${name}, the container's port on ${master ?? 'its bridge'}, is not in the state forwarding`,
    );
  }
  if (port.port?.locked === true) {
    return doubt('bridge-port', `${name} is a locked port, and whom it lets in is not read`);
  }
  return null;
}

/** Between two ports of one bridge. */
export function checkPair(facts: Routing, from: LinkFacts, to: LinkFacts): Stop | null {
  if (from.name === to.name && from.port?.hairpin !== true) {
    return lose(
      'bridge-port',
      `it would have to go back by ${from.name}, the port that it came from, which is not in hairpin mode`,
    );
  }
  if (from.port?.isolated === true && to.port?.isolated === true) {
    const both =
      from.name === to.name
        ? `${to.name} is an isolated port`
        : `${from.name} and ${to.name} are isolated ports`;
    return lose('bridge-port', `${both} of ${to.master ?? 'their bridge'}`);
  }
  return checkPort(facts, from, 'from') ?? checkPort(facts, to, 'to');
}

/** Between the ports of two containers, by their addresses. */
export function checkPorts(world: World, client: string | null, to: string | null): Stop | null {
  const { facts } = world.routing ?? {};
  const [from, there] = [client, to].map((address) => {
    const container = address === null ? null : findContainerAt(world, address);
    return container && address !== null
      ? (findWire(world, container, address)?.outer ?? null)
      : null;
  });
  return facts && from && there ? checkPair(facts, from, there) : null;
}

/** An entry made by hand decides without asking the neighbour: it may name another one. */
export function checkNeighbour(
  facts: Routing,
  device: string,
  address: string,
  lladdr: string | null,
): Stop | null {
  const entry = facts.neighbours.find((one) => one.device === device && one.address === address);
  if (!entry?.state.some((state) => state === 'PERMANENT')) return null;
  const what = `the neighbour entry of ${address} on ${device} is permanent (${entry.lladdr ?? 'without an address'})`;
  if (lladdr === null)
    return doubt('neighbour', `${what}, and whether that is its hardware address is not known`);
  return entry.lladdr === lladdr
    ? null
    : lose('neighbour', `${what}, and not ${lladdr}, which is its own`);
}

function lose(code: Stop['code'], why: string): Stop {
  return { code, end: 'dropped', why, obstacle: why };
}

function doubt(code: Stop['code'], why: string): Stop {
  return { code, end: 'unknown', why, obstacle: null };
}
