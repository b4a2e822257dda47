/**
 * Gathers events into flows: first by namespace and addresses, then across namespaces and NAT where the events prove
 * that they belong together.
 */
import { sameEndpoint, type Endpoint } from '../model/address.js';
import {
  TCP,
  TCP_STATE,
  type CounterEvent,
  type DropEvent,
  type NatEvent,
  type OuterEvent,
  type PacketEvent,
  type Protocol,
  type ResetEvent,
  type SocketEnds,
  type TraceEvent,
} from '../model/event.js';
import { Datagrams, type DatagramSight } from './datagrams.js';
import { continues, endsIn, NEIGHBOUR, ONE_WAY } from './journeys/live.js';
import { carries } from './journeys/outer.js';
import { pairKey, type LegEvent } from './leg.js';
import { add, join, root, Sighting } from './sighting.js';

/** A finished flow: the events of all sightings that belong to it. */
export interface Flow {
  readonly events: readonly LegEvent[];
  /** The local end of the dialling socket, where only a call of its process revealed it; null otherwise. */
  readonly local: Endpoint | null;
}

/** Groups events by flow. Pure; the events must be in order of time. */
export function gatherFlows(events: readonly TraceEvent[]): Flow[] {
  const gatherer = new Gatherer();
  for (const event of events) gatherer.take(event);
  return gatherer.flows();
}

class Gatherer {
  readonly #all: Sighting[] = [];
  /** The current sighting of a pair in a namespace. */
  readonly #current = new Map<string, Sighting>();
  /** By skb: the last packet that was seen in it, and the sighting of that packet. */
  readonly #skbs = new Map<string, { readonly packet: PacketEvent; readonly sighting: Sighting }>();
  /** By skb: the last packet of a tunnel that came in, whose content has not been seen yet. */
  readonly #outer = new Map<string, OuterEvent>();
  /** Sightings by the kernel address of their socket, as long as the socket lives. */
  readonly #sockets = new Map<string, Sighting>();
  readonly #datagrams = new Datagrams();
  /** Sightings of new datagram flows whose addresses were used before, with their begin. */
  readonly #anew = new WeakMap<Sighting, number>();
  /** Sightings by pair and first sequence number, over all namespaces. */
  readonly #beginnings = new Map<string, Sighting>();

  take(event: TraceEvent): void {
    switch (event.kind) {
      case 'packet':
        this.#takePacket(event);
        return;
      case 'outer':
        this.#takeOuter(event);
        return;
      case 'nat': {
        const sighting = this.#sightingOf(event, keyOf(event));
        add(sighting, event);
        this.#followConntrack(event, sighting);
        return;
      }
      case 'drop':
      case 'reset':
        this.#takeDrop(event);
        return;
      case 'state':
      case 'accept':
      case 'retransmit': {
        const sighting = this.#bySocket(event);
        if (sighting) add(sighting, event);
        return;
      }
      case 'counter': {
        const sighting = this.#current.get(keyOf(event));
        if (sighting) add(sighting, event);
        return;
      }
      case 'copy':
        this.#nameDialled(event);
        return;
      case 'move':
        this.#nameDialled(event.from);
        this.#nameDialled(event.to);
        return;
      case 'function':
      case 'aside':
      case 'fork':
      case 'total':
      case 'budget':
    }
  }

