/** From a capture to the connections that were asked for: flows across NAT and files, and the legs of relays. */
import type { Device } from '../../model/topology.js';
import type { Trace } from '../../model/trace.js';
import { createMatcher } from '../asked.js';
import type { TracedConnection } from '../connections.js';
import type { RelayLink } from '../relays.js';
import { joinConversations } from './groups.js';
import { buildCapturedLeg, type CapturedLeg } from './legs.js';
import { pairByContent, type Pairing } from './relays.js';

/** Of most connections: one for all of them. */
const NONE: readonly RelayLink[] = [];

export interface CapturedConnection extends TracedConnection {
  readonly captured: CapturedLeg;
  readonly pairing: Pairing | null;
  /** A relay may have carried it, but others carried the same bytes at that time. */
  readonly open: boolean;
}

/** Connections in the order in which they were first seen. */
export function findCaptured(trace: Trace): CapturedConnection[] {
  const { target, topology } = trace.header;
  if (!trace.capture) return [];
  const { conversations, packets, clocks } = trace.capture;
  const devices = new Map<number, Device>();
  for (const { devices: own } of topology.namespaces) {
    for (const device of own) devices.set(device.ifindex, device);
  }
  const context = { ports: new Set(target.ports), devices };
  const legs = joinConversations(conversations, packets, clocks)
    .filter((group) => !group.packets.isEmpty)
    .map((group) => buildCapturedLeg(group, context))
    .sort((a, b) => a.first.first - b.first.first || a.first.id - b.first.id);
  const { pairs, open } = pairByContent(legs);
  const upstream = new Set([...pairs.values()].map((pairing) => pairing.upstream));
  const isAsked = createMatcher(trace.header, 'unknown');
  return legs
    .filter((captured) => !upstream.has(captured))
    .map((captured) => connect(captured, pairs.get(captured) ?? null, open.has(captured)))
    .filter(({ leg, link, captured: { first, last } }) => {
      const via = [...(first.via ?? []), ...(last.via ?? [])];
      return isAsked({ leg, upstream: link?.upstream ?? null, via });
    });
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
