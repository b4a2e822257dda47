/** What a claim may look at: one connection and the map of the host. */
import { countBytes, type LegBytes } from '../correlate/bytes.js';
import type { TracedConnection } from '../correlate/connections.js';
import { findRelay, isRelayProcess } from '../correlate/known-relays.js';
import type { Leg, LegEvent, Nat } from '../correlate/leg.js';
import { isLoopback } from '../model/address.js';
import type { Process } from '../model/claim.js';
import type { AcceptEvent, CopyEvent, PacketEvent } from '../model/event.js';
import type { Topology } from '../model/topology.js';
import type { TraceHeader } from '../model/trace.js';
import { readWitnesses, type Witnesses } from './coverage/witnesses.js';

export interface Observed extends TracedConnection {
  readonly topology: Topology;
  readonly bytes: LegBytes;
  /** Bytes of the relay's own leg; null without such a leg and where its packets are not traced. */
  readonly upstreamBytes: LegBytes | null;
  /** The leg that ends at the container: the relay's own, or the client's. */
  readonly lastLeg: Leg;
  /** The first packet of the last leg that was seen to enter the namespace of its destination. */
  readonly entered: PacketEvent | null;
  /** The accept of the client's leg by a process of the host; for UDP, its first read, otherwise its first answer. */
  readonly hostAccept: AcceptEvent | CopyEvent | null;
  /** The same event if that process relays: docker-proxy, or any process with a leg of its own for the connection. */
  readonly relayAccept: AcceptEvent | CopyEvent | null;
  /** The NAT that sent the connection to an address of the host itself. */
  readonly redirect: Nat | null;
  /** Whether that process is docker-proxy by its arguments and listens on the port that took the connection. */
  readonly identified: boolean;
  readonly witnesses: Witnesses;
}

export function observe(connection: TracedConnection, { topology, probes }: TraceHeader): Observed {
  const { leg, link, links, received, replied, shared } = connection;
  const lastLeg = links.at(-1)?.upstream ?? leg;
  const taken = leg.accepted ?? received ?? replied;
  const hostAccept = taken?.namespace === topology.host ? taken : null;
  const handsOn = hostAccept !== null && isRelayProcess(hostAccept, topology);
  const upstream = link?.upstream;
  return {
    ...connection,
    topology,
    bytes: countBytes(leg),
    // Packets of a port that is not traced are not seen, so their bytes are unknown.
    upstreamBytes: upstream?.events.some(isCounted) ? countBytes(upstream) : null,
    lastLeg,
    entered: findEntered(lastLeg, topology),
    hostAccept,
    relayAccept: link || shared || handsOn ? hostAccept : null,
    redirect: leg.nat && staysHere(leg.nat, hostAccept, topology) ? leg.nat : null,
    identified: isDockerProxy(hostAccept ?? link?.process ?? null, hostAccept, topology),
    witnesses: readWitnesses(probes),
  };
}

function isCounted({ kind }: LegEvent): boolean {
  return kind === 'packet' || kind === 'counter';
}

/** Whether NAT sent the connection to the host itself: a process took it there, or the address is the host's own. */
function staysHere(
  { view, destinationRewritten }: Nat,
  accept: AcceptEvent | CopyEvent | null,
  topology: Topology,
): boolean {
  const { address, port } = view.reply.source;
  if (!destinationRewritten) return false;
  return accept?.local.port === port || isHostAddress(topology, address);
}

/** The arguments of docker-proxy show what it is and where it relays to, so no byte has to be seen. */
function isDockerProxy(
  process: Process | null,
  accept: AcceptEvent | CopyEvent | null,
  topology: Topology,
): boolean {
  const relay = process && findRelay(topology, process);
  if (relay?.command !== 'docker-proxy') return false;
  return accept === null || accept.local.port === relay.listens.port;
}

/** Whether an address is one of the host's own. */
export function isHostAddress(topology: Topology, address: string): boolean {
  return isLoopback(address) || holdsAddress(topology, topology.host, address);
}

function findEntered(leg: Leg, topology: Topology): PacketEvent | null {
  const { address, port } = leg.destination;
  return (
    leg.events.find(
      (event): event is PacketEvent =>
        event.kind === 'packet' &&
        event.direction === 'in' &&
        event.namespace !== topology.host &&
        event.destination.address === address &&
        event.destination.port === port &&
        holdsAddress(topology, event.namespace, address),
    ) ?? null
  );
}

/** Whether a namespace has the address; true for a namespace that is missing from the map, because it may. */
export function holdsAddress(topology: Topology, inode: number | null, address: string): boolean {
  const namespace = topology.namespaces.find((candidate) => candidate.inode === inode);
  if (!namespace) return true;
  return namespace.devices.some(({ addresses }) =>
    addresses.some((own) => own.replace(/\/\d+$/, '') === address),
  );
}

/** The process of an event, without the rest of it. */
export function processOf(event: Process | null): Process | null {
  return event && { pid: event.pid, command: event.command };
}
