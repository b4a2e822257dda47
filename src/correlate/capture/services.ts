/** What a relay's service did over the whole capture: whether a pair's content is its own, or its service always does so. */
import type { Ownership } from '../../model/claim.js';
import type { Edge } from './edges.js';
import { streamsOf } from './contents.js';
import type { CapturedLeg } from './legs.js';
import { nameService } from './rivals.js';
import { findCrossing } from './sightings.js';
import { countTelling, ENOUGH } from './telling.js';

/** Pairs of one service, none of its connections left over, that are no coincidence any more whatever they carried. */
const MANY = 8;

export class Services {
  /** Legs by what they carried, less those that are a pair's. */
  readonly #others = new Map<string, number>();
  readonly #pairs = new Map<string, number>();
  /** By published port, and by where a relay's own legs lead: those that are no side of a pair. */
  readonly #unpaired = new Set<string>();

  constructor(legs: readonly CapturedLeg[], edges: readonly Edge[]) {
    if (edges.length === 0) return;
    const sides = new Set(edges.flatMap(({ client, upstream }) => [client, upstream]));
    for (const edge of edges) {
      if (edge.ends === 'unknown') this.#markUnpaired(edge.client);
      else this.#pairs.set(nameService(edge), (this.#pairs.get(nameService(edge)) ?? 0) + 1);
    }
    for (const leg of legs) {
      if (sides.has(leg) || isExplained(leg)) continue;
      this.#markUnpaired(leg);
      const content = describeContent(leg);
      if (content !== null) this.#others.set(content, (this.#others.get(content) ?? 0) + 1);
    }
  }

  explain(edge: Edge): Ownership | null {
    const { client, upstream, request, reply } = edge;
    const content = describeContent(client);
    if (content === null || !this.#others.has(content)) {
      if (Math.min(countTelling(client), countTelling(upstream)) >= ENOUGH) return 'content';
      if (edge.ends === 'relayed' && request === 'equal' && reply === 'equal') return 'course';
    }
    const many =
      client.leg.protocol === 'tcp' &&
      (this.#pairs.get(nameService(edge)) ?? 0) >= MANY &&
      !this.#unpaired.has(describeDialled(client)) &&
      !this.#unpaired.has(describeRelayed(upstream));
    return many ? 'service' : null;
  }

  #markUnpaired(leg: CapturedLeg): void {
    this.#unpaired.add(describeDialled(leg));
    this.#unpaired.add(describeRelayed(leg));
  }
}

/** Rewritten on its way, or straight across: no side of a relay. */
function isExplained({ leg, uniform }: CapturedLeg): boolean {
  if (leg.nat?.destinationRewritten) return true;
  return uniform && !leg.isAtOneDevice && findCrossing(leg.sightings) !== null;
}

function describeDialled({ leg }: CapturedLeg): string {
  return `${leg.protocol}|${leg.server.port}`;
}

function describeRelayed({ leg }: CapturedLeg): string {
  const { client, destination } = leg;
  return `${leg.protocol}|${client.address}|${destination.address}|${destination.port}`;
}

/** The same for legs that carried the same; null where a part of it is not known, and where there is nothing. */
function describeContent(captured: CapturedLeg): string | null {
  if (captured.leg.protocol === 'udp') return null;
  const { request, reply } = streamsOf(captured);
  if (request.length + reply.length === 0) return null;
  if ((request.digest ?? reply.digest) === null) return null;
  return `${request.length}|${request.digest}|${reply.length}|${reply.digest}`;
}
