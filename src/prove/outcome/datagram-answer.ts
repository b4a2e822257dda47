/** Whether the answer of a UDP server came to the client's host, as far as the trace sees. */
import { isRequest } from '../../correlate/bytes.js';
import { packetKey, type Leg } from '../../correlate/leg.js';
import { sameEndpoint } from '../../model/address.js';
import type { PacketEvent } from '../../model/event.js';

/** True too where packets tell no way: those of a capture, and those that were only counted. */
export function isAnswerDelivered(leg: Leg): boolean {
  let first: PacketEvent | null = null;
  for (const event of leg.events) {
    if (event.kind === 'counter' && !isRequest(leg, event)) return true;
    if (event.kind !== 'packet') continue;
    if (isRequest(leg, event)) first ??= event;
    else if (first === null || event.skb === null) return true;
    else if (isAtClient(event, first) && !isLost(leg, event)) return true;
  }
  return false;
}

/** At the namespace that the first request was seen at, on the way back to where that came from. */
function isAtClient(reply: PacketEvent, first: PacketEvent): boolean {
  return (
    reply.namespace === first.namespace &&
    reply.direction !== first.direction &&
    sameEndpoint(reply.destination, first.source)
  );
}

/** Whether this very packet was thrown away behind this place: no other was seen in its memory meanwhile. */
function isLost(leg: Leg, reply: PacketEvent): boolean {
  const key = packetKey(reply);
  const next = leg.events.find(
    (event) =>
      (event.kind === 'packet' || event.kind === 'drop') &&
      event.time >= reply.time &&
      event.id !== reply.id &&
      packetKey(event) === key,
  );
  return next?.kind === 'drop' && next.length === reply.length && next.reason !== 'NO_SOCKET';
}
