/** Pairs the two legs of a relay by what a capture shows of them: two handshakes, the same bytes, in time order. */
import type { CapturedLeg } from './legs.js';
import { Candidates } from './candidates.js';
import { compareLegs, type Edge } from './edges.js';
import { matchOneToOne } from './matching.js';
import { Rivals } from './rivals.js';
import { Services } from './services.js';
import type { Ownership } from '../../model/claim.js';
import type { Likeness } from '../../model/claim.js';

export interface Pairing {
  readonly upstream: CapturedLeg;
  readonly request: Likeness;
  readonly reply: Likeness;
  /** False when other pairings would have been possible. */
  readonly only: boolean;
  /** Little was compared, or bytes are missing. */
  readonly thin: boolean;
  /** Why what it carried is no coincidence; null where it may be one. */
  readonly own: Ownership | null;
  readonly ends: Edge['ends'];
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
  if (edges.length === 0) return { pairs: new Map(), open: new Set() };
  const pairs = new Map<CapturedLeg, Pairing>();
  const open = new Set(edges.map(({ client }) => client));
  const strong = edges.filter((edge) => edge.strong).sort((a, b) => distance(a) - distance(b));
  const matches = matchOneToOne<CapturedLeg, Edge>(strong);
  const rivals = new Rivals(
    legs,
    matches.map(({ edge }) => edge),
  );
  const found: { edge: Edge; only: boolean }[] = [];
  for (const { edge, only } of matches) {
    if (rivals.accountsFor(edge)) found.push({ edge, only });
  }
  const services = new Services(
    legs,
    found.map(({ edge }) => edge),
  );
  for (const { edge, only } of found) {
    pairs.set(edge.client, { ...pick(edge), only, own: services.explain(edge) });
  }
  // Where no bytes tell, only what leaves no choice counts.
  const competing = new Set(strong.flatMap(({ client, upstream }) => [client, upstream]));
  const weak = edges.filter(
    ({ client, upstream, strong: counts }) =>
      !counts && !competing.has(client) && !competing.has(upstream),
  );
  const ofClient = countBy(weak, ({ client }) => client);
  const ofUpstream = countBy(weak, ({ upstream }) => upstream);
  for (const edge of weak) {
    const only = ofClient.get(edge.client) === 1 && ofUpstream.get(edge.upstream) === 1;
    if (only && rivals.accountsFor(edge)) {
      pairs.set(edge.client, { ...pick(edge), only, own: null });
    }
  }
  for (const client of pairs.keys()) open.delete(client);
  return { pairs, open };
}

function countBy(
  edges: readonly Edge[],
  sideOf: (edge: Edge) => CapturedLeg,
): ReadonlyMap<CapturedLeg, number> {
  const counts = new Map<CapturedLeg, number>();
  for (const edge of edges) counts.set(sideOf(edge), (counts.get(sideOf(edge)) ?? 0) + 1);
  return counts;
}

function pick({ upstream, request, reply, thin, ends }: Edge): Omit<Pairing, 'only' | 'own'> {
  return { upstream, request, reply, thin, ends };
}

function distance({ client, upstream }: Edge): number {
  return Math.abs(upstream.first.first - (client.first.established ?? client.first.first));
}

function listEdges(legs: readonly CapturedLeg[]): Edge[] {
  const candidates = new Candidates(legs);
  const edges: Edge[] = [];
  for (const client of legs) {
    if (client.leg.nat?.destinationRewritten || client.answeredFromAfar) continue;
    const before = edges.length;
    candidates.visit(client, (upstream) => {
      const edge = compareLegs(client, upstream);
      if (edge) edges.push(edge);
      return edges.length - before < MAX_CANDIDATES;
    });
  }
  return edges;
}
