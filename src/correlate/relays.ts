/** Pairs the two legs of a relay: the one that a process accepted and the one that it dialled for it. */
import { sameEndpoint } from '../model/address.js';
import type { CopyEvent, StateEvent, TraceEvent } from '../model/event.js';
import { Kinship } from './kinship.js';
import type { Leg } from './leg.js';
import { LegIndex } from './locate.js';
import { countMoved, groupCounts, type Counts } from './moved.js';
import { findTransfers, type Transfer } from './transfers.js';

/** A transfer between the two legs of one relay. */
export interface Move extends Transfer {
  /** From the client's leg to the upstream one, and not back. */
  readonly request: boolean;
}

export interface RelayLink {
  readonly pid: number;
  readonly command: string;
  readonly client: Leg;
  readonly upstream: Leg;
  /**
   * `moved`: bytes were seen to go from one leg's socket into the other's. `alike`: what was read from one and
   * written to the other is as much to the last byte, and each piece begins like a piece there. `only`: nothing was
   * moved, but the process dialled this leg, and no other, while that one was open.
   */
  readonly how: 'moved' | 'alike' | 'only';
  readonly moves: readonly Move[];
  /** Bytes moved from the client's socket into the upstream one, and back. */
  readonly toUpstream: number;
  readonly toClient: number;
}

export interface Relaying {
  readonly links: readonly RelayLink[];
  /** The first datagram of a leg that a process read: what an accept is to a connection. */
  readonly received: ReadonlyMap<Leg, CopyEvent>;
  /** A call of the process that has the near end of a leg of datagrams: what a dial is to a connection. */
  readonly sent: ReadonlyMap<Leg, CopyEvent>;
  /** Legs whose bytes went into a connection that others share, with the first transfer that shows it. */
  readonly shared: ReadonlyMap<Leg, Move>;
  /** Legs that relays began themselves: no client's. */
  readonly beyond: ReadonlySet<Leg>;
  readonly kinship: Kinship;
}

/** Pairs what can be paired for certain; a leg is the client's in one pair at most, and the upstream one in one at most. */
export function pairRelays(legs: readonly Leg[], events: readonly TraceEvent[]): Relaying {
  const index = new LegIndex(legs);
  const kinship = new Kinship(events);
  const pairs = mergeDatagrams(findPairs(index, events));
  const asClient = countBy(pairs, ({ client }) => client);
  const asUpstream = countBy(
    pairs.flatMap(({ upstream, again }) => [upstream, ...again]),
    (leg) => leg,
  );
  const isAlone = ({ client, upstream, again }: Pair): boolean =>
    asClient.get(client) === 1 && [upstream, ...again].every((leg) => asUpstream.get(leg) === 1);
  const rivals = pairs.filter((pair) => !isAlone(pair));
  const counts = groupCounts(events);
  const byMoves = pairs
    .filter(isAlone)
    .flatMap((pair) => describePair(pair, kinship, counts) ?? []);
  const shared = new Map(
    rivals.flatMap(({ client, moves: [first] }) => (first ? [[client, first]] : [])),
  );
  const clients = new Set([...byMoves.map(({ client }) => client), ...shared.keys()]);
  const upstreams = new Set(asUpstream.keys());
  const byExclusion = pairByExclusion(
    legs.filter((leg) => !clients.has(leg)),
    legs.filter((leg) => !upstreams.has(leg)),
    kinship,
  );
  const beyond = new Set([...upstreams, ...byExclusion.map(({ upstream }) => upstream)]);
  return {
    links: [...byMoves, ...byExclusion],
    ...findDatagrams(index, events),
    ...{ shared, beyond, kinship },
  };
}

function countBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

interface Pair {
  readonly client: Leg;
  readonly upstream: Leg;
  /** Later legs of datagrams to the same place. */
  readonly again: Leg[];
  readonly moves: Move[];
}

function findPairs(index: LegIndex, events: readonly TraceEvent[]): Pair[] {
  const pairs = new Map<Leg, Map<Leg, Pair>>();
  for (const transfer of findTransfers(events)) {
    const { protocol, namespace, event } = transfer;
    const use = { protocol, namespace, time: event.time };
    const from = index.find({ ...use, ends: transfer.from });
    const to = index.find({ ...use, ends: transfer.to });
    if (!from || !to || from === to) continue;
    const request = !isUpstream(from, to, transfer);
    const [client, upstream] = request ? [from, to] : [to, from];
    const own = pairs.get(client) ?? new Map<Leg, Pair>();
    pairs.set(client, own);
    const pair = own.get(upstream) ?? { client, upstream, again: [], moves: [] };
    own.set(upstream, pair);
    pair.moves.push({ ...transfer, request });
  }
  return [...pairs.values()].flatMap((own) => [...own.values()]);
}

