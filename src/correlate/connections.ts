/** From events to connections: flows, legs, relays, and which of them the target means. */
import { isLoopback, type Endpoint } from '../model/address.js';
import type { CopyEvent, StateEvent } from '../model/event.js';
import type { Target } from '../model/target.js';
import type { Topology } from '../model/topology.js';
import type { Trace } from '../model/trace.js';
import { gatherFlows } from './flows.js';
import type { Leg } from './leg.js';
import { buildLeg } from './legs.js';
import type { Kinship } from './kinship.js';
import { pairRelays, type Move, type RelayLink } from './relays.js';

/** One connection of a client: its own leg, and those of the relays that it went through. */
export interface TracedConnection {
  readonly leg: Leg;
  /** The relay nearest to the client. */
  readonly link: RelayLink | null;
  /** All relays from the client to the container; empty without one. */
  readonly links: readonly RelayLink[];
  /** The first datagram that a process read: what an accept is to a connection. */
  readonly received: CopyEvent | null;
  /** The same at the client's end: a call of a relay there. */
  readonly sent: CopyEvent | null;
  /** A transfer into a connection that the relay shares between clients. */
  readonly shared: Move | null;
  /** A dial of the accepting process that may have been for this connection, though nothing shows it. */
  readonly stray: StateEvent | null;
}

/** Connections of the trace's target in the order in which they were first seen. */
export function findConnections(trace: Trace): TracedConnection[] {
  const { target, topology, client } = trace.header;
  const context = { host: topology.host, ports: new Set(target.ports) };
  const legs = gatherFlows(trace.events).flatMap((flow) => buildLeg(flow, context) ?? []);
  const { links, received, sent, shared, beyond, kinship } = pairRelays(legs, trace.events);
  const linkOf = new Map(links.map((link) => [link.client, link]));
  const meant = createMatcher(target, topology);
  return legs
    .filter((leg) => !beyond.has(leg) && meant(leg))
    .filter((leg) => client === null || leg.client.address === client)
    .map((leg) => {
      const chain = followLinks(leg, linkOf);
      return {
        leg,
        link: chain[0] ?? null,
        links: chain,
        received: received.get(leg) ?? null,
        sent: sent.get(leg) ?? null,
        shared: shared.get(leg) ?? null,
        stray: chain.length > 0 ? null : findStray(leg, legs, kinship),
      };
    });
}

/** A relay's own leg may end at another relay. */
function followLinks(leg: Leg, linkOf: ReadonlyMap<Leg, RelayLink>): RelayLink[] {
  const chain: RelayLink[] = [];
  let next = linkOf.get(leg);
  while (next && !chain.includes(next)) {
    chain.push(next);
    next = linkOf.get(next.upstream);
  }
  return chain;
}

function findStray(leg: Leg, legs: readonly Leg[], kinship: Kinship): StateEvent | null {
  const { accepted } = leg;
  if (!accepted) return null;
  const last = leg.events.at(-1)?.time ?? 0;
  const found = legs.find(
    ({ dialled }) =>
      dialled !== null &&
      kinship.descends(dialled.pid, accepted.pid) &&
      dialled.time >= accepted.time &&
      dialled.time <= last,
  );
  return found?.dialled ?? null;
}

/** Says whether a leg is one of those that were asked for. */
function createMatcher(target: Target, topology: Topology): (leg: Leg) => boolean {
  const inScope = new Set([
    topology.host,
    ...topology.containers
      .filter(({ name }) => target.containers.includes(name))
      .flatMap(({ namespace }) => namespace ?? []),
  ]);
  const hostAddresses = new Set(
    topology.namespaces
      .filter(({ inode }) => inode === topology.host)
      .flatMap(({ devices }) => devices.flatMap(({ addresses }) => addresses))
      .map((address) => address.replace(/\/\d+$/, '')),
  );
  const isHosts = ({ address }: Endpoint): boolean =>
    isLoopback(address) || hostAddresses.has(address) || hostAddresses.size === 0;
  const isContainers = ({ address, port }: Endpoint): boolean =>
    target.addresses.includes(address) &&
    (target.mappings.length === 0
      ? target.ports.includes(port)
      : target.mappings.some(({ target: end }) => end.port === port));
  const published = new Set(target.mappings.map(({ listens }) => listens.port));
  const bare = target.asked.filter(
    (port) => !published.has(port) && !target.mappings.some(({ target: end }) => end.port === port),
  );
  return (leg) =>
    (target.protocol === 'all' || leg.protocol === target.protocol) &&
    leg.events.some((event) => inScope.has(event.namespace ?? -1)) &&
    (isContainers(leg.destination) ||
      (leg.server !== null &&
        ((published.has(leg.server.port) && isHosts(leg.server)) ||
          bare.includes(leg.server.port) ||
          bare.includes(leg.destination.port))));
}
