/**
 * Pairs a relay's legs where no transfer of bytes was seen: by what the process is, and by what it dialled meanwhile.
 */
import { sameEndpoint } from '../model/address.js';
import type { AcceptEvent, StateEvent } from '../model/event.js';
import type { Topology } from '../model/topology.js';
import type { LegCalls } from './calls.js';
import { countBy } from './count-by.js';
import type { Kinship } from './kinship.js';
import { findRelay, isRelayProcess } from './known-relays.js';
import type { Leg } from './leg.js';
import { isTlsRelay } from './tls.js';

export interface Excluded {
  readonly client: Leg;
  readonly upstream: Leg;
  /** See RelayLink. */
  readonly how: 'only' | 'tls';
  readonly accepted: AcceptEvent;
}

interface ExclusionContext {
  readonly kinship: Kinship;
  readonly calls: LegCalls;
  readonly topology: Topology;
}

interface Edge {
  readonly client: Leg;
  readonly upstream: Leg;
  readonly how: Excluded['how'] | null;
}

/** Pairs an accepted leg with the one leg that its process dialled meanwhile, if neither fits any other leg. */
export function pairByExclusion(
  clients: readonly Leg[],
  upstreams: readonly Leg[],
  context: ExclusionContext,
): Excluded[] {
  const dials = new Dials(upstreams, context.kinship);
  const possible = clients.flatMap((client) =>
    dials
      .during(client)
      .filter((leg) => leg !== client && couldServe(client, leg.dialled, context.kinship))
      .map((upstream): Edge => ({ client, upstream, how: classify(client, upstream, context) })),
  );
  // Where the sizes of two legs' pieces show that they belong together, their other candidates are dropped.
  const shown = new Set(
    possible.flatMap(({ how, client, upstream }) => (how === 'tls' ? [client, upstream] : [])),
  );
  const edges = possible.filter(
    ({ how, client, upstream }) => how === 'tls' || !(shown.has(client) || shown.has(upstream)),
  );
  const ofClient = countBy(edges, ({ client }) => client);
  const ofUpstream = countBy(edges, ({ upstream }) => upstream);
  return edges.flatMap(({ client, upstream, how }) => {
    const only = ofClient.get(client) === 1 && ofUpstream.get(upstream) === 1;
    if (!only || how === null || client.accepted === null) return [];
    return [{ client, upstream, how, accepted: client.accepted }];
  });
}

interface Dialled {
  readonly leg: Leg;
  readonly pid: number;
  readonly time: number;
}

/**
 * Indexes legs by the dialling process and time: a relay may dial very often, and only a short period concerns one
 * client.
 */
class Dials {
  readonly #byPid: ReadonlyMap<number, readonly Dialled[]>;
  readonly #byAccept: ReadonlyMap<AcceptEvent | null, readonly Dialled[]>;

  constructor(legs: readonly Leg[], kinship: Kinship) {
    const dials = legs
      .flatMap((leg): Dialled[] =>
        leg.dialled ? [{ leg, pid: leg.dialled.pid, time: leg.dialled.time }] : [],
      )
      .sort((a, b) => a.time - b.time);
    this.#byPid = Map.groupBy(dials, ({ pid }) => pid);
    this.#byAccept = Map.groupBy(dials, ({ pid }) => kinship.servedBy(pid));
  }

  /**
   * The legs that the client's process, or a process forked for it, dialled between the client's accept and its end.
   */
  during({ accepted, until }: Leg): Leg[] {
    if (accepted === null) return [];
    const { pid, time } = accepted;
    const own = this.#byPid.get(pid) ?? [];
    const others = (this.#byAccept.get(accepted) ?? []).filter((dial) => dial.pid !== pid);
    return [...between(own, time, until), ...between(others, time, until)];
  }
}

/** @param list in order of time */
function between(list: readonly Dialled[], from: number, to: number): Leg[] {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.time ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  const legs: Leg[] = [];
  for (let at = low; at < list.length; at += 1) {
    const dial = list[at];
    if (!dial || dial.time > to) break;
    legs.push(dial.leg);
  }
  return legs;
}

/**
 * Why the only leg that a process dialled may belong to its client although no transfer was seen; null where nothing
 * shows it, because the process may be a server of its own.
 */
function classify(
  client: Leg,
  upstream: Leg,
  { topology, calls }: ExclusionContext,
): 'only' | 'tls' | null {
  const { accepted } = client;
  const { dialled } = upstream;
  if (!accepted || !dialled) return null;
  if (isRelayProcess(accepted, topology)) {
    const target = findRelay(topology, accepted)?.target;
    return target && !sameEndpoint(target, dialled.remote) ? null : 'only';
  }
  const own = calls.of(client, 'server');
  if (isTlsRelay({ client: own, upstream: calls.of(upstream, 'client') })) return 'tls';
  // A process that dials before it reads anything, and sends the client nothing, waits for what it dialled.
  const early = own.every(({ time }) => time > dialled.time);
  return early && own.every(({ operation }) => operation === 'read') && !hasAnswer(client)
    ? 'only'
    : null;
}

function hasAnswer({ events, client }: Leg): boolean {
  return events.some(
    (event) =>
      event.kind === 'packet' && event.length > 0 && sameEndpoint(event.destination, client),
  );
}

/**
 * Whether a relay may have dialled for this client: in the accepting process or one forked for it, after the accept,
 * and before the client's leg ends.
 */
export function couldServe(client: Leg, dialled: StateEvent | null, kinship: Kinship): boolean {
  if (!dialled || !client.accepted) return false;
  const { accepted } = client;
  const own =
    dialled.pid === accepted.pid ||
    (kinship.descends(dialled.pid, accepted.pid) && kinship.servedBy(dialled.pid) === accepted);
  return (
    own &&
    dialled.namespace === accepted.namespace &&
    dialled.time >= accepted.time &&
    dialled.time <= client.until
  );
}
