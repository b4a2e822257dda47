/** Orders places: merges the ways that the packets of one leg took over devices into one line. */
import { namespaceOfContainer } from './namespaces.js';
import type { Connection, Hop } from '../../model/report.js';
import { allHops, type Passage } from './packets.js';

/** 0 for the client's own leg, n for the leg that the n-th relay dialled. */
export type Leg = number;
/** The side of a device: towards the client, towards the server, or both. */
type Side = 'client' | 'server' | 'both';

export interface Place {
  readonly leg: Leg;
  readonly namespace: string;
  readonly device: string;
  readonly side: Side;
}

export function legOf({ legNumber, leg }: Hop): Leg {
  return legNumber ?? (leg === 'client' ? 0 : 1);
}

/** Says at which place a hop is; devices that packets pass twice (a hairpin) are two places. */
export function createPlacer(passages: readonly Passage[]): (hop: Hop) => Place {
  const split = findSplitDevices(passages);
  return (hop) => ({
    leg: legOf(hop),
    namespace: hop.namespace,
    device: hop.interface,
    side: split.has(deviceKey(hop)) ? sideOf(hop) : 'both',
  });
}

function deviceKey(hop: Hop): string {
  return JSON.stringify([legOf(hop), hop.namespace, hop.interface]);
}

export function placeKey({ leg, namespace, device, side }: Place): string {
  return JSON.stringify([leg, namespace, device, side]);
}

/** Packets and NAT hops are always on a device; a drop or a reset only if its device is known. */
export function isOnDevice(hop: Hop): boolean {
  if (hop.interface === 'process' || hop.kind === 'relay' || hop.kind === 'process') return false;
  return hop.kind === 'packet' || hop.kind === 'nat' || hop.interface !== 'unknown';
}

/** Requests enter a device on its client side and leave on its server side; replies do the opposite. */
function sideOf(hop: Hop): Side {
  return (hop.direction === 'in') === (hop.flow === 'request') ? 'client' : 'server';
}

/** Devices that a packet passes twice with others in between. */
function findSplitDevices(passages: readonly Passage[]): Set<string> {
  const split = new Set<string>();
  for (const { hops } of passages) {
    const last = new Map<string, number>();
    hops.forEach((hop, i) => {
      const key = deviceKey(hop);
      const before = last.get(key);
      const other = before === undefined ? undefined : hops[before];
      if (before !== undefined && before < i - 1 && other && sideOf(other) !== sideOf(hop))
        split.add(key);
      last.set(key, i);
    });
  }
  return split;
}

/** What was seen of a connection: its packets, every hop, and where each was. */
interface Seen {
  readonly passages: readonly Passage[];
  readonly hops: readonly Hop[];
  readonly placeOf: (hop: Hop) => Place;
}

/** Merges the ways of all packets of a leg into one order, the longest way first. */
export function orderPlaces(
  connection: Connection,
  leg: Leg,
  { passages, hops, placeOf }: Seen,
): Place[] {
  const ways = passages
    .map((passage) => allHops(passage).filter((hop) => legOf(hop) === leg && isOnDevice(hop)))
    .filter((way) => way.length > 0)
    .map((way) => (way[0]?.flow === 'reply' ? [...way].reverse() : way).map(placeOf));
  const longestFirst = ways.sort((a, b) => b.length - a.length);
  const alone = hops
    .filter((hop) => legOf(hop) === leg && isOnDevice(hop))
    .map((hop) => [placeOf(hop)]);
  const order: Place[] = [];
  for (const way of [...longestFirst, ...alone]) mergeWay(order, way);
  const zone = (place: Place): number => zoneOf(connection, place);
  return order.sort((a, b) => zone(a) - zone(b));
}

function mergeWay(order: Place[], way: readonly Place[]): void {
  way.forEach((place, i) => {
    const key = placeKey(place);
    if (order.some((known) => placeKey(known) === key)) return;
    const before = findLast(order, way.slice(0, i));
    const after = findFirst(order, way.slice(i + 1));
    if (before >= 0) order.splice(before + 1, 0, place);
    else if (after >= 0) order.splice(after, 0, place);
    else order.push(place);
  });
}

function findLast(order: readonly Place[], candidates: readonly Place[]): number {
  const keys = new Set(candidates.map(placeKey));
  return order.findLastIndex((place) => keys.has(placeKey(place)));
}

function findFirst(order: readonly Place[], candidates: readonly Place[]): number {
  const keys = new Set(candidates.map(placeKey));
  return order.findIndex((place) => keys.has(placeKey(place)));
}

/** 0 in the client's namespace, 2 in the container's, 1 between them. */
function zoneOf(connection: Connection, { namespace, side, leg }: Place): number {
  const { clientNamespace } = connection;
  if (namespace === 'host') return 1;
  const isClient = namespace === clientNamespace && leg === 0;
  const isServer = namespace === namespaceOfContainer(connection);
  if (isClient && isServer) return side === 'client' ? 2 : 0;
  if (isClient) return 0;
  return isServer ? 2 : 1;
}
