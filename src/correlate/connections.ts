/** From events to connections: flows, legs, relays, and which of them the target means. */
import { isLoopback, type Endpoint } from '../model/address.js';
import type { Target } from '../model/target.js';
import type { Topology } from '../model/topology.js';
import type { Trace } from '../model/trace.js';
import { gatherFlows } from './flows.js';
import type { Leg } from './leg.js';
import { buildLeg } from './legs.js';
import { pairRelays, type RelayLink } from './relays.js';

/** One connection of a client: its own leg, and the relay's when there is one. */
export interface TracedConnection {
  readonly leg: Leg;
  readonly link: RelayLink | null;
}

/** Connections of the trace's target in the order in which they were first seen. */
export function findConnections(trace: Trace): TracedConnection[] {
  const { target, topology, client } = trace.header;
  const context = { host: topology.host, ports: new Set(target.ports) };
  const legs = gatherFlows(trace.events).flatMap((flow) => buildLeg(flow, context) ?? []);
  const links = pairRelays(legs, trace.events);
  const linkOf = new Map(links.map((link) => [link.client, link]));
  const upstream = new Set(links.map((link) => link.upstream));
  const meant = createMatcher(target, topology);
  return legs
    .filter((leg) => !upstream.has(leg) && meant(leg))
    .filter((leg) => client === null || leg.client.address === client)
    .map((leg) => ({ leg, link: linkOf.get(leg) ?? null }));
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
