/** Lists addresses that stand for a client elsewhere: a neighbour on a device's link, and one beyond its gateway. */
import { isInNetwork, parseRange, writeRange } from '../../../model/range.js';
import type { PacketAddress, StandIn } from '../packet.js';
import { familyOf, stripPrefix, type World } from '../world.js';
import { lengthOf } from './lookup.js';

/** Addresses reserved for documentation, benchmarks and carrier NAT: hardly any host has routes of its own to them. */
const FAR = {
  4: ['203.0.113.77', '198.18.7.7', '192.0.2.77', '100.127.7.7'],
  6: ['2001:db8:ffff:77::7', '2001:db8:7777:7::7', '3fff:77::7'],
} as const;

/**
 * @param device the device by which the client comes in.
 * @returns an empty list if it is unknown where the client is.
 */
export function listPlaces(
  world: World,
  address: PacketAddress,
  family: 4 | 6,
  device: string | null,
): readonly StandIn[] {
  if (address.kind === 'exact') return [{ address: address.text, about: null }];
  if (address.kind === 'elsewhere' && address.places) return address.places;
  if (address.kind === 'own' || device === null || !world.routing) return [];
  const routes = world.routing.facts.routes.filter(
    (route) => route.family === family && route.type === 'unicast' && route.table !== 'local',
  );
  const own = world.devices.find(({ name }) => name === device);
  const near = (own?.networks ?? []).flatMap((network) => pickNear(world, network, family))[0];
  const by = routes.filter(({ hops }) => hops.some((hop) => hop.device === device));
  const far = by.some((route) => lengthOf(route) === 0)
    ? FAR[family].find((one) => !isRouted(routes, one))
    : undefined;
  const routed = by
    .filter((route) => lengthOf(route) > 0)
    .flatMap(({ destination }) => pickFirst(destination))[0];
  const about = { code: 'client-on-link', device } as const;
  const found = [
    ...(near === undefined ? [] : [{ address: near, about: null }]),
    ...(far === undefined ? [] : [{ address: far, about }]),
    ...listSpecial(world, device, family),
  ];
  if (found.length > 0) return found;
  return routed === undefined ? [] : [{ address: routed, about: null }];
}

/** Lists one address of each network that routes and rules treat specially and that may hold the client. */
function listSpecial(world: World, device: string, family: 4 | 6): StandIn[] {
  const { facts } = world.routing ?? {};
  if (!facts) return [];
  const networks = world.devices.find(({ name }) => name === device)?.networks ?? [];
  const onLink = (network: string): boolean =>
    networks.some((own) => isInNetwork(stripPrefix(network), own) && sizeOf(network) > sizeOf(own));
  const own = new Set(world.devices.flatMap((device) => device.networks.map(stripPrefix)));
  // A client on the link of another device comes in by that device.
  const others = world.devices.filter(({ name }) => name !== device);
  const isOuter = (network: string): boolean =>
    !own.has(stripPrefix(network)) &&
    !others.some((other) => other.networks.some((one) => isInNetwork(stripPrefix(network), one)));
  const routed = facts.routes.filter(
    (route) =>
      route.family === family &&
      lengthOf(route) > 0 &&
      (['blackhole', 'unreachable', 'prohibit'].includes(route.type) ||
        (route.type === 'unicast' && onLink(route.destination))),
  );
  const ruled = facts.rules
    .filter((rule) => rule.family === family)
    .flatMap(({ from, to }) => [from, to].flatMap((network) => network ?? []));
  return [...new Set([...routed.map(({ destination }) => destination), ...ruled])]
    .filter(isOuter)
    .flatMap((network) =>
      pickFirst(network).map((address) => ({
        address,
        about: { code: 'client-in-network', network } as const,
      })),
    );
}

/** Picks an address of the network that neither the host nor a container has. */
function pickNear(world: World, network: string, family: 4 | 6): string[] {
  const range = parseRange(network);
  if (!range || familyOf(network) !== family || /^fe80:/i.test(network)) return [];
  if (range.low === range.high) return [];
  const taken = new Set([
    ...world.devices.flatMap(({ networks }) => networks.map(stripPrefix)),
    ...world.containers.flatMap(({ places }) => places.map((place) => place.address)),
  ]);
  const last = range.high - range.low - 1n;
  for (let i = 1n; i <= last && i < 300n; i++) {
    const value = range.high - i;
    const text = writeRange({ family, low: value, high: value });
    if (!taken.has(text)) return [text];
  }
  return [];
}

function sizeOf(network: string): number {
  return Number(network.slice(network.indexOf('/') + 1));
}

function pickFirst(destination: string): string[] {
  const range = parseRange(destination);
  if (!range) return [];
  const value = range.low === range.high ? range.low : range.low + 1n;
  return [writeRange({ family: range.family, low: value, high: value })];
}

function isRouted(routes: readonly { readonly destination: string }[], address: string): boolean {
  return routes.some(
    ({ destination }) => !/\/0$/.test(destination) && isInNetwork(address, destination),
  );
}
