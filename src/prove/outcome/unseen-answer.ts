/** Finds whether a client acknowledged an answer that did not pass here: answers may go another way than requests. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import { TCP } from '../../model/event.js';
import { distance, isAfter } from './sequence.js';
import { readExchange } from './exchange.js';

/**
 * Whether the client acknowledged bytes of a server of which no packet was seen. Its first acknowledgement completes
 * the handshake; one more may be that of a FIN.
 */
export function isAnsweredUnseen(leg: Leg): boolean {
  if (leg.protocol === 'udp' || !leg.begun || readExchange(leg).replied) return false;
  let first: number | null = null;
  let furthest: number | null = null;
  for (const event of leg.events) {
    if (event.kind !== 'packet' || !isRequest(leg, event)) continue;
    if ((event.flags & TCP.ACK) === 0 || (event.flags & (TCP.SYN | TCP.RST)) !== 0) continue;
    first ??= event.ack;
    if (furthest === null || isAfter(event.ack, furthest)) furthest = event.ack;
  }
  return first !== null && furthest !== null && isAfter(furthest, first)
    ? distance(first, furthest) > 1
    : false;
}
