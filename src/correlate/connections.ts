/** Turns events into connections: finds flows, legs and relays, and keeps the connections that were asked for. */
import type { CopyEvent, TraceEvent } from '../model/event.js';
import type { ExchangeCounts } from '../model/judgement.js';
import type { Trace, TraceHeader } from '../model/trace.js';
import { gatherFlows } from './flows.js';
import { Budgets, listChanges } from './budgets.js';
import { addsNothing, addUp } from './accounts.js';
import { createMatcher } from './asked.js';
import { countExchanges } from './exchanges.js';
import type { Leg } from './leg.js';
import { buildLeg } from './legs.js';
import { pairRelays, type Move, type Relaying, type RelayLink } from './relays.js';
import { firstOfEach, Ways, type Taking, type RelayWay } from './ways.js';

/** One connection of a client: its own leg, and the relays that it went through. */
export interface TracedConnection {
  readonly leg: Leg;
  /** The relay nearest to the client. */
  readonly link: RelayLink | null;
  /** All relays from the client to the container; empty without one. */
  readonly links: readonly RelayLink[];
  /** The first datagram that a process read: what an accept is to a connection. */
  readonly received: CopyEvent | null;
  /** The first datagram that a process answered; its read may be missing because it began before the trace. */
  readonly replied: CopyEvent | null;
  /** The first call on the client's end of a leg of datagrams, where a relay has that end. */
  readonly sent: CopyEvent | null;
  /** A transfer into an upstream connection that the relay shares between clients. */
  readonly shared: Move | null;
  /** What the serving process did for it; null where no such process is known, and in captures. */
  readonly service: Service | null;
}

/** What a process did for a connection that it took. */
export interface Service {
  /** Where else it read and wrote before it finished its answer, one way of each kind. */
  readonly ways: readonly RelayWay[];
  /** Bytes that it wrote to the client's socket; null where some calls were not recorded. */
  readonly written: number | null;
  /**
   * The client's requests, and those during which the process made a call elsewhere; null where some calls were not
   * recorded.
   */
  readonly exchanges: ExchangeCounts | null;
}

/** All that is known about the traffic of a trace, or of a part of it. */
export interface Correlation {
  /** Every leg, including those that nobody asked for. */
  readonly legs: readonly Leg[];
  readonly relaying: Relaying;
  /** The connections of the trace's target, in the order in which they were first seen. */
  readonly connections: readonly TracedConnection[];
  /** Legs that carried the bytes of one client and nothing else. */
  readonly spoken: ReadonlySet<Leg>;
}

/** Connections of the trace's target in the order in which they were first seen. */
export function findConnections({ header, events }: Trace): readonly TracedConnection[] {
  return correlate(events, header).connections;
}

/** @param events in order of time */
export function correlate(
  events: readonly TraceEvent[],
  header: TraceHeader,
  budgets = new Budgets(header.budget, listChanges(events)),
): Correlation {
  const { target, topology } = header;
  const context = { host: topology.host, ports: new Set(target.ports), budgets };
  const legs = gatherFlows(events).flatMap((flow) => buildLeg(flow, context) ?? []);
  const relaying = pairRelays(legs, events, topology);
  const { links, received, replied, sent, shared, beyond } = relaying;
  const linkOf = new Map(links.map((link) => [link.client, link]));
  const spoken = new Set(links.flatMap((link) => (isWhole(link) ? [link.upstream] : [])));
  const ways = new Ways(legs, events, { ...relaying, spoken });
  const isAsked = createMatcher(header, 'known');
  const connections = legs
    .filter((leg) => !beyond.has(leg) && isAsked({ leg, upstream: null, via: [] }))
    .map((leg) => {
      const chain = followLinks(leg, linkOf);
      const link = chain[0] ?? null;
      const taking = leg.accepted ?? received.get(leg) ?? replied.get(leg) ?? null;
      return {
        leg,
        link,
        links: chain,
        received: received.get(leg) ?? null,
        replied: replied.get(leg) ?? null,
        sent: sent.get(leg) ?? null,
        shared: shared.get(leg) ?? null,
        service: taking && describeService({ leg, link, taking }, ways, relaying),
      };
    });
  return { legs, relaying, connections, spoken };
}

/** Whether the upstream leg carried this client's bytes and nothing else. */
function isWhole({ flows, sockets }: RelayLink): boolean {
  return flows !== null && sockets === 'own' && addsNothing(flows.there) && addsNothing(flows.back);
}

interface Served {
  readonly leg: Leg;
  readonly link: RelayLink | null;
  readonly taking: Taking;
}

function describeService(
  { leg, link, taking }: Served,
  ways: Ways,
  { calls, counts }: Relaying,
): Service {
  const own = calls.of(leg, 'server');
  const written = addUp([{ leg, calls: own }], 'write', counts);
  const printed = own.reduce((sum, one) => sum + (one.operation === 'write' ? one.bytes : 0), 0);
  const found = link ? [] : ways.find(leg, taking);
  const times = [...(link?.moves ?? []), ...found].map(({ event }) => event.time);
  return {
    ways: firstOfEach(found),
    written,
    exchanges: printed === written ? countExchanges(own, times) : null,
  };
}

/** Follows the chain of relays: a relay's upstream leg may end at another relay. */
function followLinks(leg: Leg, linkOf: ReadonlyMap<Leg, RelayLink>): RelayLink[] {
  const chain: RelayLink[] = [];
  let next = linkOf.get(leg);
  while (next && !chain.includes(next)) {
    chain.push(next);
    next = linkOf.get(next.upstream);
  }
  return chain;
}
