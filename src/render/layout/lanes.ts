/** Plans lanes: the places that the packets of one connection pass, in the order in which they pass them. */
import type { Connection, Hop, Report } from '../../model/report.js';
import { printable } from '../text.js';
import type { Lane, LaneGroup, LaneKind } from './scene.js';
import { namespaceOfContainer, namespaceOfHost } from './namespaces.js';
import { createPlacer, legOf, orderPlaces, placeKey, type Leg, type Place } from './order.js';
import { allHops, type Item, type Passage } from './packets.js';

type Places = Report['places'];

interface PlacedLane extends Lane {
  /** Null for an end that is in no namespace that was seen. */
  readonly namespace: string | null;
  readonly key: string;
}

export interface LanePlan {
  readonly lanes: readonly Lane[];
  readonly groups: readonly LaneGroup[];
  /** See Ladder.hosts. */
  readonly hosts: readonly LaneGroup[];
  /** Lane of a hop on a device or in a process. */
  readonly laneOf: (hop: Hop) => number;
  /** Lanes of a leg's near end (the client or a relay) and of its far end (a relay or the server). */
  readonly endsOf: (leg: Leg) => Ends;
  /** First and last device lane of a leg; null when the leg has none. */
  readonly span: (leg: Leg) => { readonly first: number; readonly last: number } | null;
}

export interface Ends {
  readonly near: number;
  readonly far: number;
}

/** Plans the lanes of one connection. The leg behind each relay has its own lanes: the way always runs to the right. */
export function planLanes(
  connection: Connection,
  items: readonly Item[],
  places: Places,
): LanePlan {
  const passages = items.filter((item): item is Passage => item.type === 'passage');
  const placeOf = createPlacer(passages);
  const hops = items.flatMap((item) => (item.type === 'lone' ? [item.hop] : allHops(item)));
  const relays = countRelays(connection, hops);
  const middle: PlacedLane[] = [];
  const spans = new Map<Leg, { first: number; last: number }>();
  const ends = [0];
  for (let leg = 0; leg <= relays; leg++) {
    const order = orderPlaces(connection, leg, { passages, hops, placeOf });
    if (order.length > 0) {
      spans.set(leg, { first: middle.length + 1, last: middle.length + order.length });
    }
    middle.push(...order.map((place) => deviceLane(place, places)));
    ends.push(middle.length + 1);
    if (leg < relays) middle.push(relayLane(connection, leg, hops, places));
  }
  const lanes = [clientLane(connection, hops), ...middle, serverLane(connection, hops, places)];
  const index = new Map(lanes.map((lane, i) => [lane.key, i]));
  const hostOf = new Map(places.map(({ namespace, host }) => [namespace, host]));
  const endsOf = (leg: Leg): Ends => ({
    near: ends[leg] ?? 0,
    far: ends[leg + 1] ?? lanes.length - 1,
  });
  return {
    lanes: lanes.map(({ name, detail, kind, reached }) => ({ name, detail, kind, reached })),
    groups: groupLanes(lanes, ({ namespace }) => namespace, groupName),
    hosts: groupLanes(
      lanes,
      ({ namespace }) => hostOf.get(namespace ?? '') ?? null,
      (host) => (host === null ? null : printable(host)),
    ),
    laneOf: (hop) => index.get(placeKey(placeOf(hop))) ?? findEnd(connection, hop, lanes, endsOf),
    endsOf,
    span: (leg) => spans.get(leg) ?? null,
  };
}

/** Counts the relays: those that the report names, or more if its hops show more. */
function countRelays({ relay, relays }: Connection, hops: readonly Hop[]): number {
  const named = relays?.length ?? (relay === null ? 0 : 1);
  return hops.reduce(
    (most, hop) => Math.max(most, hop.kind === 'relay' ? (hop.relayNumber ?? 1) : legOf(hop)),
    named,
  );
}

function deviceLane(place: Place, places: Places): PlacedLane {
  const device = places
    .find(({ namespace }) => namespace === place.namespace)
    ?.devices.find(({ name }) => name === place.device);
  return {
    key: placeKey(place),
    namespace: place.namespace,
    name: place.device === 'unknown' ? 'captured' : printable(place.device),
    detail: printable(addressOf(device?.addresses ?? [])),
    kind: kindOf(device?.kind, place.device),
    reached: true,
  };
}

/** The first address that is not link-local: every device has a link-local one, so it tells nothing. */
function addressOf(addresses: readonly string[]): string {
  return addresses.find((address) => !/^fe[89ab]/i.test(address))?.replace(/\/\d+$/, '') ?? '';
}

function kindOf(kind: string | undefined, name: string): LaneKind {
  if (kind === 'bridge' || kind === 'veth' || kind === 'loopback') return kind;
  if (name === 'lo') return 'loopback';
  // Hops at a NAT hook have no device; they say `NAT` in its place.
  if (kind === undefined && name === 'NAT') return 'hook';
  return 'device';
}

