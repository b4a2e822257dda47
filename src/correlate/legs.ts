/** Turns a flow into a leg: finds who began it, what was dialled, where it went, and what conntrack says about it. */
import { sameEndpoint, type Endpoint } from '../model/address.js';
import {
  CONNTRACK,
  TCP,
  TCP_STATE,
  type AcceptEvent,
  type ConntrackView,
  type DropEvent,
  type NatEvent,
  type PacketEvent,
  type StateEvent,
} from '../model/event.js';
import type { Budgets } from './budgets.js';
import { isRequest } from './bytes.js';
import type { Flow } from './flows.js';
import type { Leg, LegEvent, Nat } from './leg.js';
import { ResetNumbers } from './reset-fit.js';

export interface LegContext {
  /** Inode of the host's network namespace; null in a capture. */
  readonly host: number | null;
  /** Ports on which servers are expected: they tell client from server in flows that began before the trace. */
  readonly ports: ReadonlySet<number>;
  /** Missing where all packets are listed. */
  readonly budgets?: Budgets | undefined;
}

/** Builds the leg of a flow; null where the events do not tell its ends. */
export function buildLeg(flow: Flow, context: LegContext): Leg | null {
  const { events } = flow;
  const packets = events.filter((event) => event.kind === 'packet');
  const dialled =
    events.find(
      (event): event is StateEvent => event.kind === 'state' && event.to === TCP_STATE.SYN_SENT,
    ) ?? null;
  const tracked = listTracked(events, context.host);
  const view = chooseView(tracked);
  const ends = findEnds(flow, { packets, dialled, view, ports: context.ports });
  if (ends === null) return null;
  const { client, server, begun } = ends;
  const destination = view?.conntrack.reply.source ?? lastDestination(packets, client) ?? server;
  const leg = {
    protocol: readProtocol(events),
    events,
    client,
    server,
    destination,
    begun,
    dialled,
    accepted: events.find((event): event is AcceptEvent => event.kind === 'accept') ?? null,
    nat: view && readNat(view, { events, packets, dialled, host: context.host }),
    conntracked: view !== null,
  };
  const unlisted = hasUnlisted(leg, packets, context.budgets);
  return { ...leg, unlisted, until: findEnd({ ...leg, unlisted }) };
}

/** Drops, rewritings and counts name it as packets do; changes of sockets are of TCP alone. */
function readProtocol(events: readonly LegEvent[]): Leg['protocol'] {
  for (const event of events) if ('protocol' in event) return event.protocol;
  return 'tcp';
}

type LegEnds = Pick<Leg, 'events' | 'client' | 'server' | 'destination'>;

/**
 * Whether packets were only counted, or some device has listed as many packets of one direction as the smallest budget
 * of the leg's life.
 */
function hasUnlisted(
  leg: LegEnds,
  packets: readonly PacketEvent[],
  budgets: Budgets | undefined,
): boolean {
  if (leg.events.some(({ kind }) => kind === 'counter')) return true;
  const budget = budgets?.least(leg.events[0]?.time ?? 0, findLast(leg));
  if (budget === undefined || packets.length < budget) return false;
  const listed = new Map<string, number>();
  return packets.some(({ protocol, namespace, ifindex, direction, source }) => {
    const hop = `${namespace}|${ifindex}|${direction}|${source.address}|${source.port}`;
    const count = (listed.get(hop) ?? 0) + 1;
    listed.set(hop, count);
    return protocol === 'tcp' && count >= budget;
  });
}

/** When the last packet of a leg may have passed, listed or not: infinite until both ends are done, or a socket closes. */
function findLast(leg: LegEnds): number {
  const done = { request: false, reply: false };
  let closed = false;
  for (const event of leg.events) {
    if (event.kind === 'state') closed ||= event.to === TCP_STATE.CLOSE;
    else if (event.kind === 'packet' && (event.flags & TCP.FIN) !== 0) {
      done[isRequest(leg, event) ? 'request' : 'reply'] = true;
    }
  }
  const isOver = closed || (done.request && done.reply);
  return isOver ? (leg.events.at(-1)?.time ?? 0) : Infinity;
}

/**
 * When a connection ended: at its last event if it was reset by a reset that belongs to it, or if both ends sent FIN.
 * If no packets of it were seen, the close of its socket counts. Otherwise infinite. Datagrams have no end, so their
 * last event counts.
 */
function findEnd(leg: Omit<Leg, 'until'>): number {
  const last = leg.events.at(-1)?.time ?? 0;
  if (leg.protocol === 'udp') return last;
  const closed = { request: false, reply: false };
  const numbers = new ResetNumbers(leg.unlisted);
  let seen = false;
  for (const event of leg.events) {
    if (event.kind !== 'packet') continue;
    seen = true;
    const request = isRequest(leg, event);
    if ((event.flags & TCP.RST) !== 0) {
      const fit = numbers.judge(event, request);
      // The packets that the reset would have to fit may be missing from the list.
      if (fit === 'fits' || (fit === 'unknown' && leg.unlisted)) return last;
      continue;
    }
    numbers.see(event, request);
    if ((event.flags & TCP.FIN) !== 0) closed[request ? 'request' : 'reply'] = true;
  }
  const socketClosed = (): boolean =>
    leg.events.some((event) => event.kind === 'state' && event.to === TCP_STATE.CLOSE);
  return (closed.request && closed.reply) || (!seen && socketClosed()) ? last : Infinity;
}

type Tracked = (PacketEvent | DropEvent) & { readonly conntrack: ConntrackView };

