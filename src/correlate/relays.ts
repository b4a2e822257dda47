/** Pairs the two legs of a relay: the one that a process accepted and the one that it dialled for it. */
import type { MoveEvent, StateEvent, TotalEvent, TraceEvent } from '../model/event.js';
import { pairKey, type Leg } from './leg.js';

export interface RelayLink {
  readonly pid: number;
  readonly command: string;
  readonly client: Leg;
  readonly upstream: Leg;
  /**
   * `moved`: bytes were seen to go from one leg's socket into the other's. `only`: nothing was moved, but the
   * process dialled this leg, and no other, while that one was open.
   */
  readonly how: 'moved' | 'only';
  readonly moves: readonly MoveEvent[];
  /** Bytes moved from the client's socket into the upstream one, and back. */
  readonly toUpstream: number;
  readonly toClient: number;
}

/** Pairs what can be paired for certain; a leg takes part in one pair at most. */
export function pairRelays(legs: readonly Leg[], events: readonly TraceEvent[]): RelayLink[] {
  const byMoves = pairByMoves(legs, events);
  const taken = new Set(byMoves.flatMap(({ client, upstream }) => [client, upstream]));
  return [...byMoves, ...pairByExclusion(legs.filter((leg) => !taken.has(leg)))];
}

function pairByMoves(legs: readonly Leg[], events: readonly TraceEvent[]): RelayLink[] {
  const index = indexBySocket(legs);
  const pairs = new Map<Leg, { other: Leg; moves: MoveEvent[] }>();
  const moves = events.filter((event) => event.kind === 'move');
  for (const move of moves) {
    const from = findLeg(index, move.from, move.time);
    const to = findLeg(index, move.to, move.time);
    if (!from || !to || from === to) continue;
    // The leg that this process dialled is the upstream one; the other end of the pair was accepted.
    const [client, upstream] = isUpstream(from, to, move.pid) ? [to, from] : [from, to];
    const pair = pairs.get(client) ?? { other: upstream, moves: [] };
    if (pair.other === upstream) pair.moves.push(move);
    pairs.set(client, pair);
  }
  const totals = events.filter((event) => event.kind === 'total' && event.operation === 'move');
  return [...pairs].flatMap(([client, { other, moves: own }]) => {
    const [first] = own;
    if (!first) return [];
    const count = (leg: Leg): number => countMoved(own, totals, leg);
    return [
      {
        pid: first.pid,
        command: first.command,
        client,
        upstream: other,
        how: 'moved' as const,
        moves: own,
        toUpstream: count(client),
        toClient: count(other),
      },
    ];
  });
}

/** Whether `leg` is the one that `pid` dialled, as against `other`. */
function isUpstream(leg: Leg, other: Leg, pid: number): boolean {
  if (leg.dialled?.pid === pid) return true;
  if (other.dialled?.pid === pid || leg.accepted?.pid === pid) return false;
  if (other.accepted?.pid === pid) return true;
  // Both began before the trace: a relay dials after it was dialled, from the side that its own sockets opened.
  return false;
}

/** Bytes moved out of `leg`: the last running total, or the final one where calls went uncounted in print. */
function countMoved(moves: readonly MoveEvent[], totals: readonly TraceEvent[], leg: Leg): number {
  const out = moves.filter(({ from }) => pairKey('tcp', from.local, from.remote) === ownKey(leg));
  const [first] = out;
  if (!first) return 0;
  const final = totals.find(
    (event): event is TotalEvent =>
      event.kind === 'total' &&
      event.from.socket === first.from.socket &&
      event.from.remotePort === first.from.remote.port &&
      event.to?.socket === first.to.socket &&
      event.to.localPort === first.to.local.port,
  );
  return Math.max(final?.bytes ?? 0, ...out.map(({ total }) => total));
}

interface Known {
  readonly leg: Leg;
  readonly first: number;
  readonly last: number;
}

/** Legs by the addresses of their ends as each namespace knows them. */
function indexBySocket(legs: readonly Leg[]): Map<string, Known[]> {
  const index = new Map<string, Known[]>();
  for (const leg of legs) {
    const known = { leg, first: leg.events[0]?.time ?? 0, last: leg.events.at(-1)?.time ?? 0 };
    const keys = new Set([ownKey(leg), pairKey(leg.protocol, leg.client, leg.destination)]);
    for (const key of keys) index.set(key, [...(index.get(key) ?? []), known]);
  }
  return index;
}

function ownKey(leg: Leg): string {
  return pairKey(leg.protocol, leg.client, leg.server ?? leg.destination);
}

/** Nanoseconds by which a call may lie outside the packets seen of its leg. */
const SLACK = 1_000_000_000;

/** The leg with these ends that lived at that time; with several, the one that began last before it. */
function findLeg(
  index: ReadonlyMap<string, Known[]>,
  ends: MoveEvent['from'],
  time: number,
): Leg | null {
  const candidates = index.get(pairKey('tcp', ends.local, ends.remote)) ?? [];
  const alive = candidates.filter(({ first, last }) => first <= time && time <= last + SLACK);
  return alive.at(-1)?.leg ?? null;
}

/** Pairs an accepted leg with the one leg that its process dialled meanwhile, when neither has another choice. */
function pairByExclusion(legs: readonly Leg[]): RelayLink[] {
  const upstreams = legs.filter((leg) => leg.dialled !== null);
  const choices = new Map<Leg, Leg[]>();
  for (const client of legs) {
    if (client.accepted === null) continue;
    choices.set(
      client,
      upstreams.filter((leg) => leg !== client && couldServe(client, leg.dialled)),
    );
  }
  const wanted = new Map<Leg, number>();
  for (const leg of [...choices.values()].flat()) wanted.set(leg, (wanted.get(leg) ?? 0) + 1);
  return [...choices].flatMap(([client, [upstream, ...more]]) => {
    if (!upstream || more.length > 0 || wanted.get(upstream) !== 1 || !client.accepted) return [];
    const { pid, command } = client.accepted;
    const none = { moves: [], toUpstream: 0, toClient: 0 };
    return [{ pid, command, client, upstream, how: 'only' as const, ...none }];
  });
}

/** A relay dials in the process that accepted, after the accept and before the client's leg ends. */
function couldServe(client: Leg, dialled: StateEvent | null): boolean {
  if (!dialled || !client.accepted) return false;
  return (
    dialled.pid === client.accepted.pid &&
    dialled.namespace === client.accepted.namespace &&
    dialled.time >= client.accepted.time &&
    dialled.time <= (client.events.at(-1)?.time ?? 0)
  );
}
