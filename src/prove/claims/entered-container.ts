/** `entered-container`: a packet of the last leg was seen to enter the namespace of its destination. */
import type { ClaimOf } from '../../model/claim.js';
import type { Observed } from '../observed.js';

export function claimEntered({
  entered,
  topology,
  lastLeg,
  hostAccept,
  link,
}: Observed): ClaimOf<'entered-container'> | null {
  if (hostAccept && !link) return null;
  const to = lastLeg.destination;
  if (entered) {
    const { ifindex } = entered;
    const place = topology.namespaces.find(({ inode }) => inode === entered.namespace);
    const device = place?.devices.find((one) => one.ifindex === ifindex)?.name ?? null;
    const at = { namespace: place?.name ?? null, device, ifindex };
    return { code: 'entered-container', holds: true, events: [entered.id], facts: { to, at } };
  }
  const facts = { to, at: null };
  // No packet is seen anywhere if the port is not traced.
  return lastLeg.events.some(({ kind }) => kind === 'packet')
    ? { code: 'entered-container', holds: false, absence: 'packets', events: [], facts }
    : { code: 'entered-container', holds: null, events: [], facts };
}
