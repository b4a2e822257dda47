/** Finds who is on a bridge: this is known only if every port leads to a container whose namespace was read. */
import { stripPrefix, type World, type WorldContainer } from '../world.js';
import { findContainerAt } from '../deliver.js';
import { checkForwarding, checkPair, findWire, findWireOf } from './link.js';
import { drop, leaveOpen, type RouteStop } from './stops.js';
import { readLargest, readSetting } from './sysctl.js';

/**
 * Lists the containers with a device on a bridge; null if a port leads elsewhere or to a namespace that was not read.
 */
function listMembers(world: World, bridge: string): readonly WorldContainer[] | null {
  const ports = world.routing?.facts.links.filter(({ master }) => master === bridge);
  if (!ports || ports.length === 0) return null;
  const members: WorldContainer[] = [];
  for (const port of ports) {
    const member = world.containers.find((container) =>
      container.inside?.routing?.facts.links.some(
        ({ name }) => findWireOf(world, container, name)?.outer?.name === port.name,
      ),
    );
    if (!member) return null;
    members.push(member);
  }
  return members;
}

/** Whether nobody receives a frame to this hardware address: neither the host nor a container on the bridge has it. */
export function isNobodys(world: World, bridge: string, lladdr: string): boolean {
  const members = listMembers(world, bridge);
  if (!members) return false;
  return ![world, ...members.flatMap(({ inside }) => inside ?? [])].some((place) =>
    place.routing?.facts.links.some(({ address }) => address === lladdr),
  );
}

/** A neighbour whose hardware address is asked for. */
interface Asked {
  readonly bridge: string;
  /** The device in the container that asks. */
  readonly device: string;
  readonly address: string;
}

/**
 * Whether nobody on the bridge answers a request for an IPv4 address. A host answers for all its addresses on every
 * device.
 */
export function isUnanswered(
  world: World,
  container: WorldContainer,
  { bridge, device, address }: Asked,
): boolean {
  if (address.includes(':')) return false;
  const members = listMembers(world, bridge);
  const { facts, values } = world.routing ?? {};
  if (!members || !facts || !values || readLargest(values, 'proxy_arp', bridge) !== 0) return false;
  const known = container.inside?.routing?.facts.neighbours.some(
    (entry) =>
      entry.device === device && entry.address === address && entry.state.includes('PERMANENT'),
  );
  if (known !== false) return false;
  const places = [world, ...members.flatMap(({ inside }) => inside ?? [])];
  const has = (place: World): boolean =>
    place.devices.some(({ networks }) => networks.some((own) => stripPrefix(own) === address)) ||
    (place.routing?.facts.routes ?? []).some(
      ({ type, destination }) => type === 'local' && stripPrefix(destination) === address,
    );
  return !places.some(has) && members.every(({ inside }) => answersForItself(inside));
}

/**
 * Whether nobody on the bridge answers when the host asks for an address: neither a container nor the host has it, and
 * nobody answers for others.
 */
function isAbsent(world: World, bridge: string, address: string): boolean {
  const members = listMembers(world, bridge);
  const { facts, values } = world.routing ?? {};
  if (!members || !facts || !values) return false;
  const fixed = facts.neighbours.some(
    (entry) =>
      entry.device === bridge && entry.address === address && entry.state.includes('PERMANENT'),
  );
  const has = ({ devices }: World): boolean =>
    devices.some(({ networks }) => networks.some((own) => stripPrefix(own) === address));
  const insides = members.flatMap(({ inside }) => inside ?? []);
  if (fixed || [world, ...insides].some(has)) return false;
  const answers = address.includes(':') ? answersNobody : answersForItself;
  return members.every(({ inside }) => answers(inside));
}

/**
 * Checks an address that the engine gave to a container but that no device of the container has: it was removed, or the
 * device has no IPv6. Null if the address is there, or if the namespace was not read.
 */
export function checkPresence(
  world: World,
  container: WorldContainer,
  address: string,
): RouteStop | null {
  const { inside, name, places } = container;
  if (!inside?.routing || !inside.devices.some(({ networks }) => networks.length > 0)) return null;
  if (findWire(world, container, address)) return null;
  const why = { code: 'address-gone', container: name, address } as const;
  const bridge = places.find((place) => place.address === address)?.bridge ?? null;
  return bridge !== null && isAbsent(world, bridge, address)
    ? drop('neighbour', why)
    : leaveOpen('neighbour', why);
}

/** Whether it answers no IPv6 neighbour solicitation for other hosts (`proxy_ndp` is off). */
function answersNobody(inside: World | null | undefined): boolean {
  const { facts, values } = inside?.routing ?? {};
  if (!facts || !values) return false;
  const names = ['all', ...facts.links.filter(({ kind }) => kind !== null).map(({ name }) => name)];
  return names.every((name) => readSetting(values, `ipv6/conf/${name}/proxy_ndp`) === 0);
}

/** Whether it answers ARP requests only for its own addresses. */
function answersForItself(inside: World | null | undefined): boolean {
  const { facts, values } = inside?.routing ?? {};
  return (
    facts !== undefined &&
    values !== undefined &&
    facts.links.every(
      ({ name, kind }) => kind === null || readLargest(values, 'proxy_arp', name) === 0,
    )
  );
}

/** Whether a container drops packets for others because it does not forward. */
export function forwardsNothing({ inside }: WorldContainer, address: string): boolean {
  const values = inside?.routing?.values;
  const device = inside?.devices.find(({ networks }) =>
    networks.some((own) => stripPrefix(own) === address),
  )?.name;
  if (!values || device === undefined) return false;
  if (address.includes(':')) return readSetting(values, 'ipv6/conf/all/forwarding') === 0;
  return readSetting(values, `ipv4/conf/${device}/forwarding`) === 0;
}

/** Checks the link between two containers on a bridge, by their addresses. */
export function checkPorts(
  world: World,
  client: string | null,
  to: string | null,
): RouteStop | null {
  const { facts } = world.routing ?? {};
  const wires = [client, to].flatMap((address) => {
    const container = address === null ? null : findContainerAt(world, address);
    return (container && address !== null && findWire(world, container, address)) || [];
  });
  const target = to === null ? null : findContainerAt(world, to);
  const gone = target && to !== null ? checkPresence(world, target, to) : null;
  if (gone) return gone;
  const [from, there] = wires;
  if (!facts || !from?.outer || !there?.outer) return null;
  return (
    checkPair(facts, from.outer, there.outer) ??
    checkForwarding(facts, there) ??
    checkForwarding(facts, from)
  );
}
