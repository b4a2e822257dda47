/** Finds the requested connections of a capture: flows across NAT and files, and the legs of relays. */
import type { Ownership } from '../../model/claim.js';
import type { CaptureFacts } from '../../model/conversation.js';
import type { Device } from '../../model/topology.js';
import type { Trace, TraceHeader } from '../../model/trace.js';
import { createMatcher } from '../asked.js';
import type { BusyTimes } from './busy-times.js';
import type { TracedConnection } from '../connections.js';
import type { RelayLink } from '../relays.js';
import { joinConversations, type Groups } from './groups.js';
import { buildCapturedLeg, type CapturedLeg } from './legs.js';
import { describePair, pairByContent, sketchPair, type Pairing, type Pairings } from './relays.js';
import { Services } from './services.js';

/** The relays of most connections: one shared empty list. */
const NONE: readonly RelayLink[] = [];

export interface CapturedConnection extends TracedConnection {
  readonly captured: CapturedLeg;
  readonly pairing: Pairing | null;
  /** A relay may have carried it, but other legs carried the same bytes at that time. */
  readonly open: boolean;
}

/**
 * The legs of a capture, or of a part of one, in the order in which they were first seen, with the pairs of relays'
 * legs.
 */
export interface CapturedLegs {
  readonly legs: readonly CapturedLeg[];
  readonly touching: Groups['touching'];
  readonly pairings: Pairings;
}

/** What is needed to correlate a part of a capture. */
export interface PartOfCapture {
  /** When retired legs existed. */
  readonly gone: BusyTimes;
  /** Nanoseconds; conversations that began later are not yet of interest. */
  readonly until: number;
}

/** @param part null for a whole capture */
export function correlateCapture(
  { target, topology }: TraceHeader,
  { conversations, packets, clocks }: CaptureFacts,
  part: PartOfCapture | null = null,
): CapturedLegs {
  const devices = new Map<number, Device>();
  for (const { devices: own } of topology.namespaces) {
    for (const device of own) devices.set(device.ifindex, device);
  }
  const context = { ports: new Set(target.ports), devices };
  const isYoung = part && (({ first }: { readonly first: number }): boolean => first > part.until);
  const { groups, touching } = joinConversations(conversations, packets, clocks, isYoung);
  const legs = groups
    .filter((group) => !group.packets.isEmpty)
    .map((group) => buildCapturedLeg(group, context))
    .sort((a, b) => a.first.first - b.first.first || a.first.id - b.first.id);
  return { legs, touching, pairings: pairByContent(legs, part?.gone ?? null) };
}

/** Connections in the order in which they were first seen. */
export function findCaptured(trace: Trace): CapturedConnection[] {
  const { header, capture } = trace;
  if (!capture) return [];
  const { legs, pairings } = correlateCapture(header, capture);
  const services = new Services();
  services.take(
    legs,
    [...pairings.strong.values()].map(({ edge }) => edge),
  );
  const own = (client: CapturedLeg): Ownership | null => {
    const sketch = sketchPair(pairings, client);
    return sketch && services.explain(sketch);
  };
  return listConnections(legs, pairings, own).filter(createAsked(header));
}

/** Makes a connection of each leg that a relay did not dial. */
export function listConnections(
  legs: readonly CapturedLeg[],
  { strong, weak, open }: Pick<Pairings, 'strong' | 'weak' | 'open'>,
  own: (client: CapturedLeg) => Ownership | null,
): CapturedConnection[] {
  const pairs = [...strong.values(), ...weak.values()];
  const upstream = new Set(pairs.map(({ edge }) => edge.upstream));
  return legs.flatMap((captured) => {
    if (upstream.has(captured)) return [];
    const pair = strong.get(captured) ?? weak.get(captured);
    const pairing = pair ? describePair(pair, own(captured)) : null;
    return [connect(captured, pairing, open.has(captured))];
  });
}

/** Returns a test for whether a connection was asked for. */
export function createAsked(header: TraceHeader): (connection: CapturedConnection) => boolean {
  const isAsked = createMatcher(header, 'unknown');
  return ({ leg, link, captured: { first, last } }) => {
    const via = [...(first.via ?? []), ...(last.via ?? [])];
    return isAsked({ leg, upstream: link?.upstream ?? null, via });
  };
}

function connect(
  captured: CapturedLeg,
  pairing: Pairing | null,
  open: boolean,
): CapturedConnection {
  const { leg } = captured;
  const link: RelayLink | null = pairing && {
    process: null,
    client: leg,
    upstream: pairing.upstream.leg,
    how: 'content',
    moves: [],
    toUpstream: null,
    toClient: null,
    flows: null,
    sockets: null,
  };
  // Facts that only sockets can tell.
  const unseen = { received: null, replied: null, sent: null, shared: null, service: null };
  return { leg, link, links: link ? [link] : NONE, ...unseen, captured, pairing, open };
}
