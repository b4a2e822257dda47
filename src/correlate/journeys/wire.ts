/** Which packets of a capture are one packet, seen at several devices: its numbers, its sender's marks, its TTL, its order. */
import { TCP, type PacketEvent } from '../../model/event.js';
import { isMarked, type WirePacket } from '../capture/same-packet.js';
import type { Track } from './journey.js';
import { sameWay } from './nat-steps.js';

/** Nanoseconds between two devices for packets that nothing but their numbers and their order tells apart. */
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

/** One device sees a packet once each way; where the way is not told, once. */
function isSamePlace(a: WirePacket, b: WirePacket): boolean {
  if (a.ifindex !== b.ifindex || a.wire.file !== b.wire.file) return false;
  return !a.wire.directed || !b.wire.directed || a.direction === b.direction;
}

/** Something that stays on the whole way is another's. */
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
 * For packets of one leg, whose translation is known: a router between them took one off the TTL. A pure acknowledgement
 * without marks may be any of several alike.
 */
function isRouted(a: WirePacket, b: WirePacket): boolean {
  if (a.length === 0 && (a.flags & (TCP.SYN | TCP.FIN | TCP.RST)) === 0) return false;
  const [near, far] = a.wire.ttl > b.wire.ttl ? [a, b] : [b, a];
  if (near.wire.ttl === far.wire.ttl) return false;
  // The clocks of two files are never quite the same.
  return near.wire.file !== far.wire.file || near.time <= far.time;
}

/** What no device on the way changes. */
function contentKey({ protocol, seq, ack, flags, length }: PacketEvent): string {
  return `${protocol}|${seq}|${ack}|${flags}|${length}`;
}

/** The packets of one leg, in order of time; of those alike the oldest goes on first. */
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
  // Clocks of two files are never quite the same: each router on the way takes one off the TTL.
  for (const { sights } of tracks) {
    sights.sort((a, b) => b.wire.ttl - a.wire.ttl || a.time - b.time || a.id - b.id);
  }
  return tracks;
}
