/** Decides whether a connection is one that the user asked for, in live traces and in captures. */
import { isLoopback, type Endpoint } from '../model/address.js';
import type { TunnelPassed } from '../model/conversation.js';
import type { Topology } from '../model/topology.js';
import type { TraceHeader } from '../model/trace.js';
import type { Leg } from './leg.js';

/** What the matcher looks at in one connection. */
export interface Candidate {
  readonly leg: Leg;
  /** The upstream leg of the relay that it went through; null without a relay. */
  readonly upstream: Leg | null;
  readonly via: readonly TunnelPassed[];
}

/**
 * @param places whether the trace knows which addresses and namespaces belong to the host. A live trace does. A capture
 * does not, so any address with a requested port may match.
 */
export function createMatcher(
  header: TraceHeader,
  places: 'known' | 'unknown',
): (candidate: Candidate) => boolean {
  const { target, client } = header;
  const isThere = places === 'known' ? matchOnHost(header) : matchAnywhere(header);
  return (candidate) =>
    (target.protocol === 'all' || candidate.leg.protocol === target.protocol) &&
    (client === null || candidate.leg.client.address === client) &&
    isThere(candidate);
}

/**
 * Matches a connection that was seen in the host or in a requested container, and that went to a port or address of
 * theirs.
 */
function matchOnHost({ target, topology }: TraceHeader): (candidate: Candidate) => boolean {
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
  // A requested port inside a container: a client that dials it at the host's address forgot to publish it.
  const inner = target.asked.filter((port) => !published.has(port));
  const isBeside = matchBeside(target, topology);
  return ({ leg }) =>
    (isBeside(leg) && leg.server !== null && !isHosts(leg.server)) ||
    (leg.events.some((event) => inScope.has(event.namespace ?? -1)) &&
      (isContainers(leg.destination) ||
        (leg.server !== null &&
          (((published.has(leg.server.port) || inner.includes(leg.server.port)) &&
            isHosts(leg.server)) ||
            bare.includes(leg.server.port) ||
            bare.includes(leg.destination.port)))));
}

/**
 * Matches a container of this host that speaks to the port over a network that bypasses the host's own namespace, as an
 * overlay does: the host itself sees the tunnel's packets at most.
 */
function matchBeside({ asked, byName }: TraceHeader['target'], topology: Topology) {
  const { host, containers } = topology;
  const inside = new Set(containers.flatMap(({ namespace }) => namespace ?? []));
  return ({ server, events }: Leg): boolean =>
    byName !== true &&
    server !== null &&
    asked.includes(server.port) &&
    events.some(({ namespace }) => namespace !== host && inside.has(namespace ?? -1)) &&
    !events.some(({ kind, namespace }) => kind !== 'outer' && namespace === host);
}

/**
 * Matches a server with a requested port, on either side of NAT or of a relay, or on a tunnel around the connection.
 */
function matchAnywhere({ target }: TraceHeader): (candidate: Candidate) => boolean {
  const ports = new Set(target.asked);
  const hasPort = ({ server, destination }: Leg): boolean =>
    (server !== null && ports.has(server.port)) || ports.has(destination.port);
  return ({ leg, upstream, via }) =>
    (target.containers.length === 0 ||
      target.addresses.includes((upstream ?? leg).destination.address)) &&
    (ports.size === 0 ||
      hasPort(leg) ||
      (upstream !== null && hasPort(upstream)) ||
      // A request for VXLAN's port means the connections inside the tunnel.
      via.some(({ port }) => port !== null && ports.has(port)));
}
