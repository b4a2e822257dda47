/** Counts the payload bytes of a leg in each direction, exactly even where most packets were only counted. */
import { sameEndpoint, type Endpoint } from '../model/address.js';
import { TCP, type CounterEvent, type PacketEvent } from '../model/event.js';
import type { Leg } from './leg.js';

export interface LegBytes {
  readonly fromClient: number;
  readonly fromServer: number;
}

export function isEqualBytes(one: LegBytes, other: LegBytes): boolean {
  return one.fromClient === other.fromClient && one.fromServer === other.fromServer;
}

const WRAP = 2 ** 32;

/** True when this packet goes from the client's side to the server's. */
export function isRequest(
  leg: Pick<Leg, 'client' | 'server' | 'destination'>,
  packet: Pick<PacketEvent, 'source' | 'destination'>,
): boolean {
  const { source, destination } = packet;
  const to = serves(leg, destination);
  const from = serves(leg, source);
  if (to !== from) return to;
  return sameEndpoint(source, leg.client);
}

function serves(
  { server, destination }: Pick<Leg, 'server' | 'destination'>,
  end: Endpoint,
): boolean {
  return sameEndpoint(end, destination) || (server !== null && sameEndpoint(end, server));
}

interface Side {
  readonly packets: PacketEvent[];
  /** Null without any. */
  counters: CounterEvent[] | null;
  /** Bytes by the counter of a socket at either end; null where no socket reported any. */
  summed: number | null;
}

export function countBytes(leg: Leg): LegBytes {
  // A socket counts from its creation: for a leg that is older than the trace, more than was seen. There the count is
  // used only where packets are missing from the list.
  const summed = leg.begun || leg.unlisted;
  const client: Side = { packets: [], counters: null, summed: null };
  const server: Side = { packets: [], counters: null, summed: null };
  for (const event of leg.events) {
    if (summed && event.kind === 'state' && event.sums) {
      const [near, far] = sameEndpoint(event.local, leg.client)
        ? [client, server]
        : [server, client];
      near.summed = Math.max(near.summed ?? 0, event.sums.sent);
      far.summed = Math.max(far.summed ?? 0, event.sums.received);
    }
    if (event.kind !== 'packet' && event.kind !== 'counter') continue;
    const side = isRequest(leg, event) ? client : server;
    if (event.kind === 'packet') side.packets.push(event);
    else (side.counters ??= []).push(event);
  }
  return { fromClient: countSide(leg, client), fromServer: countSide(leg, server) };
}

function countSide(leg: Leg, { packets, counters, summed }: Side): number {
  const seen = Math.max(countSeen(packets, counters ?? []), summed ?? 0);
  const syn = leg.protocol === 'tcp' && packets.find(({ flags }) => (flags & TCP.SYN) !== 0);
  let furthest = 0;
  for (const { seq, length, flags } of packets) {
    if (syn && countsIn(flags, length)) {
      furthest = Math.max(furthest, relativeTo(seq, syn.seq) + length);
    }
  }
  return concludeBytes({
    seen,
    furthest: syn ? furthest : null,
    closed: packets.some(({ flags }) => (flags & TCP.FIN) !== 0),
    counted: counters !== null || summed !== null,
  });
}

/** The totals of one side's packets. */
export interface Sums {
  /** Bytes at the hop that saw the most. */
  readonly seen: number;
  /** How far its sequence numbers went beyond its SYN's; null where the SYN was not seen, and for datagrams. */
  readonly furthest: number | null;
  /** This side sent a FIN. */
  readonly closed: boolean;
  /** Some packets are not listed but only counted. */
  readonly counted: boolean;
}

/**
 * Concludes how many bytes one side sent. Sequence numbers count each byte once, regardless of offloading,
 * retransmissions and packets that are not listed.
 */
export function concludeBytes({ seen, furthest, closed, counted }: Sums): number {
  if (furthest === null) return seen;
  // Sequence numbers may exceed what any hop carried: where events were lost, they may come from another connection.
  if (!counted) return Math.min(furthest, seen);
  if (!closed) return Math.max(seen, furthest);
  // Sequence numbers wrap every 4 GiB; the counters tell how often they wrapped.
  return furthest + Math.max(0, Math.round((seen - furthest) / WRAP)) * WRAP;
}

/**
 * Whether a packet's sequence number shows progress. A reset's number may lie in a window that was never used, and the
 * last ACK's lies behind the FIN.
 */
export function countsIn(flags: number, length: number): boolean {
  return (length > 0 || (flags & TCP.FIN) !== 0) && (flags & (TCP.RST | TCP.SYN)) === 0;
}

/** Bytes from the SYN's number `first` to `seq`. */
export function relativeTo(seq: number, first: number): number {
  const distance = (seq - first - 1 + WRAP) % WRAP;
  // A number just before the first byte is a keep-alive probe: no progress.
  return distance > WRAP - 65_536 ? 0 : distance;
}

interface Hop {
  readonly first: PacketEvent | CounterEvent;
  /** Segments by sequence number and length: a list while there are few, because there are very many such legs. */
  segments: number[] | Set<number>;
  bytes: number;
}

const FEW = 16;

/** Bytes at the hop that saw the most: its distinct listed segments plus its counters. */
function countSeen(packets: readonly PacketEvent[], counters: readonly CounterEvent[]): number {
  // A list is enough: a leg passes few hops, though it may have very many packets.
  const hops: Hop[] = [];
  for (const packet of packets) {
    const hop = findHop(hops, packet);
    // Every packet is shorter than 1 MiB, so number and length fit into one key.
    const segment = packet.protocol === 'udp' ? packet.id : packet.seq * 2 ** 20 + packet.length;
    if (addSegment(hop, segment)) hop.bytes += packet.length;
  }
  for (const counter of counters) findHop(hops, counter).bytes += counter.bytes;
  let most = 0;
  for (const { bytes } of hops) most = Math.max(most, bytes);
  return most;
}

function findHop(hops: Hop[], event: PacketEvent | CounterEvent): Hop {
  for (const hop of hops) {
    const { ifindex, direction, namespace } = hop.first;
    const same = ifindex === event.ifindex && direction === event.direction;
    if (same && namespace === event.namespace) return hop;
  }
  const hop = { first: event, bytes: 0, segments: [] };
  hops.push(hop);
  return hop;
}

/** Adds a segment; false when the hop already had it. */
function addSegment(hop: Hop, segment: number): boolean {
  const { segments } = hop;
  if (Array.isArray(segments)) {
    if (segments.includes(segment)) return false;
    segments.push(segment);
    if (segments.length > FEW) hop.segments = new Set(segments);
    return true;
  }
  if (segments.has(segment)) return false;
  segments.add(segment);
  return true;
}
