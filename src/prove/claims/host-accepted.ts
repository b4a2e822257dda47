/** `host-accepted`: a process of the host took the connection; refuted only where it would have been seen to. */
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

/** Whether a process of the host that takes the connection would have been seen to, had no event been lost. */
function wouldShow({ leg, witnesses, topology }: Observed): boolean {
  if (!leg.begun || !witnesses.has('accepts')) return false;
  // Who waited for a datagram when the trace began is not seen to read it; no process gets one that was sent on.
  if (leg.protocol === 'udp') return leg.nat?.destinationRewritten === true;
  // The host's own TCP has taken it: by io_uring a process may have it unseen.
  return !leg.events.some(
    (event) =>
      event.kind === 'state' &&
      event.from === TCP_STATE.SYN_RECV &&
      event.to === TCP_STATE.ESTABLISHED &&
      event.namespace === topology.host,
  );
}
