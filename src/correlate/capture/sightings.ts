/** Where a leg's packets were seen: at each device which way they went, and with which TTL. */
import type { WirePacket } from './same-packet.js';

/** What one device saw of one direction of a leg. */
export interface Seen {
  /** Highest and lowest TTL. */
  readonly most: number;
  readonly least: number;
  readonly in: boolean;
  readonly out: boolean;
  /** The sender's hardware address there. */
  readonly hardware: string | null;
}

export interface Sighting {
  readonly device: number;
  readonly request: Seen | null;
  readonly reply: Seen | null;
}

/** TTLs that systems start with: nothing has routed such a packet. */
export function isInitialTtl(ttl: number): boolean {
  return ttl === 64 || ttl === 128 || ttl === 255;
}

/** What each device saw of a leg. */
export function listSightings(
  requests: readonly WirePacket[],
  replies: readonly WirePacket[],
): Sighting[] {
  const devices = new Set([...requests, ...replies].map(({ ifindex }) => ifindex));
  const at = (packets: readonly WirePacket[], device: number | null): Seen | null =>
    sum(packets.filter(({ ifindex }) => ifindex === device));
  return [...devices].map((device) => ({
    device: device ?? 0,
    request: at(requests, device),
    reply: at(replies, device),
  }));
}

function sum(packets: readonly WirePacket[]): Seen | null {
  const [first] = packets;
  if (!first) return null;
  const ttls = packets.map(({ wire }) => wire.ttl);
  const goes = (way: 'in' | 'out'): boolean =>
    packets.some(({ wire, direction }) => wire.directed && direction === way);
  return {
    most: Math.max(...ttls),
    least: Math.min(...ttls),
    in: goes('in'),
    out: goes('out'),
    hardware: first.wire.hardware,
  };
}

/**
 * Two devices with the whole machine between them: requests came in at one and left by the other, replies the other
 * way, all under the same addresses. Anything less may be what is left of a rewriting: a bridge that passes its frames
 * through netfilter shows them rewritten, and with their first TTL, already at its own device.
 */
export function findCrossing(sightings: readonly Sighting[]): 'routed' | 'bridged' | null {
  const both = sightings.flatMap(({ request, reply }) =>
    request && reply ? { request, reply } : [],
  );
  const isNear = ({ request, reply }: (typeof both)[number]): boolean =>
    isFresh(request) && isRouted(reply);
  const isFar = ({ request, reply }: (typeof both)[number]): boolean =>
    isRouted(request) && isFresh(reply);
  if (both.some(isNear) && both.some(isFar)) return 'routed';
  const enters = both.some(
    ({ request, reply }) => onlyIn(request) && onlyOut(reply) && isFresh(request) && isFresh(reply),
  );
  const leaves = both.some(
    ({ request, reply }) => onlyOut(request) && onlyIn(reply) && isFresh(request) && isFresh(reply),
  );
  return enters && leaves ? 'bridged' : null;
}

function isFresh({ most, least }: Seen): boolean {
  return most === least && isInitialTtl(most);
}

function isRouted({ most }: Seen): boolean {
  return !isInitialTtl(most);
}

function onlyIn(seen: Seen): boolean {
  return seen.in && !seen.out;
}

function onlyOut(seen: Seen): boolean {
  return seen.out && !seen.in;
}
