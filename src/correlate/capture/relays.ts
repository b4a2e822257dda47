/** Pairs the two legs of a relay by what a capture shows: two handshakes and the same bytes, in order of time. */
import type { CapturedLeg } from './legs.js';
import type { BusyTimes } from './busy-times.js';
import { Candidates } from './candidates.js';
import { compareLegs, mayBeClient, type Edge } from './edges.js';
import { matchOneToOne } from './matching.js';
import { Rivals } from './rivals.js';
import { sketchService, type ServiceSketch } from './services.js';
import type { Ownership } from '../../model/claim.js';
import type { Likeness } from '../../model/claim.js';

export interface Pairing {
  readonly upstream: CapturedLeg;
  readonly request: Likeness;
  readonly reply: Likeness;
  /** False when another pairing was possible. */
  readonly only: boolean;
  /** Little could be compared, or bytes are missing. */
  readonly thin: boolean;
  /** Why the equal bytes are no coincidence; null where they may be one. */
  readonly own: Ownership | null;
  readonly ends: Edge['ends'];
}

/** A pair of legs, before it is known what all other legs of the capture carried. */
export interface RelayPair {
  readonly edge: Edge;
  readonly only: boolean;
}

/** Most candidates that are examined per leg. */
const MAX_CANDIDATES = 64;

export interface Pairings {
  /**
   * Pairs by the client's leg: `strong` ones by their bytes, `weak` ones only by their course (handshakes and ends).
   */
  readonly strong: ReadonlyMap<CapturedLeg, RelayPair>;
  readonly weak: ReadonlyMap<CapturedLeg, RelayPair>;
  /** Legs that may be a relay's or only look like it: others carried the same bytes at that time. */
  readonly open: ReadonlySet<CapturedLeg>;
  /** All possible pairs, and those of them that were checked for rivals. */
  readonly edges: readonly Edge[];
  readonly judged: readonly Edge[];
  /** Null without any candidates. */
  readonly rivals: Rivals | null;
}

const NONE: Pairings = {
  strong: new Map(),
  weak: new Map(),
  open: new Set(),
  edges: [],
  judged: [],
  rivals: null,
};

/**
 * Pairs legs, each in one pair at most. A leg that might belong to several others is not certainly paired.
 * @param gone when retired legs existed
 */
export function pairByContent(
  legs: readonly CapturedLeg[],
  gone: BusyTimes | null = null,
): Pairings {
  const edges = listEdges(legs);
  if (edges.length === 0) return NONE;
  const open = new Set(edges.map(({ client }) => client));
  const candidates = edges.filter((edge) => edge.strong).sort((a, b) => distance(a) - distance(b));
  const matches = matchOneToOne<CapturedLeg, Edge>(candidates);
  const rivals = new Rivals(
    legs,
    matches.map(({ edge }) => edge),
    gone,
  );
  const strong = new Map<CapturedLeg, RelayPair>();
  for (const { edge, only } of matches) {
    if (rivals.accountsFor(edge)) strong.set(edge.client, { edge, only });
  }
  // Without comparable bytes, a pair counts only if neither leg has another choice.
  const competing = new Set(candidates.flatMap(({ client, upstream }) => [client, upstream]));
  const others = edges.filter(
    ({ client, upstream, strong: counts }) =>
      !counts && !competing.has(client) && !competing.has(upstream),
  );
  const ofClient = countBy(others, ({ client }) => client);
  const ofUpstream = countBy(others, ({ upstream }) => upstream);
  const weak = new Map<CapturedLeg, RelayPair>();
  const judged = matches.map(({ edge }) => edge);
  for (const edge of others) {
    if (ofClient.get(edge.client) !== 1 || ofUpstream.get(edge.upstream) !== 1) continue;
    judged.push(edge);
    if (rivals.accountsFor(edge)) weak.set(edge.client, { edge, only: true });
  }
  for (const client of [...strong.keys(), ...weak.keys()]) open.delete(client);
  return { strong, weak, open, edges, judged, rivals };
}

/** The facts that decide whether a pair's content is its own; null for a pair that is known only by its course. */
export function sketchPair(pairings: Pairings, client: CapturedLeg): ServiceSketch | null {
  const pair = pairings.strong.get(client);
  return pair ? sketchService(pair.edge) : null;
}

export function describePair({ edge, only }: RelayPair, own: Ownership | null): Pairing {
  const { upstream, request, reply, thin, ends } = edge;
  return { upstream, request, reply, thin, ends, only, own };
}

function countBy(
  edges: readonly Edge[],
  sideOf: (edge: Edge) => CapturedLeg,
): ReadonlyMap<CapturedLeg, number> {
  const counts = new Map<CapturedLeg, number>();
  for (const edge of edges) counts.set(sideOf(edge), (counts.get(sideOf(edge)) ?? 0) + 1);
  return counts;
}

function distance({ client, upstream }: Edge): number {
  return Math.abs(upstream.first.first - (client.first.established ?? client.first.first));
}

function listEdges(legs: readonly CapturedLeg[]): Edge[] {
  const candidates = new Candidates(legs);
  const edges: Edge[] = [];
  for (const client of legs) {
    if (!mayBeClient(client)) continue;
    const before = edges.length;
    candidates.visit(client, (upstream) => {
      const edge = compareLegs(client, upstream);
      if (edge) edges.push(edge);
      return edges.length - before < MAX_CANDIDATES;
    });
  }
  return edges;
}
