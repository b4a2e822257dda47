/**
 * Pairs the legs of a port driver that is not seen to dial: it takes the client's leg on the host, and writes the other one
 * into a tap device of the namespace that it leads to. Only the driver writes there, and it keeps the client's port.
 */
import { isLoopback, sameEndpoint } from '../model/address.js';
import type { Process } from '../model/claim.js';
import type { PacketEvent } from '../model/event.js';
import type { PortDriver, Topology } from '../model/topology.js';
import type { LegCalls } from './calls.js';
import { countBy } from './count-by.js';
import type { Kinship } from './kinship.js';
import type { Leg } from './leg.js';

export interface Tapped {
  readonly client: Leg;
  readonly upstream: Leg;
  readonly process: Process;
}

interface TapContext {
  readonly kinship: Kinship;
  readonly calls: LegCalls;
  readonly topology: Topology;
}

/** Pairs legs that fit each other and no other leg. */
export function pairByTaps(
  clients: readonly Leg[],
  upstreams: readonly Leg[],
  context: TapContext,
): Tapped[] {
  const edges = (context.topology.drivers ?? []).flatMap((driver) => {
    const taken = clients.filter((leg) => isTaken(leg, driver, context));
    const written = Map.groupBy(
      upstreams.filter((leg) => isWritten(leg, driver, context)),
      ({ client }) => client.port,
    );
    return taken.flatMap((client) =>
      (written.get(client.client.port) ?? [])
        .filter((upstream) => upstream !== client && fits(client, upstream, driver))
        .map((upstream): Tapped => ({ client, upstream, process: findProcess(client, driver) })),
    );
  });
  const ofClient = countBy(edges, ({ client }) => client);
  const ofUpstream = countBy(edges, ({ upstream }) => upstream);
  return edges.filter(
    ({ client, upstream }) => ofClient.get(client) === 1 && ofUpstream.get(upstream) === 1,
  );
}

/** Whether the driver accepted it on the host, or listens where its datagrams went. */
function isTaken(
  { protocol, accepted, nat, destination, events }: Leg,
  { pid }: PortDriver,
  { kinship, topology }: TapContext,
): boolean {
  const { host, listeners } = topology;
  if (accepted) return accepted.namespace === host && kinship.descends(accepted.pid, pid);
  return (
    protocol === 'udp' &&
    nat === null &&
    events.some(({ namespace }) => namespace === host) &&
    listeners.some(
      (one) =>
        one.namespace === host &&
        one.pid === pid &&
        one.protocol === 'udp' &&
        one.local.port === destination.port,
    )
  );
}

/**
 * Whether its first packet came out of a tap device of the driver, and nobody there sent it. Datagrams of the host's own
 * loopback come from a socket that the driver has in that namespace, by calls that are not watched.
 */
function isWritten(leg: Leg, { namespaces }: PortDriver, { topology, calls }: TapContext): boolean {
  const { protocol, events, begun, dialled } = leg;
  const first = events.find((event): event is PacketEvent => event.kind === 'packet');
  if (!first || !begun || dialled) return false;
  const place = topology.namespaces.find(({ inode }) => inode === first.namespace);
  if (place === undefined || !namespaces.includes(place.inode)) return false;
  if (first.direction === 'out') {
    return protocol === 'udp' && first.socket !== null && calls.of(leg, 'client').length === 0;
  }
  return place.devices.find(({ ifindex }) => ifindex === first.ifindex)?.tap === true;
}

/** Nanoseconds by which a driver may write a datagram later than the last packet of its leg. */
const SLACK = 1_000_000_000;

/** Both have the same port of the client. */
function fits(client: Leg, upstream: Leg, { ports }: PortDriver): boolean {
  const begin = upstream.events[0]?.time ?? 0;
  const local = isLoopback(client.client.address);
  const since = client.events[0]?.time ?? 0;
  // The driver's arguments may say which port leads to which.
  const told = ports.find(
    ({ protocol, hostPort }) =>
      protocol === client.protocol && hostPort === client.destination.port,
  );
  return (
    client.protocol === upstream.protocol &&
    begin >= since &&
    begin <= client.until + (client.protocol === 'udp' ? SLACK : 0) &&
    (told === undefined || told.containerPort === upstream.server?.port) &&
    // The host's own loopback is no source for a frame: the driver puts an address of its own there.
    (local || (sameEndpoint(client.client, upstream.client) && !isSent(upstream)))
  );
}

/** Whether a socket in the namespace sent its first packet. */
function isSent({ events }: Leg): boolean {
  const first = events.find(({ kind }) => kind === 'packet');
  return first?.kind === 'packet' && first.direction === 'out';
}

function findProcess({ accepted }: Leg, { pid, command }: PortDriver): Process {
  return accepted ? { pid: accepted.pid, command: accepted.command } : { pid, command };
}
