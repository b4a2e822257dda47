/** Pairs the two legs of a relay by what a capture shows of them: two handshakes, the same bytes, in time order. */
import type { CapturedLeg } from './legs.js';
import { compareLegs, mayBeUpstream, SLACK, type Edge } from './edges.js';
import { matchOneToOne } from './matching.js';
import { Rivals } from './rivals.js';
import type { Likeness } from './streams.js';

export interface Pairing {
  readonly upstream: CapturedLeg;
  readonly request: Likeness;
  readonly reply: Likeness;
  /** False when other pairings would have been possible. */
  readonly only: boolean;
  /** Little was compared, or bytes are missing. */
  readonly thin: boolean;
}

/** Candidates looked at per leg. */
const MAX_CANDIDATES = 64;

export interface Pairings {
  readonly pairs: ReadonlyMap<CapturedLeg, Pairing>;
  /** Legs that may be a relay's, or may be like one by coincidence: others carried the same bytes at that time. */
  readonly open: ReadonlySet<CapturedLeg>;
}

/** One pairing per leg at most; a leg that might belong to several others is not paired for certain. */
export function pairByContent(legs: readonly CapturedLeg[]): Pairings {
  const edges = listEdges(legs);
  const pairs = new Map<CapturedLeg, Pairing>();
  const open = new Set(edges.map(({ client }) => client));
  const strong = edges.filter((edge) => edge.strong).sort((a, b) => distance(a) - distance(b));
  const matches = matchOneToOne<CapturedLeg, Edge>(strong);
  const rivals = new Rivals(
    legs,
    matches.map(({ edge }) => edge),
  );
  for (const { edge, only } of matches) {
    if (rivals.accountsFor(edge)) pairs.set(edge.client, { ...pick(edge), only });
  }
  // Where no bytes tell, only what leaves no choice counts.
  const competing = new Set(strong.flatMap(({ client, upstream }) => [client, upstream]));
  const weak = edges.filter(
    ({ client, upstream, strong: counts }) =>
      !counts && !competing.has(client) && !competing.has(upstream),
  );
  for (const edge of weak) {
    const others = weak.filter(
      (other) => other.client === edge.client || other.upstream === edge.upstream,
    );
    if (others.length === 1 && rivals.accountsFor(edge)) {
      pairs.set(edge.client, { ...pick(edge), only: true });
    }
  }
  for (const client of pairs.keys()) open.delete(client);
  return { pairs, open };
}

function pick({ upstream, request, reply, thin }: Edge): Omit<Pairing, 'only'> {
  return { upstream, request, reply, thin };
}

function distance({ client, upstream }: Edge): number {
  return Math.abs(upstream.first.first - (client.first.established ?? client.first.first));
}

function listEdges(legs: readonly CapturedLeg[]): Edge[] {
  const upstreams = legs.filter(mayBeUpstream).sort((a, b) => a.first.first - b.first.first);
  // Most pairs of a large capture have an address in common that rules them out: numbers tell that quickly.
  const numbers = new Map<string, number>();
  const numberOf = (address: string | undefined): number => {
    if (address === undefined) return -1;
    const number = numbers.get(address) ?? numbers.size;
    numbers.set(address, number);
    return number;
  };
  const clients = Int32Array.from(upstreams, ({ leg }) => numberOf(leg.client.address));
  const servers = Int32Array.from(upstreams, ({ leg }) => numberOf(leg.server?.address));
  return legs.flatMap((client) => {
    if (client.leg.nat?.destinationRewritten || client.answeredFromAfar) return [];
    const own = numberOf(client.leg.client.address);
    const dialled = numberOf(client.leg.server?.address);
    const from = findFirst(upstreams, (time) => time >= client.first.first - SLACK);
    const until = findFirst(upstreams, (time) => time > client.first.last + SLACK);
    const edges: Edge[] = [];
    for (let i = from; i < until && edges.length < MAX_CANDIDATES; i++) {
      if (servers[i] === dialled || (clients[i] === own && dialled !== own)) continue;
      const upstream = upstreams[i];
      const edge = upstream ? compareLegs(client, upstream) : null;
      if (edge) edges.push(edge);
    }
    return edges;
  });
}

/** The index of the first leg that began at a time that is late enough; the legs are in order of time. */
function findFirst(legs: readonly CapturedLeg[], isLate: (time: number) => boolean): number {
  let [low, high] = [0, legs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isLate(legs[middle]?.first.first ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}
