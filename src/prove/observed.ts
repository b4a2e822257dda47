/** What a claim may look at: one connection, and the host's map. */
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
  /** Bytes of the relay's own leg; null without one, and where its packets are not traced. */
  readonly upstreamBytes: LegBytes | null;
  /** The leg that ends at the container: the relay's own, or the client's. */
  readonly lastLeg: Leg;
  /** The first packet of the last leg as it entered the namespace that its destination is in. */
  readonly entered: PacketEvent | null;
  /** The accept of the client's leg by a process of the host; for datagrams, its reading of the first. */
  readonly hostAccept: AcceptEvent | CopyEvent | null;
  /** The same, where that process hands connections on (docker-proxy, or any process with a leg of its own for it). */
  readonly relayAccept: AcceptEvent | CopyEvent | null;
  /** The rewriting that sent it to an address of the host itself. */
  readonly redirect: Nat | null;
  /** That process is docker-proxy by its arguments, listening where it took the connection. */
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
    // Packets of a port that is not traced are not seen: nobody knows how many bytes there were.
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

/** Its arguments say what it is and where it hands on: that needs no byte to be seen. */
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

/** Whether that namespace has the address; a namespace that is not known in detail may. */
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
