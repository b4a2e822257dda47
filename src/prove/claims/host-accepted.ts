/** `host-accepted`: a process of the host took the connection; refuted only where that would have been seen. */
import type { ClaimOf } from '../../model/claim.js';
import { TCP_STATE } from '../../model/event.js';
import type { Observed } from '../observed.js';

export function claimAccepted(subject: Observed): ClaimOf<'host-accepted'> {
  const { hostAccept, leg, link } = subject;
  const { protocol } = leg;
  if (hostAccept) {
    const { pid, command, local: at, fd: descriptor } = hostAccept;
    const answered = hostAccept.kind === 'copy' && hostAccept.operation === 'write';
    const taken = { process: { pid, command }, at, descriptor, answered };
    return {
      code: 'host-accepted',
      holds: true,
      events: [hostAccept.id],
      facts: { protocol, taken, before: false },
    };
  }
  const refuted = link === null && wouldShow(subject);
  return {
    code: 'host-accepted',
    holds: refuted ? false : null,
    ...(refuted && { absence: 'events' }),
    events: [],
    facts: { protocol, taken: null, before: link !== null },
  };
}

/** Whether a process of the host would have been seen to take the connection if no event was lost. */
function wouldShow({ leg, witnesses, topology }: Observed): boolean {
  if (!leg.begun || !witnesses.has('accepts')) return false;
  // The read of a process that already waited when the trace began is not seen. A datagram with a rewritten destination
  // went elsewhere, so no process of the host got it.
  if (leg.protocol === 'udp') return leg.nat?.destinationRewritten === true;
  // Once the host's TCP has established it, a process may have accepted it unseen, by io_uring.
  return !leg.events.some(
    (event) =>
      event.kind === 'state' &&
      event.from === TCP_STATE.SYN_RECV &&
      event.to === TCP_STATE.ESTABLISHED &&
      event.namespace === topology.host,
  );
}
