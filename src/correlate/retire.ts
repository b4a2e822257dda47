/** Finds the connections of a running trace that have ended for good, and the events that are no longer needed. */
import { TCP, TCP_STATE, type CopyEvent, type MoveEvent, type TraceEvent } from '../model/event.js';
import type { Correlation, TracedConnection } from './connections.js';
import { groupLegs, listFree, type LegGroup } from './groups.js';
import { packetKey, pairKey, type Leg } from './leg.js';
import type { Relaying } from './relays.js';
import { keyOfSum, sumOfCall } from './sum-keys.js';

/**
 * Nanoseconds without a new event after which an ended leg stays ended: packets may be in flight, and sockets may close
 * late.
 */
const SETTLE = 1_000_000_000;
/** The same where the sockets have closed but the packets show no end. */
const LINGER = 10_000_000_000;
/**
 * The same for a leg that was never established, or of which no socket was seen: longer than a SYN is retransmitted
 * (127 s).
 */
const GIVEN_UP = 130_000_000_000;
/** The same for datagrams: longer than the silence after which a new flow begins (see datagrams.ts). */
const IDLE = 95_000_000_000;

export interface OverConnection {
  readonly connection: TracedConnection;
  /** Time of the first event of it, or of a connection that it is judged with. */
  readonly begin: number;
}

export interface Retirement {
  /** In the order in which they were first seen. */
  readonly over: readonly OverConnection[];
  /** The events that are still needed, in their order. */
  readonly kept: readonly TraceEvent[];
  /** Address pairs of the retired legs: a packet between them without a SYN does not begin a connection. */
  readonly pairs: readonly string[];
}

export interface RetireContext {
  /** Nanoseconds of the trace's clock: everything before it has been seen. */
  readonly now: number;
  /** See TraceHeader.budget. */
  readonly budget: number;
}

/** @param events the events that were correlated, in order of time */
export function retire(
  correlation: Correlation,
  events: readonly TraceEvent[],
  context: RetireContext,
): Retirement {
  const { relaying } = correlation;
  const groups = groupLegs(correlation);
  const isSpent = findSpent(events, context.budget);
  const free = findFree({ correlation, events, groups, isSpent, now: context.now });
  if (free.size === 0) return { over: [], kept: events, pairs: [] };
  const gone = new Set([...free].flatMap(({ legs }) => legs));
  const stay = groups.filter((group) => !free.has(group));
  return {
    over: listOver(correlation, free),
    kept: keepNeeded(events, { gone, stay, relaying, isSpent, ...context }),
    pairs: [...gone].flatMap(listPairs),
  };
}

/** When a connection began, with those that it is judged with, and the first of the given times at which it is over. */
export interface Course {
  readonly begin: number;
  /** Null where it is over at none of them. */
  readonly over: number | null;
}

/**
 * Finds the course of every connection, by events of which some may be later than the times.
 * @param times ascending
 */
export function findCourses(
  correlation: Correlation,
  events: readonly TraceEvent[],
  { times, budget }: { readonly times: readonly number[]; readonly budget: number },
): ReadonlyMap<TracedConnection, Course> {
  const groups = groupLegs(correlation);
  const isSpent = findSpent(events, budget);
  const courses = new Map<TracedConnection, Course>(
    listOver(correlation, new Set(groups)).map(({ connection, begin }) => [
      connection,
      { begin, over: null },
    ]),
  );
  for (const over of times) {
    const free = findFree({ correlation, events, groups, isSpent, now: over });
    for (const { connection, begin } of listOver(correlation, free)) {
      if (courses.get(connection)?.over === null) courses.set(connection, { begin, over });
    }
  }
  return courses;
}

interface Freeing {
  readonly correlation: Correlation;
  readonly events: readonly TraceEvent[];
  readonly groups: readonly LegGroup[];
  readonly isSpent: IsSpent;
  readonly now: number;
}

function findFree({ correlation, events, groups, isSpent, now }: Freeing): Set<LegGroup> {
  const isOver = (group: LegGroup): boolean =>
    group.legs.every((leg) => isLegOver(leg, now - group.end)) &&
    !isCut(group, correlation.relaying, isSpent);
  return listFree(groups, isOver, correlation, events);
}

function listOver({ connections }: Correlation, free: ReadonlySet<LegGroup>): OverConnection[] {
  const groupOf = new Map([...free].flatMap((group) => group.legs.map((leg) => [leg, group])));
  return connections.flatMap((connection) => {
    const group = groupOf.get(connection.leg);
    return group ? [{ connection, begin: group.begin }] : [];
  });
}

/** @param silent nanoseconds since its last event */
function isLegOver(leg: Leg, silent: number): boolean {
  // What was counted beyond the budget is reported only at the end.
  if (leg.protocol === 'udp') return silent > IDLE && !leg.unlisted;
  const sockets = readSockets(leg);
  // A reset that the socket ignored does not count: an end that still has the connection may go on.
  if (sockets === 'open') return false;
  if (leg.until !== Infinity) return silent > (sockets === 'none' ? GIVEN_UP : SETTLE);
  return sockets === 'closed' ? silent > LINGER : silent > GIVEN_UP && !isEstablished(leg);
}

