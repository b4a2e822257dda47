/** Whether the bytes of a pair are its own: other connections that carried the same ones at the same time. */
import { sharePayload } from './datagrams.js';
import { compareContent } from './contents.js';
import { mayHaveDialled, SLACK, type Edge } from './edges.js';
import type { CapturedLeg } from './legs.js';
import { Prints, takePrint } from './prints.js';
import type { BusyTimes } from './busy-times.js';
import { findCrossing } from './sightings.js';

/** Connections of one time that a pair is compared with; with more of them it may be a coincidence. */
const MAX_COMPARED = 10_000;
/** Nanoseconds around a pair in which nothing else may be like it when little was compared. */
const NEAR = 1_000_000_000;

export class Rivals {
  readonly #legs: readonly CapturedLeg[];
  /** The longest that a leg before this one in the list lasted. */
  readonly #reach: number[] = [];
  readonly #prints: Prints;
  /** Of what service and container the pair of a client's leg is. */
  readonly #services = new Map<CapturedLeg, string>();
  readonly #upstreams: ReadonlySet<CapturedLeg>;

  readonly #gone: BusyTimes | null;

  /** @param gone when others were there that were let go, and are no longer among the legs */
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

  /** False when somebody unaccounted for carried the same bytes then: the likeness may be a coincidence. */
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
      // Datagrams have no order that would tell like flows apart once some are lost.
      if (strict) {
        if (mayBeMistaken(leg, edge)) return false;
        continue;
      }
      if (compareContent(leg, edge.client) === null || isOfOtherKind(leg, edge)) continue;
      return false;
    }
    return true;
  }

  /** The others of the time of a pair whose own matches decide about it. */
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

  /** Itself one side of a pair from the same service to the same container. */
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

/** Neither rewritten nor seen to go straight across: then it may be a side of a relay. */
export function isUnexplained({ uniform, leg }: CapturedLeg): boolean {
  return uniform && findCrossing(leg.sightings) === null;
}

/** Where packets are missing, whatever is not explained may be what belongs to either side of the pair. */
export function mayBeMistaken(leg: CapturedLeg, edge: Edge): boolean {
  const { client } = edge;
  if (leg.leg.protocol !== client.leg.protocol || !isUnexplained(leg)) return false;
  return leg.leg.protocol === 'tcp' || sharePayload(leg, client);
}

/** When something else could be taken for a pair's: while it lasted, and around that where little was compared. */
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

/** Whatever is not explained counts against it, be it like it or not. */
export function isStrict({ thin, client }: Edge): boolean {
  return thin || client.leg.protocol === 'udp';
}

/** What is known to be no side of this relay: rewritten on its way, straight across, or a container's to elsewhere. */
function isOfOtherKind(leg: CapturedLeg, { upstream }: Edge): boolean {
  if (!isUnexplained(leg)) return true;
  return leg.ofContainer && !mayHaveDialled(leg, upstream);
}

/** What a pair's client dialled, by port, and where it led. */
export function nameService({ client, upstream }: Edge): string {
  const { address, port } = upstream.leg.destination;
  return `${client.leg.server.port}|${address}|${port}`;
}
