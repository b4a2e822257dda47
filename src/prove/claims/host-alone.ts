/** `host-alone`: the process that took the connection answered by itself: until then it wrote nothing elsewhere. */
import type { ClaimOf } from '../../model/claim.js';
import type { Observed } from '../observed.js';

export function claimAlone(subject: Observed): ClaimOf<'host-alone'> | null {
  const { hostAccept, service, link, relayAccept, witnesses, bytes } = subject;
  if (!hostAccept || !service || link || relayAccept) return null;
  const { pid, command } = hostAccept;
  const facts = { process: { pid, command } };
  const { ways, written } = service;
  if (ways.length > 0) {
    return { code: 'host-alone', holds: false, events: ways.map(({ event }) => event.id), facts };
  }
  const watched = witnesses.has('copies') && witnesses.has('asides');
  const alone = watched && written !== null && written >= bytes.fromServer;
  return alone
    ? { code: 'host-alone', holds: true, absence: 'events', events: [], facts }
    : { code: 'host-alone', holds: null, events: [], facts };
}
