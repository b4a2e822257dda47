/** Finds a first packet that came to the host with the dialled address and for which its stack found no socket. */
import type { Leg, LegEvent } from '../../correlate/leg.js';
import { sameEndpoint } from '../../model/address.js';
import { TCP, type DropEvent, type ResetEvent } from '../../model/event.js';

export function findUnclaimed(leg: Leg, host: number): DropEvent | ResetEvent | null {
  const { server, nat, events } = leg;
  if (server === null || nat?.destinationRewritten) return null;
  const found = events.find(
    (event) =>
      isUnclaimed(event) &&
      event.namespace === host &&
      sameEndpoint(event.destination, server) &&
      (event.protocol === 'udp' || (event.flags & (TCP.SYN | TCP.ACK)) === TCP.SYN),
  );
  return found?.kind === 'drop' || found?.kind === 'reset' ? found : null;
}

function isUnclaimed(event: LegEvent): event is DropEvent | ResetEvent {
  return event.kind === 'drop'
    ? event.reason === 'NO_SOCKET'
    : event.kind === 'reset' && event.socket === null;
}
