/**
 * Finds on which side of a machine a packet was seen first: by its TTL, its direction at the devices, and its order in
 * time.
 */
import { BIT, type PacketTable } from '../../model/packet-table.js';
import type { TwinRows } from './twins.js';

export interface Nearness {
  /** Which sightings are nearer to the sender. */
  readonly nearer: 'a' | 'b';
  /** A router lowered the TTL. */
  readonly routed: boolean;
  /** One machine saw it come in, and go out on the other side. */
  readonly crosses: boolean;
}

/**
 * Nanoseconds by which the clocks of one machine's processors may differ, and those of two files after they have been
 * aligned.
 */
const ONE_CLOCK = 20_000;
const TWO_CLOCKS = 50_000_000;

/** A packet on the sender's side of a machine and beyond it; rows of the table. */
interface Turned {
  readonly table: PacketTable;
  readonly near: Uint32Array;
  readonly far: Uint32Array;
}

/**
 * Finds which sightings of packets of one direction are nearer to the sender. `contradiction` where they cannot each be
 * one packet: the nearer ones came later, one device sent both, or the TTL changes both ways. Null where nothing tells.
 */
export function findNearer(twins: TwinRows): Nearness | 'contradiction' | null {
  if (twins.length === 0) return null;
  const { table } = twins;
  let [falls, rises] = [false, false];
  for (let index = 0; index < twins.length; index++) {
    const [a, b] = [table.ttl[twins.a(index)] ?? 0, table.ttl[twins.b(index)] ?? 0];
    falls ||= a > b;
    rises ||= a < b;
  }
  if (falls && rises) return 'contradiction';
  const routed = falls || rises;
  const nearer = routed ? (falls ? 'a' : 'b') : findFirst(twins);
  if (nearer === null) return null;
  const turned = turn(twins, nearer);
  if (isContradictory(turned, routed)) return 'contradiction';
  return { nearer, routed, crosses: crosses(turned) };
}

function turn(twins: TwinRows, nearer: 'a' | 'b'): Turned {
  const [near, far] = [new Uint32Array(twins.length), new Uint32Array(twins.length)];
  for (let index = 0; index < twins.length; index++) {
    near[index] = nearer === 'a' ? twins.a(index) : twins.b(index);
    far[index] = nearer === 'a' ? twins.b(index) : twins.a(index);
  }
  return { table: twins.table, near, far };
}

/** Without a router, the order in time decides between places of one capture. */
function findFirst(twins: TwinRows): 'a' | 'b' | null {
  const { table } = twins;
  let [before, after] = [true, true];
  for (let index = 0; index < twins.length; index++) {
    const [a, b] = [twins.a(index), twins.b(index)];
    if (!areApart(table, a, b)) return null;
    const [one, two] = [table.time[a] ?? 0, table.time[b] ?? 0];
    before &&= one < two;
    after &&= one > two;
  }
  return before ? 'a' : after ? 'b' : null;
}

/** Whether they were seen at two devices of one file, or on the way in and out at one device. */
export function areApart({ file, device, bits }: PacketTable, a: number, b: number): boolean {
  if (file[a] !== file[b]) return false;
  if (device[a] !== device[b]) return true;
  const [one, two] = [bits[a] ?? 0, bits[b] ?? 0];
  return (one & two & BIT.DIRECTED) !== 0 && ((one ^ two) & BIT.OUT) !== 0;
}

function isContradictory({ table, near, far }: Turned, routed: boolean): boolean {
  for (let index = 0; index < near.length; index++) {
    const [one, two] = [near[index] ?? 0, far[index] ?? 0];
    if (isLate(table, one, two) || isSentTwice(table, one, two)) return true;
    if (routed && isUnmoved(table, one, two)) return true;
  }
  return routed && goesOn({ table, near, far });
}

function isLate({ time, file }: PacketTable, near: number, far: number): boolean {
  const late = (time[near] ?? 0) - (time[far] ?? 0);
  return late > (file[near] === file[far] ? ONE_CLOCK : TWO_CLOCKS);
}

/** Whether one machine sent both although the TTL differs: a router sends with its own hardware address. */
function isSentTwice(table: PacketTable, near: number, far: number): boolean {
  return table.ttl[near] !== table.ttl[far] && haveOneSender(table, near, far);
}

/** Whether the same machine sent both, as far as hardware addresses tell; loopback devices have 0. */
export function haveOneSender({ hardware }: PacketTable, a: number, b: number): boolean {
  return (hardware[a] ?? -1) > 0 && hardware[a] === hardware[b];
}

/**
 * Whether packets were seen on both sides of a router under their first addresses, and as far along as under the new
 * ones.
 */
function goesOn({ table: { ttl }, near, far }: Turned): boolean {
  const first = ttl[near[0] ?? 0];
  let [level, several] = [false, false];
  for (let index = 0; index < near.length; index++) {
    const own = ttl[near[index] ?? 0];
    level ||= own === ttl[far[index] ?? 0];
    several ||= own !== first;
  }
  return level && several;
}

/** Whether a packet has its new addresses at the same place, and as near, as its old ones. */
function isUnmoved(table: PacketTable, near: number, far: number): boolean {
  const { ttl, file, device, bits, time } = table;
  if (ttl[near] !== ttl[far] || file[near] !== file[far]) return false;
  if (device[near] !== device[far]) return false;
  const [one, two] = [bits[near] ?? 0, bits[far] ?? 0];
  // Where the direction is unknown, one device may stand for several.
  if ((one & two & BIT.DIRECTED) === 0) return (time[far] ?? 0) <= (time[near] ?? 0);
  return ((one ^ two) & BIT.OUT) === 0;
}

/** Whether all packets came in before the rewriting, and one was seen to go out after it. */
function crosses({ table: { file, bits }, near, far }: Turned): boolean {
  let leaves = false;
  for (let index = 0; index < near.length; index++) {
    const [one, two] = [near[index] ?? 0, far[index] ?? 0];
    const [before, after] = [bits[one] ?? 0, bits[two] ?? 0];
    if (file[one] !== file[two] || (before & after & BIT.DIRECTED) === 0) return false;
    if ((before & BIT.OUT) !== 0) return false;
    leaves ||= (after & BIT.OUT) !== 0;
  }
  return leaves;
}
