/** Matches sightings of one packet in two conversations, one to one where several are alike. */
import { CapturedPacket } from '../../model/captured-packet.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';

/** One packet, seen in two conversations. */
export interface Twin {
  readonly a: CapturedPacket;
  readonly b: CapturedPacket;
}

/** Twins of two conversations as rows of the packet table: objects are made on demand, because there are very many. */
export class TwinRows implements Iterable<Twin> {
  readonly table: PacketTable;
  /** The rows of `a` and `b` in turns. */
  readonly #rows: number[] = [];

  constructor(table: PacketTable) {
    this.table = table;
  }

  get length(): number {
    return this.#rows.length / 2;
  }

  push(a: number, b: number): void {
    this.#rows.push(a, b);
  }

  a(index: number): number {
    return this.#rows[index * 2] ?? 0;
  }

  b(index: number): number {
    return this.#rows[index * 2 + 1] ?? 0;
  }

  at(index: number): Twin | undefined {
    if (index >= this.length) return undefined;
    return {
      a: new CapturedPacket(this.table, this.a(index)),
      b: new CapturedPacket(this.table, this.b(index)),
    };
  }

  *[Symbol.iterator](): Iterator<Twin> {
    for (let index = 0; index < this.length; index++) {
      const twin = this.at(index);
      if (twin) yield twin;
    }
  }
}

/** Packets of one conversation that nothing tells apart, and their sightings in the other one; rows of the table. */
interface Alike {
  readonly a: number[];
  readonly b: number[];
}

/**
 * Aligns packets that nothing tells apart (sent again, or captured twice): the first at one device matches the first at
 * another, and so on. Where two devices have different numbers of them, a single packet matches the nearest in time,
 * and several are not matched.
 */
export function alignTwins(twins: TwinRows): TwinRows {
  const { table } = twins;
  const classes: Alike[] = [];
  for (let index = 0; index < twins.length; index++) {
    const [a, b] = [twins.a(index), twins.b(index)];
    const alike = findAlike(classes, table, a);
    if (alike === null) classes.push({ a: [a], b: [b] });
    else {
      if (!alike.a.includes(a)) alike.a.push(a);
      if (!alike.b.includes(b)) alike.b.push(b);
    }
  }
  const aligned = new TwinRows(table);
  for (const { a, b } of classes) {
    const theirs = splitByPlace(table, b);
    for (const own of splitByPlace(table, a)) {
      for (const others of theirs) match(own, others, aligned);
    }
  }
  return aligned;
}

/** The latest come first: the sightings of a packet follow each other. */
function findAlike(classes: readonly Alike[], table: PacketTable, row: number): Alike | null {
  for (let index = classes.length - 1; index >= 0; index--) {
    const alike = classes[index];
    if (alike && areAlike(table, alike.a[0] ?? 0, row)) return alike;
  }
  return null;
}

/** Rows by device and direction, each list in order of time. */
function splitByPlace(table: PacketTable, rows: readonly number[]): readonly (readonly number[])[] {
  const places: number[][] = [];
  for (const row of rows) {
    const place = places.find((others) => isOnePlace(table, others[0] ?? 0, row));
    if (place === undefined) places.push([row]);
    else place.push(row);
  }
  const { time } = table;
  for (const place of places) {
    if (place.length > 1) place.sort((x, y) => (time[x] ?? 0) - (time[y] ?? 0) || x - y);
  }
  return places;
}

function isOnePlace({ device, bits }: PacketTable, a: number, b: number): boolean {
  return device[a] === device[b] && (((bits[a] ?? 0) ^ (bits[b] ?? 0)) & BIT.OUT) === 0;
}

function match(own: readonly number[], theirs: readonly number[], aligned: TwinRows): void {
  if (own.length === theirs.length) {
    for (let index = 0; index < own.length; index++) {
      aligned.push(own[index] ?? 0, theirs[index] ?? 0);
    }
    return;
  }
  if (own.length > 1 && theirs.length > 1) return;
  const { time } = aligned.table;
  const apart = ([a, b]: readonly [number, number]): number =>
    Math.abs((time[a] ?? 0) - (time[b] ?? 0));
  const [nearest] = own
    .flatMap((a) => theirs.map((b) => [a, b] as const))
    .sort((x, y) => apart(x) - apart(y));
  if (nearest) aligned.push(nearest[0], nearest[1]);
}

/** Whether two packets of one conversation are equal in everything that NAT does not change. */
function areAlike(table: PacketTable, a: number, b: number): boolean {
  const { seq, ack, flags, length, ipId, timestamp, digest, bits } = table;
  if (seq[a] !== seq[b] || ack[a] !== ack[b] || flags[a] !== flags[b]) return false;
  if (length[a] !== length[b] || ipId[a] !== ipId[b]) return false;
  const [one, two] = [bits[a] ?? 0, bits[b] ?? 0];
  if (((one ^ two) & (BIT.STAMPED | BIT.DIGEST)) !== 0) return false;
  if ((one & BIT.STAMPED) !== 0 && timestamp[a] !== timestamp[b]) return false;
  if ((one & BIT.DIGEST) !== 0 && digest[a] !== digest[b]) return false;
  return table.sameSource(a, b);
}
