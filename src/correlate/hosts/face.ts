/** Describes a leg at the edge of its host: each packet once, with what the wire keeps of it, as it left or arrived. */
import { sameEndpoint, type Endpoint } from '../../model/address.js';
import { TCP, type PacketEvent } from '../../model/event.js';
import { isRequest } from '../bytes.js';
import { readLive } from '../journeys/live.js';
import type { Sight } from '../journeys/journey.js';
import type { Leg } from '../leg.js';

/** Whether the client's packets leave the host on this leg, or arrive at it. */
export type Side = 'out' | 'in';

/** A packet at the edge. */
export interface EdgeSight {
  readonly event: PacketEvent;
  /** Whether the client sent it. */
  readonly request: boolean;
}

export interface Face {
  readonly leg: Leg;
  readonly side: Side;
  /** Ends as they are on the wire: after the host's own NAT when leaving, before it when arriving. */
  readonly client: Endpoint;
  readonly server: Endpoint;
  /** Sequence numbers of the SYN and of its answer; null where not seen. */
  readonly syn: number | null;
  readonly synAck: number | null;
  /** Packets by their key (see {@link keyOf}); keys that several packets share are left out. */
  readonly single: ReadonlyMap<string, EdgeSight>;
  /** By key: how many packets have it. */
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * The face of a leg at one side of its host; null where its client's packets do not pass there, and for datagrams,
 * which have no numbers. A leaving packet is taken where it was last seen, an arriving one where it was first seen. So
 * a send time is at most early and a receive time at most late, and the bounds on the clocks hold.
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
    return sameEndpoint(near, client) && sameEndpoint(far, server);
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

/** Lists the packets at the edge, without copies that a bridge or device made. */
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
    // A packet that was dropped or stayed here has not left.
    if (event === undefined || (leaves && own.at(-1)?.kind === 'drop')) return [];
    return event.direction === (leaves ? 'out' : 'in') ? [{ event, request }] : [];
  });
}

/**
 * The key of a packet: its direction, numbers, flags and length. Two sightings that share these and the addresses have
 * no other host's NAT between them.
 */
function keyOf({ event, request }: EdgeSight): string {
  const { seq, ack, flags, length } = event;
  return [request ? '>' : '<', seq, ack, flags, length].join(' ');
}

function findNumber(sights: readonly EdgeSight[], request: boolean): number | null {
  const found = sights.find((one) => one.request === request && (one.event.flags & TCP.SYN) !== 0);
  return found?.event.seq ?? null;
}
