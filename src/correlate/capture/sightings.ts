/** Summarises where a leg's packets were seen: at each device, in which direction and with which TTLs. */
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

export interface DeviceSighting {
  readonly device: number;
  readonly request: Seen | null;
  readonly reply: Seen | null;
}

/** Whether a TTL is one that systems start with, so that no router has forwarded the packet yet. */
export function isInitialTtl(ttl: number): boolean {
  return ttl === 64 || ttl === 128 || ttl === 255;
}

type Draft = { -readonly [K in keyof Seen]: Seen[K] };

/** What each device saw of a leg. */
export function listSightings(
  requests: readonly WirePacket[],
  replies: readonly WirePacket[],
): DeviceSighting[] {
  const drafts: { device: number; request: Draft | null; reply: Draft | null }[] = [];
  const add = (packets: readonly WirePacket[], way: 'request' | 'reply'): void => {
    for (const packet of packets) {
      const device = packet.ifindex ?? 0;
      let draft = drafts.find((one) => one.device === device);
      if (!draft) drafts.push((draft = { device, request: null, reply: null }));
      draft[way] = include(draft[way], packet);
    }
  };
  add(requests, 'request');
  add(replies, 'reply');
  return drafts;
}

function include(seen: Draft | null, { wire, direction }: WirePacket): Draft {
  const { ttl, directed, hardware } = wire;
  const draft = seen ?? { most: ttl, least: ttl, in: false, out: false, hardware };
  draft.most = Math.max(draft.most, ttl);
  draft.least = Math.min(draft.least, ttl);
  if (directed) draft[direction] = true;
  return draft;
}

/**
 * Whether the leg was seen at two devices with the whole machine between them: requests came in at one and left by the
 * other, replies took the reverse way, all under the same addresses. Anything less may be the remains of a rewriting: a
 * bridge that passes its frames through netfilter shows them rewritten, with their initial TTL, already at its own
 * device.
 */
export function findCrossing(sightings: readonly DeviceSighting[]): 'routed' | 'bridged' | null {
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
