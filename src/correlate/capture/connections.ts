/** From a capture to the connections that were asked for: flows across NAT and files, and the legs of relays. */
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

/** Of most connections: one for all of them. */
const NONE: readonly RelayLink[] = [];

export interface CapturedConnection extends TracedConnection {
  readonly captured: CapturedLeg;
  readonly pairing: Pairing | null;
  /** A relay may have carried it, but others carried the same bytes at that time. */
  readonly open: boolean;
}

/** The legs of a capture, or of a part of one, in the order in which they were first seen, with what relays made of them. */
export interface CapturedLegs {
  readonly legs: readonly CapturedLeg[];
  readonly touching: Groups['touching'];
  readonly pairings: Pairings;
}

/** What a part of a capture needs beside itself. */
export interface PartOfCapture {
  /** When others were there that were let go. */
  readonly gone: BusyTimes;
  /** Nothing is asked yet of conversations that began later, in nanoseconds. */
  readonly until: number;
}

/** @param part null of a whole one */
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

/** Those of the legs that are no relay's own. */
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

/** Whether a connection is one of those that were asked for. */
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
  // What only sockets tell.
  const unseen = { received: null, replied: null, sent: null, shared: null, service: null };
  return { leg, link, links: link ? [link] : NONE, ...unseen, captured, pairing, open };
}
