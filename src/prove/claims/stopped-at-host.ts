/** `stopped-at-host`: a rule of the host dropped the first packet, after NAT had left its destination as it was. */
import type { ClaimOf } from '../../model/claim.js';
import type { Observed } from '../observed.js';
import { findStopped } from '../outcome/stopped.js';

export function claimStopped({
  leg,
  topology,
  hostAccept,
  link,
}: Observed): ClaimOf<'stopped-at-host'> | null {
  const { server } = leg;
  const found = hostAccept || link ? null : findStopped(leg, topology);
  if (!found || !server) return null;
  return {
    code: 'stopped-at-host',
    holds: found.behindNat ? true : null,
    events: [found.drop.id],
    facts: { server },
  };
}
