/** `container-addressed`: the client dialled a container's own address, and no packet bears another. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import { sameEndpoint } from '../../model/address.js';
import type { ClaimOf } from '../../model/claim.js';
import { holdsAddress, isHostAddress, type Observed } from '../observed.js';

export function claimAddressed({
  leg,
  topology,
  link,
}: Observed): ClaimOf<'container-addressed'> | null {
  const { server, nat, dialled } = leg;
  if (link || nat?.destinationRewritten || server === null) return null;
  const { namespaces, host } = topology;
  // Devices of containers may have loopback addresses and those of the host too.
  const owner = isHostAddress(topology, server.address)
    ? undefined
    : namespaces.find(
        ({ inode }) => inode !== host && holdsAddress(topology, inode, server.address),
      );
  return {
    code: 'container-addressed',
    holds: owner ? !hasOtherServer(leg) : namespaces.length > 0 ? false : null,
    events: dialled ? [dialled.id] : [],
    facts: { server, owner: owner?.name ?? null },
  };
}

/** Whether some packet of the connection bears another server address, so that something rewrote it. */
function hasOtherServer(leg: Leg): boolean {
  return leg.events.some((event) => {
    if (event.kind !== 'packet' || leg.server === null) return false;
    const end = isRequest(leg, event) ? event.destination : event.source;
    return !sameEndpoint(end, leg.server);
  });
}