  flows(): Flow[] {
    const groups = Map.groupBy(this.#all, root);
    return [...groups.values()]
      .map((group) => ({
        events: group.flatMap(({ events }) => events).sort(compare),
        local: group.find(({ local }) => local !== null)?.local ?? null,
      }))
      .filter(({ events }) => events.length > 0)
      .sort((a, b) => compare(a.events[0], b.events[0]));
  }

  #takePacket(event: PacketEvent): void {
    const key = keyOf(event);
    const known = this.#current.get(key);
    const sighting = this.#sightingOf(event, key);
    add(sighting, event);
    this.#addOuter(event, sighting);
    const goesOn = event.protocol === 'tcp' || this.#datagrams.goesOn(event);
    const trail = this.#datagrams.take(event, sighting);
    // Where another flow had these addresses before, the earlier hops of this datagram belong to the new flow as well.
    if (known !== undefined && known !== sighting) {
      // A sighting that began with this datagram already belongs to the new flow.
      const begins = new Set(trail.map(({ packet }) => packet));
      for (const before of trail) {
        const [first] = before.sighting.events;
        if (first?.kind !== 'packet' || !begins.has(first)) this.#retake(before, sighting);
      }
    }
    this.#followSkb(event, sighting, goesOn);
    this.#followConntrack(event, sighting);
    if (event.direction === 'out' && event.socket !== null) this.#followSocket(event, sighting);
    if (isSyn(event)) {
      const key = `${pairKey(event.protocol, event.source, event.destination)}|${event.seq}`;
      const before = this.#beginnings.get(key);
      if (before) join(before, sighting);
      this.#beginnings.set(key, sighting);
    }
  }

