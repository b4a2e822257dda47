/**
 * Decides what NAT may do to a packet by its conntrack entry: an end changes from its original to its translation,
 * never back.
 */
import { sameEndpoint, type Endpoint } from '../../model/address.js';
import type { ConntrackView, NatEvent, PacketEvent } from '../../model/event.js';

/** The source and destination of a packet. */
export type Heading = Pick<PacketEvent, 'source' | 'destination'>;

/** The source and destination of a packet after this NAT hook. */
export function rewritten({ source, destination, field, becomes }: NatEvent): Heading {
  return field === 'source' ? { source: becomes, destination } : { source, destination: becomes };
}

export function sameWay(a: Heading, b: Heading): boolean {
  return sameEndpoint(a.source, b.source) && sameEndpoint(a.destination, b.destination);
}

/** Both ends before and after NAT, for one direction of a conntrack entry. */
interface Steps {
  readonly source: readonly [Endpoint, Endpoint];
  readonly destination: readonly [Endpoint, Endpoint];
}

function stepsOf({ original, reply }: ConntrackView, request: boolean): Steps {
  return request
    ? {
        source: [original.source, reply.destination],
        destination: [original.destination, reply.source],
      }
    : {
        source: [reply.source, original.destination],
        destination: [reply.destination, original.source],
      };
}

/** Whether NAT by this entry turns one heading into the other, in either direction of the flow. */
export function leadsTo(view: ConntrackView, before: Heading, now: Heading): boolean {
  return [true, false].some((request) => canStep(view, before, now, request));
}

/** The same for one direction: requests are translated, replies translated back. */
export function canStep(
  view: ConntrackView,
  before: Heading,
  now: Heading,
  request: boolean,
): boolean {
  const steps = stepsOf(view, request);
  return (['source', 'destination'] as const).every((field) => {
    const [first, last] = steps[field];
    if (sameEndpoint(before[field], now[field])) {
      return sameEndpoint(now[field], first) || sameEndpoint(now[field], last);
    }
    return sameEndpoint(before[field], first) && sameEndpoint(now[field], last);
  });
}
