/** What a relay's service did over the whole capture: whether a pair's content is its own, or its service always does so. */
import type { Ownership } from '../../model/claim.js';
import type { Edge } from './edges.js';
import { streamsOf } from './contents.js';
import type { CapturedLeg } from './legs.js';
import { nameService } from './rivals.js';
import { findCrossing } from './sightings.js';
import { isTelling } from './telling.js';

/** Pairs of one service, none of its connections left over, that are no coincidence any more whatever they carried. */
const MANY = 8;

/** What of a pair decides whether its content is its own, beside what the others of the capture carried. */
export interface ServiceSketch {
  /** The same for legs that carried the same; null where that is not known. */
  readonly content: string | null;
  /** It carried enough that another connection would not carry it by chance. */
  readonly telling: boolean;
  /** It was seen to pass in turn from the dial to the end. */
  readonly course: boolean;
  /** Null of datagrams. */
  readonly service: string | null;
  readonly dialled: string;
  readonly relayed: string;
}

/** Takes the legs in piece by piece; what it says holds when all are in. */
export class Services {
  /** What legs carried that are no side of a pair. */
  readonly #others = new Set<string>();
  readonly #pairs = new Map<string, number>();
  /** By published port, and by where a relay's own legs lead: those that are no side of a pair. */
  readonly #unpaired = new Set<string>();

  /** @param edges the pairs among the legs */
  take(legs: readonly CapturedLeg[], edges: readonly Edge[]): void {
    const sides = new Set(edges.flatMap(({ client, upstream }) => [client, upstream]));
    for (const edge of edges) {
      if (edge.ends === 'unknown') this.#markUnpaired(edge.client);
      else this.#pairs.set(nameService(edge), (this.#pairs.get(nameService(edge)) ?? 0) + 1);
    }
    for (const leg of legs) {
      if (sides.has(leg) || isExplained(leg)) continue;
      this.#markUnpaired(leg);
      const content = describeContent(leg);
      if (content !== null) this.#others.add(content);
    }
  }

  explain({
    content,
    telling,
    course,
    service,
    dialled,
    relayed,
  }: ServiceSketch): Ownership | null {
    if (content === null || !this.#others.has(content)) {
      if (telling) return 'content';
      if (course) return 'course';
    }
    const many =
      service !== null &&
      (this.#pairs.get(service) ?? 0) >= MANY &&
      !this.#unpaired.has(dialled) &&
      !this.#unpaired.has(relayed);
    return many ? 'service' : null;
  }

  #markUnpaired(leg: CapturedLeg): void {
    this.#unpaired.add(describeDialled(leg));
    this.#unpaired.add(describeRelayed(leg));
  }
}

export function sketchService(edge: Edge): ServiceSketch {
  const { client, upstream, request, reply, ends } = edge;
  return {
    content: describeContent(client),
    telling: isTelling(client) && isTelling(upstream),
    course: ends === 'relayed' && request === 'equal' && reply === 'equal',
    service: client.leg.protocol === 'tcp' ? nameService(edge) : null,
    dialled: describeDialled(client),
    relayed: describeRelayed(upstream),
  };
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