  /** A tunnel's packet that leaves belongs to the packet that left the tunnel's device in the same skb. */
  #takeOuter(event: OuterEvent): void {
    if (event.skb === null) return;
    const before = this.#skbs.get(event.skb);
    if (event.direction === 'in') this.#outer.set(event.skb, event);
    else if (before && carries(event, before.packet)) add(before.sighting, event);
  }

  /** One that came in belongs to the packet that then comes in by the tunnel's device. */
  #addOuter(event: PacketEvent, sighting: Sighting): void {
    if (event.skb === null || this.#outer.size === 0) return;
    const outer = this.#outer.get(event.skb);
    if (outer && carries(outer, event)) add(sighting, outer);
    this.#outer.delete(event.skb);
  }

  /** The sighting that a packet belongs to; a SYN with a new sequence number begins a new one. */
  #sightingOf(event: PacketEvent | NatEvent, key: string): Sighting {
    const current = this.#current.get(key);
    if (current === undefined) return this.#begin(key, event);
    if (event.protocol === 'udp') {
      if (!this.#datagrams.isAnew(current, event)) return current;
      const anew = this.#begin(key, event);
      this.#anew.set(anew, event.time);
      return anew;
    }
    if (!isSyn(event)) return answersOther(current, event) ? this.#begin(key, event) : current;
    if (current.syn === null) {
      // A dial that only its socket showed has no sequence number yet. Any other event is older than the SYN.
      const dialled = current.events.every(({ kind }) => kind === 'state' || kind === 'accept');
      const known = root(current).syn;
      if (!dialled || (known && known.seq !== event.seq)) return this.#begin(key, event);
      current.syn = { seq: event.seq };
      root(current).syn ??= current.syn;
      return current;
    }
    return current.syn.seq === event.seq ? current : this.#begin(key, event);
  }

  /** Moves an earlier sight of a datagram from the flow that had its addresses before to the new flow. */
  #retake({ packet, sighting }: DatagramSight, now: Sighting): void {
    if (root(sighting) === root(now) || sighting.events[0] === packet) return;
    const at = sighting.events.lastIndexOf(packet);
    if (at < 0) return;
    sighting.events.splice(at, 1);
    const { namespace, protocol, source, destination } = packet;
    const anew = this.#begin(placeKey(namespace, protocol, source, destination), packet);
    add(anew, packet);
    join(anew, now);
    // Otherwise the skb would tie the old flow to this one.
    if (packet.skb !== null && this.#skbs.get(packet.skb)?.packet === packet) {
      this.#skbs.set(packet.skb, { packet, sighting: anew });
    }
  }

  #begin(key: string, event: PacketEvent | NatEvent | DropEvent | null): Sighting {
    const sighting = new Sighting();
    if (event && isSyn(event)) sighting.syn = { seq: event.seq };
    this.#all.push(sighting);
    this.#current.set(key, sighting);
    return sighting;
  }

  /** Joins hops of one skb: it keeps its kernel address along its way. */
  #followSkb(event: PacketEvent, sighting: Sighting, goesOn: boolean): void {
    if (event.skb === null) return;
    const before = this.#skbs.get(event.skb);
    if (goesOn && before && continues(before.packet, event)) join(before.sighting, sighting);
    this.#skbs.set(event.skb, { packet: event, sighting });
  }

  /** Joins flows by conntrack: a packet's entry names its addresses before and after NAT in this namespace. */
  #followConntrack(event: PacketEvent | NatEvent, sighting: Sighting): void {
    if (event.conntrack === null) return;
    const { original, reply } = event.conntrack;
    for (const tuple of [original, reply]) {
      const key = placeKey(event.namespace, event.protocol, tuple.source, tuple.destination);
      const other = this.#current.get(key);
      // A new flow may have the conntrack entry or the addresses of an earlier one.
      const before =
        other &&
        (other.lastTime < (this.#anew.get(sighting) ?? 0) ||
          this.#datagrams.hasOtherEntry(other, event));
      if (other && !before && event.time - other.lastTime < ONE_WAY) join(other, sighting);
    }
  }

  /** Joins flows by socket: the sending socket ties a packet's addresses to those that the process dialled. */
  #followSocket(event: PacketEvent, sighting: Sighting): void {
    if (event.socket === null) return;
    const known = this.#sockets.get(event.socket);
    if (known === undefined) return;
    const begun = known.events.find((seen) => seen.kind === 'state' || seen.kind === 'accept');
    // A socket's address is reused, and a listener's request sockets carry the listener's neighbours.
    if (begun && 'remote' in begun && begun.namespace === event.namespace) join(known, sighting);
  }

  /**
   * Learns the local port of a dialling socket from a call of its process: the dial did not have the port yet. Where
   * the kernel skipped the events after the dial, nothing else tells it.
   */
  #nameDialled({ socket, local, remote }: Omit<SocketEnds, 'life'>): void {
    const sighting = this.#sockets.get(socket);
    if (sighting?.dial && sameEndpoint(sighting.dial.remote, remote)) sighting.local ??= local;
  }

  #takeDrop(event: DropEvent | ResetEvent): void {
    const before = event.skb === null ? undefined : this.#skbs.get(event.skb);
    if (before && endsIn(before.packet, event)) {
      add(before.sighting, event);
      return;
    }
    const key = keyOf(event);
    const known = this.#current.get(key);
    const own = isOther(known, event) ? undefined : known;
    const found = own ?? this.#findWaiting(event) ?? this.#findSender(event);
    if (found) {
      add(found, event);
      if (known === undefined) this.#current.set(key, found);
    } else if (event.namespace !== null) {
      add(this.#begin(key, event.kind === 'drop' ? event : null), event);
    }
  }

  /**
   * The flow of a packet that was dropped before it reached any device: the flow of its socket, if that dialled the
   * packet's destination.
   */
  #findSender(event: DropEvent | ResetEvent): Sighting | undefined {
    if (event.kind !== 'drop' || event.socket === null || event.ifindex !== null) return undefined;
    const known = this.#sockets.get(event.socket);
    const begun = known?.events.find((seen) => seen.kind === 'state' || seen.kind === 'accept');
    if (!known || !begun || !('remote' in begun) || begun.namespace !== event.namespace) {
      return undefined;
    }
    const dialled = event.conntrack?.original.destination ?? event.destination;
    return sameEndpoint(begun.remote, dialled) && !isOther(known, event) ? known : undefined;
  }

  /** The flow of a packet that was rewritten, then waited on a device and never left it: conntrack names the flow. */
  #findWaiting(event: DropEvent | ResetEvent): Sighting | undefined {
    if (event.kind !== 'drop' || event.conntrack === null) return undefined;
    const { source, destination } = event.conntrack.original;
    const key = placeKey(event.namespace, event.protocol, source, destination);
    const current = this.#current.get(key);
    const waits = current && !isOther(current, event);
    return waits && event.time - current.lastTime < NEIGHBOUR ? current : undefined;
  }

  #bySocket(event: TraceEvent & { kind: 'state' | 'accept' | 'retransmit' }): Sighting | null {
    const { socket, namespace, local, remote } = event;
    // A listening socket is not a connection.
    if (remote.port === 0) return null;
    // A socket that was only listed at the end of the trace: it has endpoints, but no usable kernel address.
    if (event.kind === 'state' && event.from === event.to) {
      return this.#current.get(placeKey(namespace, 'tcp', local, remote)) ?? null;
    }
    const begins =
      event.kind === 'state' &&
      (event.to === TCP_STATE.SYN_SENT || event.to === TCP_STATE.SYN_RECV);
    const before = this.#sockets.get(socket);
    if (before && (begins || !belongs(before, remote))) this.#sockets.delete(socket);
    const known = this.#sockets.get(socket);
    const key = local.port === 0 ? null : placeKey(namespace, 'tcp', local, remote);
    const found = key === null ? undefined : this.#current.get(key);
    // A dial from a reused port is a new connection: its own SYN is still to come.
    const dials = event.kind === 'state' && event.to === TCP_STATE.SYN_SENT;
    const other = found?.syn && (dials || isOlder(found, known));
    const current = other ? undefined : found;
    const here = known ?? current ?? new Sighting();
    if (!known && !current) this.#all.push(here);
    if (key !== null && (current === undefined || !join(current, here)))
      this.#current.set(key, here);
    this.#sockets.set(socket, here);
    if (dials) here.dial ??= event;
    return here;
  }
}

