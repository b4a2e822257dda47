/** Finds the legs of a part of a capture that are final: nothing still to come can change what is said about them. */
import type { CapturedLegs } from './connections.js';
import { LINGER } from '../../model/conversation.js';
import { compareDatagrams, sharePayload } from './datagrams.js';
import { mayBeClient, mayBeUpstream, SLACK, type Edge } from './edges.js';
import { compareContent, isAligned, streamsOf } from './contents.js';
import type { CapturedLeg } from './legs.js';
import { isStrict, isUnexplained, mayBeMistaken, timeOf } from './rivals.js';
import { haveCommonBeginning, mayOverlap } from './streams.js';

/** Nanoseconds after the end of a conversation; later, no packet of it appears at another device either. */
export const SETTLED = 100_000_000;
/**
 * Nanoseconds around a leg in which other legs may decide about it: for datagrams, and, with a margin, for connections.
 */
const NEAR = { udp: 1_000_000_000, tcp: 1_000_000 } as const;

/**
 * Nanoseconds before the horizon: conversations that began since then can decide about finished ones only by showing
 * the same packets. `short` holds where nothing is looked at beyond the time in which a finished one lasted: there are
 * no datagrams, and no pair of which bytes are missing.
 */
export const YOUNG = { short: SETTLED + LINGER - 2 * NEAR.tcp, long: 1_000_000_000 } as const;

/** Whether legs around the time of a finished one can decide about it as well. */
export function looksAround({ legs, pairings }: CapturedLegs): boolean {
  return pairings.edges.some(({ thin }) => thin) || legs.some(({ leg }) => leg.protocol === 'udp');
}

export interface FinalLegs {
  readonly final: ReadonlySet<CapturedLeg>;
  /** The final legs that are released although open legs may still concern them. */
  readonly forced: ReadonlySet<CapturedLeg>;
}

/**
 * @param horizon nanoseconds; everything before it has arrived
 * @param forced whether to release legs that are over but wait for others, except those paired with an open leg
 */
export function findFinal(found: CapturedLegs, horizon: number, forced: boolean): FinalLegs {
  const { legs, pairings } = found;
  const isOver = (leg: CapturedLeg): boolean =>
    leg.conversations.every((one) => one.isOverAt(horizon - SETTLED));
  const over = new Set(legs.filter(isOver));
  const clusters = new Clusters(found);
  const blocked = new Set<number>();
  const open = legs.filter((leg) => !over.has(leg));
  for (const leg of open) blocked.add(clusters.of(leg));
  // Legs are in order of time: few open legs are older than others.
  for (const edge of pairings.judged) {
    const { client } = edge;
    if (!over.has(client) || blocked.has(clusters.of(client))) continue;
    const { until } = timeOf(edge);
    for (const other of open) {
      if (other.first.first > until) break;
      if (!mayBecomeRival(other, edge)) continue;
      blocked.add(clusters.of(client));
      break;
    }
  }
  // A waiting leg may concern other legs, which then wait as well.
  for (let before = -1; before !== blocked.size;) {
    before = blocked.size;
    const waiting = legs.filter((leg) => blocked.has(clusters.of(leg)));
    for (const leg of legs) {
      if (blocked.has(clusters.of(leg))) continue;
      if (isWaitedFor(leg, waiting, over)) blocked.add(clusters.of(leg));
    }
  }
  const final = new Set<CapturedLeg>();
  const hurried = new Set<CapturedLeg>();
  const bound = forced ? findBound(found, over) : null;
  for (const leg of over) {
    if (!blocked.has(clusters.of(leg))) final.add(leg);
    else if (bound !== null && !bound.has(leg)) {
      final.add(leg);
      hurried.add(leg);
    }
  }
  return { final, forced: hurried };
}

/** Whether a leg that is over may still decide about one that waits, or the other way round. */
function isWaitedFor(
  leg: CapturedLeg,
  waiting: readonly CapturedLeg[],
  over: ReadonlySet<CapturedLeg>,
): boolean {
  const [dials, dialled, counts] = [mayBeClient(leg), mayBeUpstream(leg), isUnexplained(leg)];
  if (!dials && !dialled && !counts) return false;
  const near = NEAR[leg.leg.protocol];
  for (const other of waiting) {
    if (other.first.first > leg.first.last + near) break;
    if (other.leg.protocol !== leg.leg.protocol) continue;
    if (over.has(other) && other.first.last < leg.first.first - near) continue;
    if (over.has(other)) {
      if (counts && carriesTheSame(leg, other)) return true;
      continue;
    }
    if (counts && mayCarryTheSame(leg, other)) return true;
    if (dialled && mayBecomePair({ client: other, upstream: leg, open: other })) return true;
    if (dials && mayBecomePair({ client: leg, upstream: other, open: other })) return true;
  }
  return false;
}

