/**
 * Finds which events of a live trace show one packet: the same skb, close in time, at places that it can pass in turn.
 */
import { sameEndpoint } from '../../model/address.js';
import type { DropEvent, NatEvent, PacketEvent, ResetEvent } from '../../model/event.js';
import type { Sight, Track } from './journey.js';
import { leadsTo, rewritten, sameWay, type Heading } from './nat-steps.js';

/** Nanoseconds within which an skb may be seen at the next place, including queueing. */
export const ONE_WAY = 2_000_000_000;
/**
 * Nanoseconds that a packet may wait for its neighbour's address before it is dropped (three requests, one second
 * each).
 */
export const NEIGHBOUR = 10_000_000_000;
/** Nanoseconds within which a bridge copies a packet to its ports, or a device cuts it into segments. */
const COPYING = 100_000_000;
/** Most packets with the same addresses and acknowledgement number that one may be a copy of. */
const MOST_ORIGINALS = 16;

type Packet = PacketEvent | NatEvent;

/**
 * Whether `now` may show the packet that was last seen as `before`, given that both have the same skb. An skb's address
 * is reused within microseconds: numbers, flags and length must agree, and NAT must explain different addresses.
 */
export function continues(before: Packet, now: Packet): boolean {
  if (before.protocol !== now.protocol || before.seq !== now.seq) return false;
  const passed = now.time - before.time;
  if (passed < 0 || passed >= ONE_WAY) return false;
  if (!isWhole(before, now) && !isMerged(before, now)) return false;
  return isExplained(wayAfter(before), before, now);
}

function isWhole(before: Packet, now: Packet): boolean {
  return before.ack === now.ack && before.flags === now.flags && before.length === now.length;
}

/** Whether the receiving device merged later segments into this one (GRO): the first segment's skb holds them all. */
function isMerged(before: Packet, now: Packet): boolean {
  return (
    before.kind === 'packet' &&
    now.kind === 'packet' &&
    before.direction === 'out' &&
    now.direction === 'in' &&
    before.protocol === 'tcp' &&
    before.length > 0 &&
    now.length > before.length &&
    before.ack === now.ack
  );
}

function wayAfter(sight: Packet): Heading {
  return sight.kind === 'nat' ? rewritten(sight) : sight;
}

/** Whether the addresses are the same, or NAT in this namespace explains the change. */
function isExplained(before: Heading, { conntrack, namespace }: Packet, now: Packet): boolean {
  if (sameWay(before, now)) return true;
  if (namespace !== now.namespace) return false;
  const view = now.conntrack ?? conntrack;
  if (view !== null) return leadsTo(view, before, now);
  // A datagram has no sequence number: without the conntrack entry, only its addresses distinguish it from another.
  if (now.protocol === 'udp') return false;
  return (
    sameEndpoint(before.source, now.source) || sameEndpoint(before.destination, now.destination)
  );
}

/**
 * Whether the packet of `before` is the one that was dropped or reset: it may have waited, and been rewritten, in
 * between.
 */
export function endsIn(before: Packet, drop: DropEvent | ResetEvent): boolean {
  const waited = drop.time - before.time;
  return (
    before.protocol === drop.protocol &&
    before.seq === drop.seq &&
    before.ack === drop.ack &&
    before.flags === drop.flags &&
    before.length === drop.length &&
    waited >= 0 &&
    waited < NEIGHBOUR &&
    isRewritten(wayAfter(before), drop)
  );
}

/** Whether the addresses are the same, or the dropped packet's conntrack entry explains the change. */
function isRewritten(before: Heading, drop: DropEvent | ResetEvent): boolean {
  if (sameWay(before, drop)) return true;
  const view = drop.kind === 'drop' ? drop.conntrack : null;
  if (view !== null) return leadsTo(view, before, drop);
  if (drop.protocol === 'udp') return false;
  return (
    sameEndpoint(before.source, drop.source) || sameEndpoint(before.destination, drop.destination)
  );
}

/** Whether two sightings are at one place: a packet passes each place once, so a second pass is another packet. */
function isSamePlace(a: Sight, b: Sight): boolean {
  if (a.namespace !== b.namespace) return false;
  if (a.kind === 'packet' && b.kind === 'packet') {
    return a.ifindex === b.ifindex && a.direction === b.direction;
  }
  return a.kind === 'nat' && b.kind === 'nat' && a.hook === b.hook && a.field === b.field;
}

class LiveTrack implements Track {
  readonly sights: Sight[] = [];
  readonly copies: LiveTrack[] = [];
  ended = false;

  constructor(readonly copyOf: LiveTrack | null) {
    copyOf?.copies.push(this);
  }