/** A relay of datagrams takes a new socket for its client when the last one idled or was refused: one leg all the same. */
function mergeDatagrams(pairs: readonly Pair[]): Pair[] {
  const merged = new Map<Leg, Pair>();
  return pairs.flatMap((pair) => {
    if (pair.client.protocol !== 'udp') return [pair];
    const first = merged.get(pair.client);
    if (first && sameEndpoint(first.upstream.destination, pair.upstream.destination)) {
      first.again.push(pair.upstream);
      first.moves.push(...pair.moves);
      return [];
    }
    merged.set(pair.client, pair);
    return [pair];
  });
}

/** Whether `from` is the leg that the process dialled, as against `to`. */
function isUpstream(from: Leg, to: Leg, transfer: Transfer): boolean {
  const { pid } = transfer.event;
  if (from.dialled?.pid === pid) return true;
  if (to.dialled?.pid === pid || from.accepted?.pid === pid) return false;
  if (to.accepted?.pid === pid) return true;
  // No call of its own was seen on either: its socket's near end is the client's on a leg that it began.
  return sameEndpoint(transfer.from.local, from.client);
}

function describePair(
  { client, upstream, again, moves }: Pair,
  kinship: Kinship,
  counts: Counts,
): RelayLink | null {
  const [first] = moves;
  if (!first) return null;
  const there = countMoved(
    moves.filter(({ request }) => request),
    counts,
  );
  const back = countMoved(
    moves.filter(({ request }) => !request),
    counts,
  );
  const moved = moves.some(({ exact }) => exact);
  // What is only alike has to be alike to the last byte.
  if (!moved && !(there.equal && back.equal)) return null;
  const { pid, command } = first.event;
  const process =
    client.accepted && kinship.descends(pid, client.accepted.pid)
      ? client.accepted
      : { pid, command };
  return {
    pid: process.pid,
    command: process.command,
    client,
    upstream: again.length === 0 ? upstream : joinLegs(upstream, again),
    how: moved ? 'moved' : 'alike',
    moves,
    toUpstream: there.bytes,
    toClient: back.bytes,
  };
}

function joinLegs(leg: Leg, more: readonly Leg[]): Leg {
  const events = [leg, ...more].flatMap((one) => one.events);
  return { ...leg, events: events.sort((a, b) => a.time - b.time || a.id - b.id) };
}

/** Pairs an accepted leg with the one leg that its process dialled meanwhile, when neither has another choice. */
function pairByExclusion(
  clients: readonly Leg[],
  upstreams: readonly Leg[],
  kinship: Kinship,
): RelayLink[] {
  const dialled = upstreams.filter((leg) => leg.dialled !== null);
  const choices = new Map<Leg, Leg[]>();
  for (const client of clients) {
    if (client.accepted === null) continue;
    choices.set(
      client,
      dialled.filter((leg) => leg !== client && couldServe(client, leg.dialled, kinship)),
    );
  }
  const wanted = countBy([...choices.values()].flat(), (leg) => leg);
  return [...choices].flatMap(([client, [upstream, ...more]]) => {
    if (!upstream || more.length > 0 || wanted.get(upstream) !== 1 || !client.accepted) return [];
    const { pid, command } = client.accepted;
    const none = { moves: [], toUpstream: 0, toClient: 0 };
    return [{ pid, command, client, upstream, how: 'only' as const, ...none }];
  });
}

/** A relay dials in the process that accepted, or in one forked for it, after the accept and before the client's leg ends. */
function couldServe(client: Leg, dialled: StateEvent | null, kinship: Kinship): boolean {
  if (!dialled || !client.accepted) return false;
  const { accepted } = client;
  const own =
    dialled.pid === accepted.pid ||
    (kinship.descends(dialled.pid, accepted.pid) && kinship.servedBy(dialled.pid) === accepted);
  return (
    own &&
    dialled.namespace === accepted.namespace &&
    dialled.time >= accepted.time &&
    dialled.time <= (client.events.at(-1)?.time ?? 0)
  );
}

/** The first calls of processes at either end of legs of datagrams. */
function findDatagrams(
  index: LegIndex,
  events: readonly TraceEvent[],
): { received: Map<Leg, CopyEvent>; sent: Map<Leg, CopyEvent> } {
  const received = new Map<Leg, CopyEvent>();
  const sent = new Map<Leg, CopyEvent>();
  for (const event of events) {
    if (event.kind !== 'copy' || event.protocol !== 'udp') continue;
    const { protocol, namespace, time, local, remote } = event;
    const leg = index.find({ protocol, namespace, ends: event, time });
    if (!leg) continue;
    if (sameEndpoint(local, leg.client)) {
      if (!sent.has(leg)) sent.set(leg, event);
    } else if (event.operation === 'read' && sameEndpoint(remote, leg.client)) {
      if (!received.has(leg)) received.set(leg, event);
    }
  }
  return { received, sent };
}
