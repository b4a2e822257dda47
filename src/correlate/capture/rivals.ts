/**
 * Decides whether the bytes of a pair are its own: looks for other connections that carried the same bytes at the same
 * time.
 */
import { sharePayload } from './datagrams.js';
import { compareContent } from './contents.js';
import { mayHaveDialled, SLACK, type Edge } from './edges.js';
import type { CapturedLeg } from './legs.js';
import { Prints, takePrint } from './prints.js';
import type { BusyTimes } from './busy-times.js';
import { findCrossing } from './sightings.js';

/** Most simultaneous connections that a pair is compared with; with more, its likeness may be a coincidence. */
const MAX_COMPARED = 10_000;
/** Nanoseconds around a pair in which nothing else may resemble it when little could be compared. */
const NEAR = 1_000_000_000;

export class Rivals {
  readonly #legs: readonly CapturedLeg[];
  /** By index: the latest end of this leg and all legs before it in the list. */
  readonly #reach: number[] = [];
  readonly #prints: Prints;
  /** The service and container of a pair, by its client's leg. */
  readonly #services = new Map<CapturedLeg, string>();
  readonly #upstreams: ReadonlySet<CapturedLeg>;

  readonly #gone: BusyTimes | null;

  /** @param gone when retired legs existed, which are no longer among `legs` */
  constructor(
    legs: readonly CapturedLeg[],
    matched: readonly Edge[],
    gone: BusyTimes | null = null,
  ) {
    this.#gone = gone;
    this.#legs = [...legs].sort((a, b) => a.first.first - b.first.first);
    this.#prints = new Prints(this.#legs);
    let reach = -Infinity;
    for (const { first, last } of this.#legs) {
      reach = Math.max(reach, first.last, last.last);
      this.#reach.push(reach);
    }
    for (const edge of matched) this.#services.set(edge.client, nameService(edge));
    this.#upstreams = new Set(matched.map(({ upstream }) => upstream));
  }

  /** False when an unexplained leg carried the same bytes at that time: the likeness may be a coincidence. */
  accountsFor(edge: Edge): boolean {
    const { from, until } = timeOf(edge);
    if (edge.thin && edge.client.leg.protocol === 'tcp' && this.#gone?.overlaps(from, until)) {
      return false;
    }
    let left = MAX_COMPARED;
    const print = takePrint(edge.client);
    const service = nameService(edge);
    for (let i = this.#findEnd(until) - 1; i >= 0 && (this.#reach[i] ?? 0) >= from; i--) {
      const leg = this.#legs[i];
      if (!leg || leg === edge.client || leg === edge.upstream || leg.first.last < from) continue;
      if (!edge.thin && this.#prints.differ(i, print)) continue;
      const strict = edge.thin || leg.leg.protocol === 'udp';
      if (!strict && this.#isAlike(leg, service)) continue;
      if (--left < 0) return false;
      // Datagrams have no numbers: once some are lost, similar flows cannot be told apart.
      if (strict) {
        if (mayBeMistaken(leg, edge)) return false;
        continue;
      }
      if (compareContent(leg, edge.client) === null || isOfOtherKind(leg, edge)) continue;
      return false;
    }
    return true;
  }

  /** Visits the other legs of a pair's time whose own pairings decide about the pair. */
  visitDeciding(edge: Edge, visit: (leg: CapturedLeg) => void): void {
    if (isStrict(edge)) return;
    const { from, until } = timeOf(edge);
    const print = takePrint(edge.client);
    for (let i = this.#findEnd(until) - 1; i >= 0 && (this.#reach[i] ?? 0) >= from; i--) {
      const leg = this.#legs[i];
      if (!leg || leg.leg.protocol !== 'tcp' || leg.first.last < from) continue;
      if (!this.#prints.differ(i, print)) visit(leg);
    }
  }

  /** Whether a leg is the upstream side of a pair, or the client side of a pair of the same service and container. */
  #isAlike(leg: CapturedLeg, service: string): boolean {
    return this.#upstreams.has(leg) || this.#services.get(leg) === service;
  }

  #findEnd(time: number): number {
    let [low, high] = [0, this.#legs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#legs[middle]?.first.first ?? 0) <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether a leg was neither rewritten nor seen to cross the machine: then it may be a side of a relay. */
export function isUnexplained({ uniform, leg }: CapturedLeg): boolean {
  return uniform && findCrossing(leg.sightings) === null;
}

/**
 * Whether a leg may be what really belongs to one side of the pair: where packets are missing, any unexplained leg may.
 */
export function mayBeMistaken(leg: CapturedLeg, edge: Edge): boolean {
  const { client } = edge;
  if (leg.leg.protocol !== client.leg.protocol || !isUnexplained(leg)) return false;
  return leg.leg.protocol === 'tcp' || sharePayload(leg, client);
}

/**
 * The time in which another leg could be mistaken for a side of the pair: while it lasted, and longer where little was
 * compared.
 */
export function timeOf({ thin, client, upstream }: Edge): {
  readonly from: number;
  readonly until: number;
} {
  const around = thin ? NEAR : SLACK;
  return {
    from: Math.min(client.first.first, upstream.first.first) - around,
    until: Math.max(client.first.last, upstream.first.last) + around,
  };
}

/** Whether every unexplained leg counts against the pair, alike or not. */
export function isStrict({ thin, client }: Edge): boolean {
  return thin || client.leg.protocol === 'udp';
}

/**
 * Whether a leg is certainly no side of this relay: it was rewritten, crossed the machine, or comes from a container
 * that did not dial this upstream.
 */
function isOfOtherKind(leg: CapturedLeg, { upstream }: Edge): boolean {
  if (!isUnexplained(leg)) return true;
  return leg.ofContainer && !mayHaveDialled(leg, upstream);
}

/** Names a service by the port that the pair's client dialled and the upstream destination. */
export function nameService({ client, upstream }: Edge): string {
  const { address, port } = upstream.leg.destination;
  return `${client.leg.server.port}|${address}|${port}`;
}