/** The state of the sockets that were seen to belong to a leg. */
function readSockets({ events }: Leg): 'open' | 'closed' | 'none' {
  const open = new Map<string, boolean>();
  for (const event of events) {
    if (event.kind === 'state') open.set(event.socket, event.to !== TCP_STATE.CLOSE);
    else if (event.kind === 'accept' && !open.has(event.socket)) open.set(event.socket, true);
  }
  if (open.size === 0) return 'none';
  return [...open.values()].some(Boolean) ? 'open' : 'closed';
}

function isEstablished({ events, begun }: Leg): boolean {
  if (!begun) return true;
  return events.some((event) => event.kind === 'packet' && event.flags !== TCP.SYN);
}

type IsSpent = (call: CopyEvent | MoveEvent) => boolean;

/** Returns a test for calls: whether later calls on the same socket may be unlisted and have no sum yet. */
function findSpent(events: readonly TraceEvent[], budget: number): IsSpent {
  const told = new Map<string, number>();
  for (const event of events) if (event.kind === 'total') told.set(keyOfSum(event), event.time);
  return (call) => call.calls >= budget && !((told.get(sumOfCall(call)) ?? -1) >= call.time);
}

/** Whether some calls may be unlisted and their sum is still missing: it comes at the end. */
function isCut({ legs }: LegGroup, { calls, links }: Relaying, isSpent: IsSpent): boolean {
  const own = new Set(legs);
  return (
    legs.some(
      (leg) => calls.of(leg, 'client').some(isSpent) || calls.of(leg, 'server').some(isSpent),
    ) ||
    links.some(
      ({ client, moves }) =>
        own.has(client) && moves.some(({ event }) => event.kind === 'move' && isSpent(event)),
    )
  );
}

interface Needs extends RetireContext {
  readonly gone: ReadonlySet<Leg>;
  readonly stay: readonly LegGroup[];
  readonly relaying: Relaying;
  readonly isSpent: IsSpent;
}

function keepNeeded(
  events: readonly TraceEvent[],
  { gone, stay, relaying, isSpent, now }: Needs,
): TraceEvent[] {
  const { calls, links, kinship } = relaying;
  const released = new Set<TraceEvent>([...gone].flatMap((leg) => leg.events));
  for (const leg of gone) {
    for (const call of [...calls.of(leg, 'client'), ...calls.of(leg, 'server')]) released.add(call);
  }
  for (const { client, moves } of links) {
    if (gone.has(client)) for (const { event } of moves) released.add(event);
  }
  const packets = new Set<string>();
  for (const event of released) if (event.kind === 'packet') packets.add(packetKey(event));
  const needed = new Set<TraceEvent>(stay.flatMap(({ legs }) => legs).flatMap((leg) => leg.events));
  const pairs = new Set(stay.flatMap(({ legs }) => legs).flatMap(listPairs));
  const roots = new Set(stay.flatMap((group) => [...group.roots]));
  const objects = new Map<string, TraceEvent>();
  for (const event of events) {
    if (event.kind === 'aside') {
      objects.set([event.pid, event.object, event.operation].join(), event);
    }
  }
  const isFresh = ({ time }: TraceEvent, within: number): boolean => now - time < within;
  const isUsed = (event: CopyEvent): boolean =>
    roots.has(kinship.rootOf(event.pid)) || pairs.has(pairOf(event)) || isSpent(event);
  const kept = events.filter((event) => {
    if (released.has(event)) return false;
    if (needed.has(event)) return true;
    switch (event.kind) {
      case 'fork':
      case 'total':
        return true;
      case 'move':
        return (
          isFresh(event, LINGER) || pairs.has(pairOf(event.from)) || pairs.has(pairOf(event.to))
        );
      case 'copy':
        return isFresh(event, LINGER) || isUsed(event);
      case 'aside':
        return (
          isFresh(event, LINGER) ||
          roots.has(kinship.rootOf(event.pid)) ||
          objects.get([event.pid, event.object, event.operation].join()) === event
        );
      case 'function':
        return !packets.has(packetKey(event)) && isFresh(event, GIVEN_UP);
      default:
        return isFresh(event, GIVEN_UP);
    }
  });
  const used = new Set(kept.flatMap((event) => (isCall(event) ? sumOfCall(event) : [])));
  return kept.filter((event) => event.kind !== 'total' || used.has(keyOfSum(event)));
}

function isCall(event: TraceEvent): event is CopyEvent | MoveEvent {
  return event.kind === 'copy' || event.kind === 'move';
}

function pairOf({ local, remote }: Pick<CopyEvent, 'local' | 'remote'>): string {
  return pairKey('tcp', local, remote);
}

/** The address pairs of a leg's packets and sockets. */
function listPairs({ protocol, client, server, destination, accepted, nat }: Leg): string[] {
  const keys = [pairKey(protocol, client, destination)];
  if (nat) keys.push(pairKey(protocol, nat.view.reply.source, nat.view.reply.destination));
  if (server) keys.push(pairKey(protocol, client, server));
  if (accepted) keys.push(pairKey(protocol, accepted.local, accepted.remote));
  return keys;
}