/** Packets and drops with a conntrack entry of the host's namespace. */
function listTracked(events: readonly LegEvent[], host: number | null): Tracked[] {
  return events.filter(
    (event): event is Tracked =>
      (event.kind === 'packet' || event.kind === 'drop') &&
      event.conntrack !== null &&
      event.namespace === host,
  );
}

/** The first packet whose conntrack entry shows a rewriting, else the first that has an entry at all. */
function chooseView(tracked: readonly Tracked[]): Tracked | null {
  return tracked.find(({ conntrack }) => rewrites(conntrack).any) ?? tracked[0] ?? null;
}

function rewrites(view: ConntrackView): { destination: boolean; source: boolean; any: boolean } {
  const destination =
    (view.status & CONNTRACK.DST_NAT) !== 0 ||
    !sameEndpoint(view.original.destination, view.reply.source);
  const source =
    (view.status & CONNTRACK.SRC_NAT) !== 0 ||
    !sameEndpoint(view.original.source, view.reply.destination);
  return { destination, source, any: destination || source };
}

function readNat(
  event: Tracked,
  {
    events,
    packets,
    dialled,
    host,
  }: {
    readonly events: readonly LegEvent[];
    readonly packets: readonly PacketEvent[];
    readonly dialled: StateEvent | null;
    readonly host: number | null;
  },
): Nat | null {
  const { original } = event.conntrack;
  if (!rewrites(event.conntrack).any) return null;
  // The source is rewritten last, in POSTROUTING: a packet before that hook does not show it yet.
  const later = listTracked(events, host).find(
    ({ conntrack }) => conntrack.id === event.conntrack.id && rewrites(conntrack).source,
  );
  const view = (later ?? event).conntrack;
  const { destination, source } = rewrites(view);
  const arrived = packets.some(
    (packet) =>
      packet.direction === 'in' &&
      packet.namespace === host &&
      packet.time <= event.time &&
      sameEndpoint(packet.destination, original.destination) &&
      sameEndpoint(packet.source, original.source),
  );
  // The kernel removes the socket from an arriving packet, so a packet that still has one was sent by this host.
  const sent =
    (dialled?.namespace === host && sameEndpoint(dialled.remote, original.destination)) ||
    (event.kind === 'packet' && event.direction === 'out' && event.socket !== null);
  const hooked = events.find(
    (seen): seen is NatEvent =>
      seen.kind === 'nat' && seen.field === 'destination' && seen.namespace === host,
  )?.hook;
  const inferred = arrived ? 'PREROUTING' : sent ? 'OUTPUT' : null;
  const told = hooked === 'PREROUTING' || hooked === 'OUTPUT' ? hooked : inferred;
  return {
    view,
    event,
    // Where only the source was rewritten, neither hook did it.
    hook: destination ? told : null,
    destinationRewritten: destination,
    sourceRewritten: source,
  };
}

interface Ends {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly begun: boolean;
}

function findEnds(
  { events, local: called }: Flow,
  {
    packets,
    dialled,
    view,
    ports,
  }: {
    readonly packets: readonly PacketEvent[];
    readonly dialled: StateEvent | null;
    readonly view: Tracked | null;
    readonly ports: ReadonlySet<number>;
  },
): Ends | null {
  const syn = packets.find(
    ({ protocol, flags }) => protocol === 'tcp' && (flags & (TCP.SYN | TCP.ACK)) === TCP.SYN,
  );
  if (syn) {
    // The best source for what the process dialled is its socket, then conntrack, then the first packet seen.
    const server = dialled?.remote ?? view?.conntrack.original.destination ?? syn.destination;
    // A packet of the host itself may get another source before it shows on any device.
    const hidden = view !== null && syn.namespace === view.namespace;
    return { client: hidden ? view.conntrack.original.source : syn.source, server, begun: true };
  }
  if (view) {
    const { source, destination } = view.conntrack.original;
    // A first packet that was seen only as a drop also began the flow.
    const begun =
      view.protocol === 'udp'
        ? packets[0] === undefined || isFirst(packets[0], view.conntrack.original)
        : (view.flags & (TCP.SYN | TCP.ACK)) === TCP.SYN;
    return { client: source, server: destination, begun };
  }
  const [first] = packets;
  if (first) {
    const replies = !ports.has(first.destination.port) && ports.has(first.source.port);
    const [client, seen] = replies
      ? [first.destination, first.source]
      : [first.source, first.destination];
    // Where the beginning was lost, the packet may already be rewritten.
    const server = dialled?.remote ?? seen;
    return { client, server, begun: !replies && first.protocol === 'udp' };
  }
  if (dialled) {
    const local = events.find((event) => event.kind === 'state' && event.local.port !== 0);
    const client = local?.kind === 'state' ? local.local : (called ?? dialled.local);
    return { client, server: dialled.remote, begun: true };
  }
  return null;
}

/**
 * Whether a datagram may be the first of its flow: not an answer, and not one that arrived from elsewhere and was
 * already rewritten.
 */
function isFirst(
  { source, destination, socket }: PacketEvent,
  original: ConntrackView['original'],
): boolean {
  if (sameEndpoint(destination, original.source)) return false;
  const rewritten = !sameEndpoint(destination, original.destination);
  // A datagram that this host sent still has its socket: it was rewritten in OUTPUT and shows under no other address.
  return !(rewritten && socket === null && sameEndpoint(source, original.source));
}

/** The destination of the client's first packet at the last hop where it was seen. */
function lastDestination(packets: readonly PacketEvent[], client: Endpoint): Endpoint | null {
  const first = packets.find(({ source }) => sameEndpoint(source, client));
  if (!first) return null;
  const same = packets.filter(
    ({ seq, flags, source }) =>
      seq === first.seq && flags === first.flags && source.port === first.source.port,
  );
  return same.at(-1)?.destination ?? null;
}
