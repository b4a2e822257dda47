/** Payload bytes of a leg in each direction, exact even where most packets were only counted. */
import { sameEndpoint, type Endpoint } from '../model/address.js';
import { TCP, type CounterEvent, type PacketEvent } from '../model/event.js';
import type { Leg } from './leg.js';

export interface LegBytes {
  readonly fromClient: number;
  readonly fromServer: number;
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
  /** Bytes that a socket at either end counted; null where none told. */
  summed: number | null;
}

export function countBytes(leg: Leg): LegBytes {
  // A socket counts since it began: of a leg that is older than the trace, more than was seen, but for what was not listed.
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

/** What one side's packets add up to. */
export interface Sums {
  /** Bytes at the hop that saw most. */
  readonly seen: number;
  /** How far its sequence numbers went from its SYN's; null where that was not seen, and of datagrams. */
  readonly furthest: number | null;
  /** It has sent a FIN. */
  readonly closed: boolean;
  /** Not all packets are listed: the rest was counted. */
  readonly counted: boolean;
}

/** Sequence numbers count every byte once, whatever was offloaded, sent again or not printed. */
export function concludeBytes({ seen, furthest, closed, counted }: Sums): number {
  if (furthest === null) return seen;
  // More than any hop carried: where events were lost, another connection's numbers are taken for this one's.
  if (!counted) return Math.min(furthest, seen);
  if (!closed) return Math.max(seen, furthest);
  // The number wraps every 4 GiB; the counters say how often it has.
  return furthest + Math.max(0, Math.round((seen - furthest) / WRAP)) * WRAP;
}

/** A reset's number may lie in a window that was never sent, and the last ACK's lies behind the FIN's own. */
export function countsIn(flags: number, length: number): boolean {
  return (length > 0 || (flags & TCP.FIN) !== 0) && (flags & (TCP.RST | TCP.SYN)) === 0;
}

/** Bytes from the SYN's number `first` to `seq`. */
export function relativeTo(seq: number, first: number): number {
  const distance = (seq - first - 1 + WRAP) % WRAP;
  // Just before the first byte (a keep-alive probe): no progress.
  return distance > WRAP - 65_536 ? 0 : distance;
}

interface Hop {
  readonly first: PacketEvent | CounterEvent;
  /** Segments by number and length: a list while they are few, for there are very many such legs. */
  segments: number[] | Set<number>;
  bytes: number;
}

const FEW = 16;

/** Bytes at the hop that saw most: distinct segments in print, and the counters behind them. */
function countSeen(packets: readonly PacketEvent[], counters: readonly CounterEvent[]): number {
  // A list: a leg passes few hops, and there may be very many packets.
  const hops: Hop[] = [];
  for (const packet of packets) {
    const hop = findHop(hops, packet);
    // No packet is as long as a MiB.
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

/** False when it was there. */
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
