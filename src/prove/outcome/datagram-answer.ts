/** Finds whether a UDP server's answer reached the client's namespace, as far as the trace sees. */
import { isRequest } from '../../correlate/bytes.js';
import { packetKey, type Leg } from '../../correlate/leg.js';
import { sameEndpoint } from '../../model/address.js';
import type { PacketEvent } from '../../model/event.js';

/** Also true where the way of an answer is unknown: in captures, and for packets that were only counted. */
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

/** Whether a reply was seen in the namespace of the first request, on its way back to that request's source. */
function isAtClient(reply: PacketEvent, first: PacketEvent): boolean {
  return (
    reply.namespace === first.namespace &&
    reply.direction !== first.direction &&
    sameEndpoint(reply.destination, first.source)
  );
}

/** Whether this packet was dropped after this place: the next event with its skb is the drop. */
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
