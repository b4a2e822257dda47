/** What NAT did to a packet between two hops, from the addresses that it has on each. */
import { isRequest } from '../correlate/bytes.js';
import type { Leg } from '../correlate/leg.js';
import { formatEndpoint, sameEndpoint } from '../model/address.js';
import type { NatEvent, PacketEvent } from '../model/event.js';
import type { Hop } from '../model/report.js';

export type Rewriting = NonNullable<Hop['rewrite']>;

/** From where to where a packet goes. */
export type Way = Pick<PacketEvent, 'source' | 'destination'>;

/** The way of a packet from this NAT hook on. */
export function rewritten({ source, destination, field, becomes }: NatEvent): Way {
  return field === 'source' ? { source: becomes, destination } : { source, destination: becomes };
}

/** What NAT did to this packet between the hop before and this one: nothing, one side, or both. */
export function findRewrites(
  leg: Leg,
  before: Way | null,
  now: PacketEvent,
  host: number,
): Rewriting[] {
  const { nat } = leg;
  if (nat === null || now.namespace !== host) return [];
  const request = isRequest(leg, now);
  // A packet of the host's own is rewritten before it shows on any device: what its socket dialled is the hop before.
  const dialled = request && nat.hook === 'OUTPUT' ? nat.view.original : null;
  const from = before ?? (dialled && { ...dialled });
  if (from === null) return [];
  const hookOf = { destination: nat.hook ?? 'PREROUTING', source: 'POSTROUTING' } as const;
  return (['destination', 'source'] as const)
    .filter((field) => !sameEndpoint(from[field], now[field]))
    .map((field) => ({
      hook: request ? hookOf[field] : 'reply',
      field,
      from: formatEndpoint(from[field]),
      to: formatEndpoint(now[field]),
    }));
}
