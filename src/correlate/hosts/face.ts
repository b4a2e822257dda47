/** What a leg showed at the edge of its host: each packet once, by what the wire keeps of it, as it left or as it came. */
import type { Endpoint } from '../../model/address.js';
import { TCP, type PacketEvent } from '../../model/event.js';
import { isRequest } from '../bytes.js';
import { readLive } from '../journeys/live.js';
import type { Sight } from '../journeys/journey.js';
import type { Leg } from '../leg.js';

/** Whether the client's packets leave the host on this leg, or come to it. */
export type Side = 'out' | 'in';

/** A packet at the edge. */
export interface EdgeSight {
  readonly event: PacketEvent;
  /** From the client's side. */
  readonly request: boolean;
}

export interface Face {
  readonly leg: Leg;
  readonly side: Side;
  /** Ends as the wire has them, after the host's own NAT or before it. */
  readonly client: Endpoint;
  readonly server: Endpoint;
  /** Sequence numbers of the SYN and of its answer; null where that was not seen. */
  readonly syn: number | null;
  readonly synAck: number | null;
  /** Packets that were seen once there, by what the wire keeps; those of which there are several of one kind are left out. */
  readonly single: ReadonlyMap<string, EdgeSight>;
  /** How often each was seen. */
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * A leg at one side of its host; null where its client's packets do not pass there, and for datagrams, which have no numbers.
 * A packet that leaves is taken where it was last seen, one that comes where it was first seen: the times are at most early, or
 * at most late, so that what follows from them for the clocks holds.
 */
export function showFace(leg: Leg, side: Side): Face | null {
  if (leg.protocol !== 'tcp') return null;
  const sights = listEdge(leg, side);
  const begin = sights.find(({ request }) => request);
  if (begin === undefined || begin.event.direction !== side) return null;
  const { source: client, destination: server } = begin.event;
  const own = sights.filter(({ event, request }) => {
    const [near, far] = request
      ? [event.source, event.destination]
      : [event.destination, event.source];
    return isSame(near, client) && isSame(far, server);
  });
  const single = new Map<string, EdgeSight>();
  const counts = new Map<string, number>();
  for (const sight of own) {
    const key = keyOf(sight);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    single.set(key, sight);
  }
  for (const [key, count] of counts) if (count > 1) single.delete(key);
  return {
    leg,
    side,
    client,
    server,
    single,
    counts,
    syn: findNumber(own, true),
    synAck: findNumber(own, false),
  };
}

/** Packets but for copies that a bridge or a device made of them. */
export function listEdge(leg: Leg, side: Side): EdgeSight[] {
  const sights = leg.events.filter(
    (event): event is Sight => event.kind === 'packet' || event.kind === 'drop',
  );
  return readLive(sights).flatMap(({ sights: own, copyOf }): EdgeSight[] => {
    if (copyOf !== null) return [];
    const packets = own.filter((one): one is PacketEvent => one.kind === 'packet');
    const [first] = packets;
    if (first === undefined) return [];
    const request = isRequest(leg, first);
    const leaves = request === (side === 'out');
    const event = leaves ? packets.at(-1) : first;
    // What was dropped here, or stayed here, has not left.
    if (event === undefined || (leaves && own.at(-1)?.kind === 'drop')) return [];
    return event.direction === (leaves ? 'out' : 'in') ? [{ event, request }] : [];
  });
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

/** Addresses, numbers, flags and size: NAT of another host cannot be between two sightings that have them all in common. */
function keyOf({ event, request }: EdgeSight): string {
  const { seq, ack, flags, length } = event;
  return [request ? '>' : '<', seq, ack, flags, length].join(' ');
}

function findNumber(sights: readonly EdgeSight[], request: boolean): number | null {
  const found = sights.find((one) => one.request === request && (one.event.flags & TCP.SYN) !== 0);
  return found?.event.seq ?? null;
}
