/** `never-rewritten`: in a capture, packets were seen before and after the machine with the same addresses. */
import { findCrossing } from '../../correlate/capture/sightings.js';
import { isLoopback } from '../../model/address.js';
import type { ClaimOf } from '../../model/claim.js';
import type { ObservedOnWire } from '../observed-wire.js';

export function claimNeverRewritten({
  leg,
  link,
  captured,
}: ObservedOnWire): ClaimOf<'never-rewritten'> | null {
  if (link || leg.nat || leg.server === null || isLoopback(leg.server.address)) return null;
  const { uniform, ttl } = captured;
  const crossing =
    uniform && !captured.leg.isAtOneDevice ? findCrossing(captured.leg.sightings) : null;
  return {
    code: 'never-rewritten',
    holds: crossing !== null || null,
    events: crossing === null ? [] : leg.events.slice(0, 1).map(({ id }) => id),
    facts: { to: leg.destination, crossing, ttl },
  };
}
