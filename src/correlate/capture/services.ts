/** Collects what a relay's service did over the whole capture, to tell whether a pair's content is its own. */
import type { Ownership } from '../../model/claim.js';
import type { Edge } from './edges.js';
import { streamsOf } from './contents.js';
import type { CapturedLeg } from './legs.js';
import { nameService } from './rivals.js';
import { findCrossing } from './sightings.js';
import { isTelling } from './telling.js';

/**
 * With so many pairs of one service, and none of its connections unpaired, the pairs are no coincidence whatever they
 * carried.
 */
const MANY = 8;

/**
 * The facts of a pair that decide whether its content is its own, apart from what other legs of the capture carried.
 */
export interface ServiceSketch {
  /** A text that is equal for legs with equal content; null where the content is not known. */
  readonly content: string | null;
  /** It carried enough that another connection would not carry the same by chance. */
  readonly telling: boolean;
  /** Everything was seen to pass in turn, from the dial to the end. */
  readonly course: boolean;
  /** Null for datagrams. */
  readonly service: string | null;
  readonly dialled: string;
  readonly relayed: string;
}

/** Takes legs in parts; its answers are valid once all parts are in. */
export class Services {
  /** Content of legs that are not a side of a pair. */
  readonly #others = new Set<string>();
  readonly #pairs = new Map<string, number>();
  /** Published ports, and destinations of relays' own legs, with legs that are not a side of a pair. */
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

/** Whether the leg was rewritten or crossed the machine, so that it is no side of a relay. */
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

/**
 * A text that is equal for legs with equal content; null where part of the content is unknown, and where there is none.
 */
function describeContent(captured: CapturedLeg): string | null {
  if (captured.leg.protocol === 'udp') return null;
  const { request, reply } = streamsOf(captured);
  if (request.length + reply.length === 0) return null;
  if ((request.digest ?? reply.digest) === null) return null;
  return `${request.length}|${request.digest}|${reply.length}|${reply.digest}`;
}
