/** `only-pairing`, `content-own`: in a capture, no other leg and no chance explains why two legs carried the same. */
import type { ClaimOf } from '../../model/claim.js';
import type { ObservedOnWire } from '../observed-wire.js';

export function claimOnly({ pairing }: ObservedOnWire): ClaimOf<'only-pairing'> | null {
  return pairing && { code: 'only-pairing', holds: pairing.only || null, events: [], facts: {} };
}

export function claimOwn({ pairing }: ObservedOnWire): ClaimOf<'content-own'> | null {
  if (!pairing) return null;
  const { own } = pairing;
  return { code: 'content-own', holds: own !== null || null, events: [], facts: { own } };
}
