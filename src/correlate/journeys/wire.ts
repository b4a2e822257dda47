/** Finds which sightings of a capture are one packet at several devices: by numbers, sender's marks, TTL and order. */
import { TCP, type PacketEvent } from '../../model/event.js';
import { isMarked, type WirePacket } from '../capture/same-packet.js';
import type { Track } from './journey.js';
import { sameWay } from './nat-steps.js';

/** Most nanoseconds between two devices for packets that only their numbers and order tell apart. */
const UNMARKED = 100_000_000;

class WireTrack implements Track {
  readonly copyOf = null;
  readonly sights: WirePacket[] = [];

  takes(packet: WirePacket): boolean {
    return !this.sights.some((sight) => isSamePlace(sight, packet)) && this.#continues(packet);
  }

  #continues(packet: WirePacket): boolean {
    return this.sights.some((sight) => {
      if (isContradicted(sight, packet)) return false;
      if (isMarked(sight, packet)) return true;
      if (Math.abs(packet.time - sight.time) > UNMARKED) return false;
      return sameWay(sight, packet) || isRouted(sight, packet);
    });
  }
}

/**
 * Whether two sightings are at one place. A device sees a packet once per direction, or once if directions are unknown.
 */
function isSamePlace(a: WirePacket, b: WirePacket): boolean {
  if (a.ifindex !== b.ifindex || a.wire.file !== b.wire.file) return false;
  return !a.wire.directed || !b.wire.directed || a.direction === b.direction;
}

/** Whether the packets differ in something that never changes on the way. */
function isContradicted({ wire: one }: WirePacket, { wire: two }: WirePacket): boolean {
  return (
    differ(one.ipId, two.ipId) ||
    differ(one.timestamp, two.timestamp) ||
    differ(one.digest, two.digest)
  );
}

function differ(a: number | null, b: number | null): boolean {
  return a !== null && b !== null && a !== b;
}

/**
 * Whether a router between two sightings of one leg lowered the TTL; the leg's translation is known. A pure
 * acknowledgement without marks may be any of several similar ones.
 */
function isRouted(a: WirePacket, b: WirePacket): boolean {
  if (a.length === 0 && (a.flags & (TCP.SYN | TCP.FIN | TCP.RST)) === 0) return false;
  const [near, far] = a.wire.ttl > b.wire.ttl ? [a, b] : [b, a];
  if (near.wire.ttl === far.wire.ttl) return false;
  // The clocks of two files never agree exactly.
  return near.wire.file !== far.wire.file || near.time <= far.time;
}

/** A key of what no device on the way changes. */
function contentKey({ protocol, seq, ack, flags, length }: PacketEvent): string {
  return `${protocol}|${seq}|${ack}|${flags}|${length}`;
}

/** Reads the packets of one leg, in order of time; among similar packets, the oldest continues first. */
export function readWire(packets: Iterable<WirePacket>): readonly Track[] {
  const tracks: WireTrack[] = [];
  const alike = new Map<string, WireTrack[]>();
  for (const packet of packets) {
    const key = contentKey(packet);
    const known = alike.get(key) ?? [];
    let track = known.find((one) => one.takes(packet));
    if (track === undefined) {
      track = new WireTrack();
      tracks.push(track);
      known.push(track);
      alike.set(key, known);
    }
    track.sights.push(packet);
  }
  // The clocks of two files never agree exactly, so TTL decides first: each router on the way lowers it by one.
  for (const { sights } of tracks) {
    sights.sort((a, b) => b.wire.ttl - a.wire.ttl || a.time - b.time || a.id - b.id);
  }
  return tracks;
}
