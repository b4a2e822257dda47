/** What a claim may look at: one connection, the host's map, and how complete the trace is. */
import { countBytes, type LegBytes } from '../correlate/bytes.js';
import type { TracedConnection } from '../correlate/connections.js';
import type { Leg } from '../correlate/leg.js';
import { isLoopback } from '../model/address.js';
import type { AcceptEvent, CopyEvent, PacketEvent, TraceEvent } from '../model/event.js';
import type { Topology } from '../model/topology.js';
import type { Trace, TraceTail } from '../model/trace.js';

export interface Case extends TracedConnection {
  readonly topology: Topology;
  readonly tail: TraceTail;
  readonly bytes: LegBytes;
  /** Bytes of the relay's own leg, null without one. */
  readonly upstreamBytes: LegBytes | null;
  /** The leg that ends at the container: the relay's own, or the client's. */
  readonly lastLeg: Leg;
  /** The first packet of the last leg as it entered the namespace that its destination is in. */
  readonly entered: PacketEvent | null;
  /** The accept of the client's leg by a process of the host; for datagrams, its reading of the first. */
  readonly hostAccept: AcceptEvent | CopyEvent | null;
  /** The same, where that process hands connections on (docker-proxy, or any process with a leg of its own for it). */
  readonly relayAccept: AcceptEvent | CopyEvent | null;
  /** Whether a process of the host that takes part would have been seen: datagrams have no accept to see. */
  readonly watched: boolean;
  /** A call of the accepting process on another connection to a container, which it may hand bytes on by. */
  readonly pooled: CopyEvent | null;
}

export function openCase(connection: TracedConnection, trace: Trace): Case {
  const { tail, events } = trace;
  const { topology, probes } = trace.header;
  const { leg, link, links, received, shared } = connection;
  const lastLeg = links.at(-1)?.upstream ?? leg;
  const taken = leg.accepted ?? received;
  const hostAccept = taken?.namespace === topology.host ? taken : null;
  const handsOn = hostAccept !== null && isRelayProcess(hostAccept, topology);
  return {
    ...connection,
    topology,
    tail,
    bytes: countBytes(leg),
    upstreamBytes: link && countBytes(link.upstream),
    lastLeg,
    entered: findEntered(lastLeg, topology),
    hostAccept,
    relayAccept: link || shared || handsOn ? hostAccept : null,
    watched: leg.protocol === 'tcp' || probes.attached.includes(READING),
    pooled: hostAccept && findPooled(hostAccept, events, topology),
  };
}

/** The probe that sees a datagram read. */
const READING = 'tracepoint:syscalls:sys_enter_recvfrom';

/** Relays that hand bytes to another namespace over sockets or devices that no probe follows. */
const PORT_DRIVERS = new Set([
  'rootlesskit',
  'rootlessport',
  'slirp4netns',
  'pasta',
  'pasta.avx2',
  'passt',
]);

/** Whether this is the port driver of a rootless engine. */
export function isPortDriver({ command }: { readonly command: string }): boolean {
  return PORT_DRIVERS.has(command);
}

/** docker-proxy by its arguments (read before the trace) or by its name; port drivers by theirs. */
export function isRelayProcess(
  process: { readonly pid: number; readonly command: string },
  topology: Topology,
): boolean {
  return (
    process.command === 'docker-proxy' ||
    isPortDriver(process) ||
    topology.relays.some(({ pid }) => pid === process.pid)
  );
}

/** Whether an address is one of the host's own. */
export function isHostAddress(topology: Topology, address: string): boolean {
  return isLoopback(address) || holdsAddress(topology, topology.host, address);
}

function findPooled(
  accept: AcceptEvent | CopyEvent,
  events: readonly TraceEvent[],
  topology: Topology,
): CopyEvent | null {
  const found = events.find(
    (event) =>
      event.kind === 'copy' &&
      event.pid === accept.pid &&
      event.socket !== accept.socket &&
      topology.containers.some(({ networks }) =>
        networks.some(({ addresses }) => addresses.includes(event.remote.address)),
      ),
  );
  return found?.kind === 'copy' ? found : null;
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
