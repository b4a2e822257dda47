/** The record of one use of a pair of endpoints in one namespace, and the union-find that joins records into flows. */
import type { Endpoint } from '../model/address.js';
import type { StateEvent } from '../model/event.js';
import type { LegEvent } from './leg.js';

/** One use of one pair of endpoints in one namespace; several of them make a leg. */
export class Sighting {
  /** Union-find parent; itself when it is the root. */
  parent: Sighting = this;
  readonly events: LegEvent[] = [];
  /** Sequence number of the SYN that began it; at the root, of the SYN that began the whole flow. */
  syn: { readonly seq: number } | null = null;
  lastTime = 0;
  /** The dial that began it, where its socket was seen to dial. */
  dial: StateEvent | null = null;
  /** The local end of the dialling socket, as calls of its process name it. */
  local: Endpoint | null = null;
}

export const root = (sighting: Sighting): Sighting => {
  let node = sighting;
  while (node.parent !== node) {
    node.parent = node.parent.parent;
    node = node.parent;
  }
  return node;
};

/**
 * Joins two sightings into one flow. Returns false, and does not join, when they began with different SYNs: then the
 * pair was used twice.
 */
export const join = (a: Sighting, b: Sighting): boolean => {
  const first = root(a);
  const second = root(b);
  if (first === second) return true;
  if (first.syn && second.syn && first.syn.seq !== second.syn.seq) return false;
  second.parent = first;
  first.syn ??= second.syn;
  return true;
};

export function add(sighting: Sighting, event: LegEvent): void {
  sighting.events.push(event);
  sighting.lastTime = Math.max(sighting.lastTime, event.time);
}
