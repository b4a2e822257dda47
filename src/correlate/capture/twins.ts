/** Sightings of one packet in two conversations, matched one to one where several are alike. */
import type { CapturedPacket } from '../../model/captured-packet.js';

/** One packet, seen in two conversations. */
export interface Twin {
  readonly a: CapturedPacket;
  readonly b: CapturedPacket;
}

interface Alike {
  /** By device and direction: what was seen there, in order of time. */
  readonly a: Map<string, CapturedPacket[]>;
  readonly b: Map<string, CapturedPacket[]>;
}

/**
 * Of packets that nothing tells apart (sent again, or in a capture twice) the first at one device is the first at another,
 * and so on. Where one device has more of them than the other, a single one is matched with the nearest in time, and
 * several are not matched.
 */
export function alignTwins(twins: readonly Twin[]): Twin[] {
  const classes = new Map<string, Alike>();
  for (const { a, b } of twins) {
    const key = describe(a);
    let alike = classes.get(key);
    if (!alike) classes.set(key, (alike = { a: new Map(), b: new Map() }));
    add(alike.a, a);
    add(alike.b, b);
  }
  const aligned: Twin[] = [];
  for (const alike of classes.values()) {
    for (const own of alike.a.values()) {
      for (const theirs of alike.b.values()) aligned.push(...match(own, theirs));
    }
  }
  return aligned;
}

function match(own: readonly CapturedPacket[], theirs: readonly CapturedPacket[]): Twin[] {
  if (own.length !== theirs.length) {
    if (own.length > 1 && theirs.length > 1) return [];
    const pairs = own.flatMap((a) => theirs.map((b) => ({ a, b })));
    const apart = ({ a, b }: Twin): number => Math.abs(a.time - b.time);
    return pairs.sort((x, y) => apart(x) - apart(y)).slice(0, 1);
  }
  return own.flatMap((a, index) => {
    const b = theirs[index];
    return b ? [{ a, b }] : [];
  });
}

function add(places: Map<string, CapturedPacket[]>, packet: CapturedPacket): void {
  const place = `${packet.ifindex}|${packet.direction}`;
  const list = places.get(place) ?? [];
  if (list.some(({ row }) => row === packet.row)) return;
  list.push(packet);
  list.sort((x, y) => x.time - y.time || x.row - y.row);
  places.set(place, list);
}

/** All that NAT leaves as it is. */
function describe({ source, seq, ack, flags, length, wire }: CapturedPacket): string {
  const { ipId, timestamp, digest } = wire;
  return `${source.address}|${source.port}|${seq}|${ack}|${flags}|${length}|${ipId}|${timestamp}|${digest}`;
}
