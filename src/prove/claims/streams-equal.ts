/** `streams-equal`: in a capture, both legs of a relay carried the same bytes and none of these are missing. */
import type { Pairing } from '../../correlate/capture/relays.js';
import type { ClaimOf, Likeness } from '../../model/claim.js';
import type { ObservedOnWire } from '../observed-wire.js';

export function claimEqual({
  pairing,
  link,
  leg,
  captured,
}: ObservedOnWire): ClaimOf<'streams-equal'> | null {
  if (!pairing || !link) return null;
  const { request, reply, thin } = pairing;
  return {
    code: 'streams-equal',
    holds: isCarried(pairing) || null,
    events: [captured.leg, pairing.upstream.leg].flatMap(
      ({ range }) => range.findFirst((row) => (range.table.length[row] ?? 0) > 0)?.id ?? [],
    ),
    facts: { protocol: leg.protocol, request, reply, thin },
  };
}

/** Whether bytes were compared and match in both directions; the reply may be empty. */
function isCarried({ request, reply, thin }: Pairing): boolean {
  if (thin) return false;
  const compared = (like: Likeness): boolean => like === 'equal' || like === 'same-start';
  return compared(request) && (compared(reply) || reply === 'empty');
}
