/**
 * Finds on which side of a machine a packet was seen first: by its TTL, its direction at the devices, and its order in
 * time.
 */
import type { WireFacts } from '../../model/conversation.js';
import type { WirePacket } from './same-packet.js';
import type { Twin } from './twins.js';

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

/**
 * Finds which sightings of packets of one direction are nearer to the sender. `contradiction` where they cannot each be
 * one packet: the nearer ones came later, one device sent both, or the TTL changes both ways. Null where nothing tells.
 */
export function findNearer(twins: readonly Twin[]): Nearness | 'contradiction' | null {
  if (twins.length === 0) return null;
  const byTtl = twins.map(({ a, b }) => Math.sign(a.ttl - b.ttl));
  const routed = byTtl.some((sign) => sign !== 0);
  if (byTtl.includes(1) && byTtl.includes(-1)) return 'contradiction';
  const nearer = routed ? (byTtl.includes(1) ? 'a' : 'b') : findFirst(twins);
  if (nearer === null) return null;
  const turned = twins.map(({ a, b }): readonly [near: WirePacket, far: WirePacket] =>
    nearer === 'a' ? [a, b] : [b, a],
  );
  if (turned.some(isLate) || turned.some(isSentTwice)) return 'contradiction';
  if (routed && (goesOn(turned) || turned.some(isUnmoved))) return 'contradiction';
  return { nearer, routed, crosses: crosses(turned) };
}

/** Without a router, the order in time decides between places of one capture. */
function findFirst(twins: readonly Twin[]): 'a' | 'b' | null {
  if (!twins.every(areApart)) return null;
  if (twins.every(({ a, b }) => a.time < b.time)) return 'a';
  return twins.every(({ a, b }) => a.time > b.time) ? 'b' : null;
}

/** Whether they were seen at two devices of one file, or on the way in and out at one device. */
export function areApart({ a, b }: Twin): boolean {
  if (a.file !== b.file) return false;
  return a.ifindex !== b.ifindex || (a.directed && b.directed && a.direction !== b.direction);
}

function isLate([near, far]: readonly [WirePacket, WirePacket]): boolean {
  return near.time - far.time > (near.wire.file === far.wire.file ? ONE_CLOCK : TWO_CLOCKS);
}

/** Whether one machine sent both although the TTL differs: a router sends with its own hardware address. */
function isSentTwice([near, far]: readonly [WirePacket, WirePacket]): boolean {
  return near.wire.ttl !== far.wire.ttl && haveOneSender(near.wire, far.wire);
}

/** Whether the same machine sent both, as far as hardware addresses tell. */
export function haveOneSender(
  { hardware: one }: Pick<WireFacts, 'hardware'>,
  { hardware: two }: Pick<WireFacts, 'hardware'>,
): boolean {
  return one !== null && one === two && one !== NO_HARDWARE;
}

/**
 * Whether packets were seen on both sides of a router under their first addresses, and as far along as under the new
 * ones.
 */
function goesOn(turned: readonly (readonly [WirePacket, WirePacket])[]): boolean {
  const isLevel = turned.some(([near, far]) => near.wire.ttl === far.wire.ttl);
  return isLevel && new Set(turned.map(([near]) => near.wire.ttl)).size > 1;
}

/** Whether a packet has its new addresses at the same place, and as near, as its old ones. */
function isUnmoved([near, far]: readonly [WirePacket, WirePacket]): boolean {
  if (near.wire.ttl !== far.wire.ttl || near.wire.file !== far.wire.file) return false;
  if (near.ifindex !== far.ifindex) return false;
  // Where the direction is unknown, one device may stand for several.
  if (!near.wire.directed || !far.wire.directed) return far.time <= near.time;
  return near.direction === far.direction;
}

/** The hardware address of loopback devices. */
const NO_HARDWARE = '00:00:00:00:00:00';

/** Whether all packets came in before the rewriting, and one was seen to go out after it. */
function crosses(turned: readonly (readonly [WirePacket, WirePacket])[]): boolean {
  return (
    turned.every(
      ([near, far]) =>
        near.wire.file === far.wire.file &&
        near.wire.directed &&
        far.wire.directed &&
        near.direction === 'in',
    ) && turned.some(([, far]) => far.direction === 'out')
  );
}
