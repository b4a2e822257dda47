/** `handshakes-nested`: in a capture, a second handshake with its own sequence numbers followed the client's. */
import type { ClaimOf } from '../../model/claim.js';
import type { ObservedOnWire } from '../observed-wire.js';

export function claimNested({
  captured,
  link,
  pairing,
}: ObservedOnWire): ClaimOf<'handshakes-nested'> | null {
  if (!pairing || !link || captured.leg.protocol === 'udp') return null;
  const { client: from, destination: to } = link.upstream;
  const seen = captured.first.synTime !== null && pairing.upstream.first.synTime !== null;
  const legs = seen ? [captured, pairing.upstream] : [];
  return {
    code: 'handshakes-nested',
    holds: seen || null,
    events: legs.flatMap(({ leg }) => leg.range.findFirst(() => true)?.id ?? []),
    facts: { from, to },
  };
}
