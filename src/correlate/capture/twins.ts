/** Matches sightings of one packet in two conversations, one to one where several are alike. */
import { sameEndpoint } from '../../model/address.js';
import type { CapturedPacket } from '../../model/captured-packet.js';

/** One packet, seen in two conversations. */
export interface Twin {
  readonly a: CapturedPacket;
  readonly b: CapturedPacket;
}

/** What was seen at one device in one direction, in order of time. */
interface Place {
  readonly device: number;
  readonly direction: 'in' | 'out';
  readonly packets: CapturedPacket[];
}

interface Alike {
  /** One of the packets; nothing tells the others from it. */
  readonly sample: CapturedPacket;
  readonly a: Place[];
  readonly b: Place[];
}

/**
 * Aligns packets that nothing tells apart (sent again, or captured twice): the first at one device matches the first at
 * another, and so on. Where two devices have different numbers of them, a single packet matches the nearest in time,
 * and several are not matched.
 */
export function alignTwins(twins: readonly Twin[]): Twin[] {
  const classes: Alike[] = [];
  // By sequence number: few packets share one.
  const bySeq = new Map<number, Alike[]>();
  for (const { a, b } of twins) {
    const { seq } = a;
    let known = bySeq.get(seq);
    if (known === undefined) bySeq.set(seq, (known = []));
    let alike = known.find(({ sample }) => areAlike(sample, a));
    if (alike === undefined) {
      alike = { sample: a, a: [], b: [] };
      known.push(alike);
      classes.push(alike);
    }
    add(alike.a, a);
    add(alike.b, b);
  }
  const aligned: Twin[] = [];
  for (const alike of classes) {
    for (const own of alike.a) {
      for (const theirs of alike.b) match(own.packets, theirs.packets, aligned);
    }
  }
  return aligned;
}

function match(
  own: readonly CapturedPacket[],
  theirs: readonly CapturedPacket[],
  aligned: Twin[],
): void {
  if (own.length === theirs.length) {
    for (const [index, a] of own.entries()) {
      const b = theirs[index];
      if (b) aligned.push({ a, b });
    }
    return;
  }
  if (own.length > 1 && theirs.length > 1) return;
  const apart = ({ a, b }: Twin): number => Math.abs(a.time - b.time);
  const [nearest] = own
    .flatMap((a) => theirs.map((b) => ({ a, b })))
    .sort((x, y) => apart(x) - apart(y));
  if (nearest) aligned.push(nearest);
}

function add(places: Place[], packet: CapturedPacket): void {
  const { ifindex: device, direction, row } = packet;
  let place = places.find((one) => one.device === device && one.direction === direction);
  if (place === undefined) places.push((place = { device, direction, packets: [] }));
  const { packets } = place;
  if (packets.some((one) => one.row === row)) return;
  packets.push(packet);
  if (packets.length > 1) packets.sort((x, y) => x.time - y.time || x.row - y.row);
}

/** Whether two packets of one conversation are equal in everything that NAT does not change. */
function areAlike(a: CapturedPacket, b: CapturedPacket): boolean {
  return (
    a.seq === b.seq &&
    a.ack === b.ack &&
    a.flags === b.flags &&
    a.length === b.length &&
    a.ipId === b.ipId &&
    a.timestamp === b.timestamp &&
    a.digest === b.digest &&
    sameEndpoint(a.source, b.source)
  );
}