/** @param index 0 for the relay nearest to the client */
function relayLane(
  connection: Connection,
  index: number,
  hops: readonly Hop[],
  places: Places,
): PlacedLane {
  const relay = connection.relays?.[index] ?? (index === 0 ? connection.relay : null);
  return {
    key: `relay ${index}`,
    namespace: isUnplaced(hops) ? 'unknown' : namespaceOfHost(places, findRelayHost(hops, index)),
    name: printable(relay?.command ?? 'relay'),
    detail: relay?.pid == null ? '' : `pid ${relay.pid}`,
    kind: 'relay',
    reached: true,
  };
}

/** Finds the relay's host from the bytes that it moved, else from the first packet of the leg that it dialled. */
function findRelayHost(hops: readonly Hop[], index: number): string | undefined {
  const moved = hops.find((hop) => hop.kind === 'relay' && hop.relayNumber === index + 1);
  return (moved ?? hops.find((hop) => legOf(hop) === index + 1))?.host;
}

function clientLane(connection: Connection, hops: readonly Hop[]): PlacedLane {
  const process = connection.processes.client;
  return {
    key: 'client',
    namespace: connection.clientNamespace ?? (isUnplaced(hops) ? 'unknown' : null),
    name: printable(process?.command ?? 'client'),
    detail: process ? `pid ${process.pid}` : printable(connection.client.address),
    kind: process ? 'process' : 'endpoint',
    reached: true,
  };
}

/** Whether no namespace is known, as in captures: all lanes then form one group. */
function isUnplaced(hops: readonly Hop[]): boolean {
  return hops.length > 0 && hops.every((hop) => hop.namespace === 'unknown');
}

function serverLane(connection: Connection, hops: readonly Hop[], places: Places): PlacedLane {
  const process = connection.processes.server;
  const { container, server } = connection;
  const address = container?.address ?? server?.address ?? '';
  const fallback =
    connection.path === 'host' ? namespaceOfHost(places, connection.parts?.at(-1)?.host) : null;
  return {
    key: 'server',
    namespace: isUnplaced(hops) ? 'unknown' : (namespaceOfContainer(connection) ?? fallback),
    name: printable(process?.command ?? container?.name ?? 'server'),
    detail: process ? `pid ${process.pid}` : printable(address),
    kind: process ? 'process' : 'endpoint',
    reached: isReached(connection, hops),
  };
}

/** Whether the server's process or its kernel took part. */
function isReached(connection: Connection, hops: readonly Hop[]): boolean {
  const { outcome, processes } = connection;
  if (outcome !== 'dropped' && outcome !== 'unanswered') return true;
  if (processes.server !== null) return true;
  const inside = namespaceOfContainer(connection);
  return hops.some(({ flow, namespace }) => flow === 'reply' && namespace === inside);
}

/** Finds the lane of a hop without a device: the process or TCP stack at one end of its leg. */
function findEnd(
  { processes, relay, relays }: Connection,
  hop: Hop,
  lanes: readonly PlacedLane[],
  endsOf: (leg: Leg) => Ends,
): number {
  if (hop.kind === 'relay') return endsOf((hop.relayNumber ?? 1) - 1).far;
  const { near, far } = endsOf(legOf(hop));
  const what = hop.act?.what;
  if (what === 'connect') return near;
  if (what === 'accept' || what === 'receive') return far;
  if (hop.kind === 'retransmit') return hop.flow === 'request' ? near : far;
  const pid = hop.process?.pid;
  if (pid !== undefined) {
    const chain = relays ?? (relay ? [relay] : []);
    const index = chain.findIndex((one) => one.pid === pid);
    if (index >= 0) return endsOf(index).far;
    if (pid === processes.client?.pid) return endsOf(0).near;
    if (pid === processes.server?.pid) return lanes.length - 1;
  }
  const [isNear, isFar] = [near, far].map((lane) => lanes[lane]?.namespace === hop.namespace);
  if (isNear !== isFar) return isNear ? near : far;
  return hop.flow === 'reply' ? far : near;
}

/** Runs of lanes with the same key, but those that `nameOf` gives no name. */
function groupLanes(
  lanes: readonly PlacedLane[],
  keyOf: (lane: PlacedLane) => string | null,
  nameOf: (key: string | null, isFirst: boolean) => string | null,
): LaneGroup[] {
  const groups: { key: string | null; from: number; to: number }[] = [];
  lanes.forEach((lane, i) => {
    const [open, key] = [groups.at(-1), keyOf(lane)];
    if (open?.key === key) open.to = i;
    else groups.push({ key, from: i, to: i });
  });
  return groups.flatMap(({ key, from, to }) => {
    const name = nameOf(key, from === 0);
    return name === null ? [] : [{ name, from, to }];
  });
}

function groupName(namespace: string | null, isFirst: boolean): string {
  if (namespace === null) return isFirst ? 'outside' : 'not seen';
  return namespace === 'unknown' ? 'capture' : printable(namespace);
}