/** Finds legs that belong to an open leg: its other side, or another sighting of it. */
function findBound(
  { legs, touching, pairings }: CapturedLegs,
  over: ReadonlySet<CapturedLeg>,
): ReadonlySet<CapturedLeg> {
  const bound = new Set<CapturedLeg>();
  const both = (a: CapturedLeg | undefined, b: CapturedLeg | undefined): void => {
    if (!a || !b || (over.has(a) && over.has(b))) return;
    bound.add(a);
    bound.add(b);
  };
  for (const { edge } of [...pairings.strong.values(), ...pairings.weak.values()]) {
    both(edge.client, edge.upstream);
  }
  const byConversation = indexLegs(legs);
  for (const [one, two] of touching) both(byConversation.get(one), byConversation.get(two));
  return bound;
}

function indexLegs(legs: readonly CapturedLeg[]): ReadonlyMap<number, CapturedLeg> {
  const index = new Map<number, CapturedLeg>();
  for (const leg of legs) for (const { id } of leg.conversations) index.set(id, leg);
  return index;
}

/** Clusters of legs that decide about each other. */
class Clusters {
  readonly #numbers = new Map<CapturedLeg, number>();
  readonly #parent: Int32Array;

  constructor({ legs, touching, pairings }: CapturedLegs) {
    this.#parent = new Int32Array(legs.length);
    for (const [index, leg] of legs.entries()) {
      this.#numbers.set(leg, index);
      this.#parent[index] = index;
    }
    const byConversation = indexLegs(legs);
    for (const [one, two] of touching) {
      this.#join(byConversation.get(one), byConversation.get(two));
    }
    for (const { client, upstream } of pairings.edges) this.#join(client, upstream);
    for (const edge of pairings.judged) {
      pairings.rivals?.visitDeciding(edge, (leg) => this.#join(edge.client, leg));
    }
  }

  of(leg: CapturedLeg): number {
    let node = this.#numbers.get(leg) ?? 0;
    for (let up = this.#parent[node] ?? 0; up !== node; up = this.#parent[node] ?? 0) {
      this.#parent[node] = this.#parent[up] ?? up;
      node = up;
    }
    return node;
  }

  #join(a: CapturedLeg | undefined, b: CapturedLeg | undefined): void {
    if (a === undefined || b === undefined) return;
    this.#parent[this.of(b)] = this.of(a);
  }
}

/** Whether an open leg may still turn out to count against a pair that has ended. */
function mayBecomeRival(leg: CapturedLeg, edge: Edge): boolean {
  if (leg.leg.protocol !== edge.client.leg.protocol) return false;
  // All datagrams of that time have arrived.
  if (leg.leg.protocol === 'udp') return mayBeMistaken(leg, edge);
  return isStrict(edge) || mayCarryTheSame(edge.client, leg);
}

interface HalfOpen {
  readonly client: CapturedLeg;
  readonly upstream: CapturedLeg;
  /** The open one of the two. */
  readonly open: CapturedLeg;
}

/** Whether two legs, one of them still open, may turn out to be a relay's. */
function mayBecomePair({ client, upstream, open }: HalfOpen): boolean {
  const [own, theirs] = [client.leg, upstream.leg];
  if (own.protocol !== theirs.protocol) return false;
  const begun = upstream.first.first;
  if (begun < client.first.first - SLACK) return false;
  if (own.server.address === theirs.server.address) return false;
  if (own.client.address === theirs.client.address && own.server.address !== own.client.address) {
    return false;
  }
  if (own.protocol === 'udp') return compareDatagrams(client, upstream, 0) !== null;
  const [dialled, accepted] = [upstream.first.synTime, client.first.established];
  if (dialled !== null && accepted !== null && dialled < accepted) return false;
  const other = open === client ? upstream : client;
  return !isOutOfTurn(client, upstream) && mayCarryTheSame(other, open);
}

/** Whether a leg carried data before the relay could have received it: later packets cannot change that. */
function isOutOfTurn(client: CapturedLeg, upstream: CapturedLeg): boolean {
  const [own, theirs] = [streamsOf(client), streamsOf(upstream)];
  const comesLate = (before: number | null, after: number | null): boolean =>
    after !== null && (before === null || before > after);
  return (
    comesLate(own.request.firstData, theirs.request.firstData) ||
    comesLate(theirs.reply.firstData, own.reply.firstData)
  );
}

/** Whether a finished and an open leg may still turn out to carry the same bytes. */
function mayCarryTheSame(over: CapturedLeg, open: CapturedLeg): boolean {
  // If one flow of datagrams is over, all datagrams of its time have arrived.
  if (over.leg.protocol === 'udp') return sharePayload(over, open);
  const [own, theirs] = [streamsOf(over), streamsOf(open)];
  const mayBeEqual = isAligned(over) && isAligned(open) ? haveCommonBeginning : mayOverlap;
  return mayBeEqual(own.request, theirs.request) && mayBeEqual(own.reply, theirs.reply);
}

/** Whether two finished legs carry the same bytes. */
function carriesTheSame(a: CapturedLeg, b: CapturedLeg): boolean {
  return a.leg.protocol === 'udp' ? sharePayload(a, b) : compareContent(a, b) !== null;
}
