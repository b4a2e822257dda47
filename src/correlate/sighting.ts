/** One use of a pair of endpoints in one namespace, and which of them are one and the same flow. */
import type { Endpoint } from '../model/address.js';
import type { StateEvent } from '../model/event.js';
import type { LegEvent } from './leg.js';

/** One use of one pair of endpoints in one namespace; several of them make a leg. */
export class Sighting {
  /** Union-find parent; itself when it is the root. */
  parent: Sighting = this;
  readonly events: LegEvent[] = [];
  /** Sequence number of the SYN that began it; at the root, of the whole flow. */
  syn: { readonly seq: number } | null = null;
  lastTime = 0;
  /** The dial that began it, where its socket was seen to. */
  dial: StateEvent | null = null;
  /** The near end of the socket that dialled, as its process's calls on it name it. */
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

/** Makes two sightings one flow. Refuses (false) when they began with different SYNs: one pair, used twice. */
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
