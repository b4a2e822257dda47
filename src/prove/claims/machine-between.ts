/** `machine-between`: in a capture, packets show that a machine in between rewrote them and are no mere copies. */
import type { ClaimOf } from '../../model/claim.js';
import type { ObservedOnWire } from '../observed-wire.js';

export function claimMachineBetween({
  leg,
  captured: { rewriting },
}: ObservedOnWire): ClaimOf<'machine-between'> | null {
  if (!leg.nat?.destinationRewritten || rewriting === null) return null;
  const { doubt, twins } = rewriting;
  const twin = twins.at(0);
  return {
    code: 'machine-between',
    holds: (doubt !== 'one-way' && doubt !== 'both-ends') || null,
    events: twin ? [twin.a.id, twin.b.id] : [],
    facts: { doubt },
  };
}