/** Orders by time, and events of the same time by number. */
function compare(a: LegEvent | undefined, b: LegEvent | undefined): number {
  return (a?.time ?? 0) - (b?.time ?? 0) || (a?.id ?? 0) - (b?.id ?? 0);
}

function belongs(sighting: Sighting, remote: Endpoint): boolean {
  const own = sighting.events.find((event) => event.kind === 'state' || event.kind === 'accept');
  if (!own || !('remote' in own)) return true;
  return own.remote.port === remote.port && own.remote.address === remote.address;
}

/** Whether this SYN begins a flow other than the sighting's. */
function isOther(sighting: Sighting | undefined, event: DropEvent | ResetEvent): boolean {
  return sighting?.syn != null && isSyn(event) && sighting.syn.seq !== event.seq;
}

/** Whether a sighting's SYN is older than this socket's dial: its ports were used before. */
function isOlder(sighting: Sighting, dialled: Sighting | undefined): boolean {
  const dial = dialled?.events.find(
    (event) => event.kind === 'state' && event.to === TCP_STATE.SYN_SENT,
  );
  return (
    dial !== undefined &&
    sighting.events.some(
      (event) => event.kind === 'packet' && isSyn(event) && event.time < dial.time,
    )
  );
}

/** Most bytes that a SYN may carry and its answer acknowledge. */
const EAGER = 65_535;

/** Whether a packet answers a SYN other than the sighting's, one that was not seen here. */
function answersOther(sighting: Sighting, { protocol, flags, seq, ack }: PacketEvent | NatEvent) {
  const { syn } = root(sighting);
  if (protocol !== 'tcp' || syn === null || (flags & TCP.ACK) === 0) return false;
  const answers = (flags & TCP.SYN) !== 0 || ((flags & TCP.RST) !== 0 && seq === 0);
  const taken = (ack - syn.seq + 2 ** 32) % 2 ** 32;
  return answers && (taken < 1 || taken > EAGER);
}

function isSyn(event: PacketEvent | NatEvent | DropEvent | ResetEvent): boolean {
  return event.protocol === 'tcp' && (event.flags & (TCP.SYN | TCP.ACK)) === TCP.SYN;
}

function placeKey(namespace: number | null, protocol: Protocol, a: Endpoint, b: Endpoint): string {
  return `${namespace ?? ''}|${pairKey(protocol, a, b)}`;
}

type Placed = PacketEvent | NatEvent | DropEvent | ResetEvent | CounterEvent;

function keyOf({ namespace, protocol, source, destination }: Placed): string {
  return placeKey(namespace, protocol, source, destination);
}
