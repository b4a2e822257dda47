/** `nothing-listened`: the host's own stack found no socket at the address that the client dialled. */
import type { ClaimOf } from '../../model/claim.js';
import type { Observed } from '../observed.js';
import { findUnclaimed } from '../outcome/no-listener.js';

export function claimNothingListened({
  leg,
  topology,
  hostAccept,
}: Observed): ClaimOf<'nothing-listened'> | null {
  const { server } = leg;
  const found = hostAccept ? null : findUnclaimed(leg, topology.host);
  if (!found || !server) return null;
  return { code: 'nothing-listened', holds: true, events: [found.id], facts: { server } };
}