  /** The last sighting that is not a drop. */
  get last(): Packet | undefined {
    return this.sights.findLast((sight): sight is Packet => sight.kind !== 'drop');
  }

  takes(sight: Sight): boolean {
    const { last, ended } = this;
    if (ended || last === undefined) return false;
    if (sight.kind === 'drop') return endsIn(last, sight);
    return continues(last, sight) && !this.wasAt(sight);
  }

  wasAt(place: Sight): boolean {
    return this.sights.some((sight) => isSamePlace(sight, place));
  }

  /** Whether this packet, or a copy of it with the same number and length, was already at the place. */
  wasCopiedTo(place: Sight): boolean {
    const isAlike = ({ last }: LiveTrack): boolean =>
      last?.seq === place.seq && last.length === place.length;
    return this.wasAt(place) || this.copies.some((copy) => isAlike(copy) && copy.wasAt(place));
  }
}

/** Reads events in order of time. Pure. */
class LiveReader {
  readonly tracks: LiveTrack[] = [];
  /** By skb: the packet that it last held. */
  readonly #holders = new Map<string, LiveTrack>();
  /** Packets that may have been copied, by what a copy keeps. */
  readonly #originals = new Map<string, LiveTrack[]>();

  take(sight: Sight): void {
    const holder = sight.skb === null ? undefined : this.#holders.get(sight.skb);
    const track = holder?.takes(sight) ? holder : this.#begin(sight);
    track.sights.push(sight);
    if (sight.kind === 'drop') track.ended = true;
    if (sight.kind === 'packet') this.#remember(track, sight);
  }

  #begin(sight: Sight): LiveTrack {
    const original = sight.kind === 'packet' ? this.#findOriginal(sight) : null;
    const track = new LiveTrack(original);
    this.tracks.push(track);
    if (sight.skb !== null) this.#holders.set(sight.skb, track);
    return track;
  }

  #remember(track: LiveTrack, packet: PacketEvent): void {
    const key = copyKey(packet);
    const known = this.#originals.get(key);
    if (known === undefined) this.#originals.set(key, [track]);
    else if (known.at(-1) !== track) {
      known.push(track);
      if (known.length > MOST_ORIGINALS) known.shift();
    }
  }

  /** Finds the packet that this one was made of: it has a new skb although it is not at the start of a path. */
  #findOriginal(packet: PacketEvent): LiveTrack | null {
    // A packet that a process sends has a socket, and a packet from outside comes in.
    if (packet.skb === null || packet.socket !== null) return null;
    let best: LiveTrack | null = null;
    let latest = -1;
    for (const track of this.#originals.get(copyKey(packet)) ?? []) {
      const original = track.copyOf ?? track;
      if (track.wasCopiedTo(packet) || original.wasCopiedTo(packet)) continue;
      const seen = track.sights.findLast((sight) => isSource(sight, packet));
      if (seen === undefined || seen.id <= latest) continue;
      // A copy of a copy, or a segment of one, also belongs to the first packet.
      [best, latest] = [original, seen.id];
    }
    return best;
  }
}

function copyKey({ protocol, source, destination, ack }: PacketEvent): string {
  return `${protocol}|${source.address}|${source.port}|${destination.address}|${destination.port}|${ack}`;
}

/**
 * Whether the packet of `sight` may be copied, or cut into segments, on its way to the place where `packet` is seen.
 */
function isSource(sight: Sight, packet: PacketEvent): boolean {
  if (sight.kind !== 'packet' || packet.time - sight.time > COPYING) return false;
  if (sight.protocol === 'tcp' && sight.length > packet.length) return isSegment(sight, packet);
  // A bridge sends copies of what arrived at one port, or left by its own device, in the same namespace.
  return (
    packet.direction === 'out' &&
    sight.namespace === packet.namespace &&
    sight.ifindex !== packet.ifindex &&
    sight.seq === packet.seq &&
    isWhole(sight, packet)
  );
}

/**
 * Whether `part` is a segment of `whole`: a device that cannot send so much at once cuts it up, and each segment lies
 * within it.
 */
function isSegment(whole: PacketEvent, part: PacketEvent): boolean {
  if (whole.direction !== 'out' || part.length === 0) return false;
  // Segments arrive at the other end, or leave by the next device. A packet that arrives in this namespace was sent
  // again.
  if ((whole.namespace === part.namespace) !== (part.direction === 'out')) return false;
  const from = (part.seq - whole.seq) >>> 0;
  return from + part.length <= whole.length;
}

/** Reads the packets from events in order of time. */
export function readLive(sights: Iterable<Sight>): readonly Track[] {
  const reader = new LiveReader();
  for (const sight of sights) reader.take(sight);
  return reader.tracks;
}
