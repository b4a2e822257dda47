/**
 * Tells whether a datagram begins a new flow or continues an old one between the same ports: datagrams have neither SYN
 * nor FIN.
 */
import { sameEndpoint } from '../model/address.js';
import type { ConntrackView, NatEvent, PacketEvent, TuplePair } from '../model/event.js';
import { ONE_WAY } from './journeys/live.js';
import { root, type Sighting } from './sighting.js';

/**
 * Nanoseconds of silence after which a pair of endpoints counts as a new flow (docker-proxy forgets its clients after
 * 90 s).
 */
const IDLE = 90_000_000_000;
/** IPS_CONFIRMED: conntrack kept the entry, so a different entry belongs to a different flow. */
const CONFIRMED = 0x8;

/** A datagram at one hop. */
export interface DatagramSight {
  readonly packet: PacketEvent;
  readonly sighting: Sighting;
}

/** What the latest datagrams of a sighting showed. */
interface Marks {
  /** Kernel address of the client's socket. */
  sender: string | null;
  conntrack: ConntrackView | null;
}

export class Datagrams {
  readonly #marks = new WeakMap<Sighting, Marks>();
  /** By skb: the hops of the last datagram that was seen in it. */
  readonly #trails = new Map<string, DatagramSight[]>();
  /** Sightings that began with a datagram. */
  readonly #begun = new WeakSet<Sighting>();

  /** Whether this datagram begins a new flow, other than the current one with the same addresses. */
  isAnew(current: Sighting, event: PacketEvent | NatEvent): boolean {
    if (event.time - current.lastTime > IDLE) return true;
    if (event.kind === 'nat') return false;
    const marks = this.#marks.get(current);
    if (marks && (isOtherSender(marks, current, event) || isOtherEntry(marks, event))) return true;
    // It began a new flow at the previous hop.
    const before = this.#trailOf(event).at(-1);
    return (
      before !== undefined &&
      this.#begun.has(before.sighting) &&
      root(before.sighting) !== root(current) &&
      (before.sighting.events[0]?.time ?? 0) > current.lastTime
    );
  }

  /** Whether a sighting of datagrams has another conntrack entry than this one carries. */
  hasOtherEntry(sighting: Sighting, event: PacketEvent | NatEvent): boolean {
    const marks = event.protocol === 'udp' ? this.#marks.get(sighting) : undefined;
    return marks !== undefined && isOtherEntry(marks, event);
  }

  /**
   * Whether this is the datagram that was last seen in this skb, now one hop further, and not another one in reused
   * memory.
   */
  goesOn(packet: PacketEvent): boolean {
    return this.#trailOf(packet).length > 0;
  }

  /** Records a datagram. Returns its earlier hops if this hop shows that it begins a new flow. */
  take(packet: PacketEvent, sighting: Sighting): readonly DatagramSight[] {
    if (packet.protocol !== 'udp') return [];
    const trail = this.#trailOf(packet);
    const first = !this.#marks.has(sighting);
    const marks = this.#marks.get(sighting) ?? { sender: null, conntrack: null };
    this.#marks.set(sighting, marks);
    if (isFromClient(sighting, packet) && packet.direction === 'out') {
      marks.sender = packet.socket ?? marks.sender;
    }
    marks.conntrack = packet.conntrack ?? marks.conntrack;
    if (first) this.#begun.add(sighting);
    if (packet.skb !== null) this.#trails.set(packet.skb, [...trail, { packet, sighting }]);
    return first ? trail : [];
  }

  #trailOf(packet: PacketEvent): readonly DatagramSight[] {
    const trail = packet.skb === null ? undefined : this.#trails.get(packet.skb);
    const last = trail?.at(-1);
    if (!trail || !last || !isSameDatagram(last.packet, packet)) return [];
    // No datagram passes the same place twice: the skb's memory was reused.
    return trail.some((before) => isSamePlace(before.packet, packet)) ? [] : trail;
  }
}

/** Compares length, time and addresses, because skb memory is soon reused, also for datagrams of the same length. */
function isSameDatagram(before: PacketEvent, now: PacketEvent): boolean {
  if (now.time - before.time >= ONE_WAY || before.length !== now.length) return false;
  return before.protocol === now.protocol && (isSameTuple(before, now) || isRewritten(before, now));
}

/** Whether the packet's conntrack entry explains how its earlier addresses became its current ones. */
function isRewritten(
  before: PacketEvent,
  { conntrack, source, destination }: PacketEvent,
): boolean {
  if (conntrack === null) return false;
  const { original, reply } = conntrack;
  const there = isSameTuple(before, original) && sameEndpoint(destination, reply.source);
  return there || (isSameTuple(before, reply) && sameEndpoint(source, original.destination));
}

function isSamePlace(a: PacketEvent, b: PacketEvent): boolean {
  return a.namespace === b.namespace && a.ifindex === b.ifindex && a.direction === b.direction;
}

function isFromClient({ events }: Sighting, { source }: PacketEvent): boolean {
  const [first] = events;
  return first?.kind === 'packet' && sameEndpoint(first.source, source);
}

function isOtherSender({ sender }: Marks, sighting: Sighting, packet: PacketEvent): boolean {
  return (
    packet.direction === 'out' &&
    packet.socket !== null &&
    sender !== null &&
    packet.socket !== sender &&
    isFromClient(sighting, packet)
  );
}

function isOtherEntry({ conntrack }: Marks, packet: PacketEvent | NatEvent): boolean {
  const now = packet.conntrack;
  if (conntrack === null || now === null) return false;
  if (!isSameTuple(conntrack.original, now.original)) return true;
  // Of the reply tuple, the source stays the same; the destination still changes when POSTROUTING masquerades.
  if (!sameEndpoint(conntrack.reply.source, now.reply.source)) return true;
  return conntrack.id !== now.id && (conntrack.status & CONFIRMED) !== 0;
}

function isSameTuple(a: TuplePair, b: TuplePair): boolean {
  return sameEndpoint(a.source, b.source) && sameEndpoint(a.destination, b.destination);
}
