/** `nat-rewritten`: shown by the packets' conntrack entry, or in a capture by packets seen with two destinations. */
import type { ClaimOf } from '../../model/claim.js';
import type { Observed } from '../observed.js';
import type { ObservedOnWire } from '../observed-wire.js';

type Rewritten = ClaimOf<'nat-rewritten'>;

export function claimRewritten({ leg }: Observed): Rewritten {
  const { nat, conntracked, events } = leg;
  if (nat?.destinationRewritten) {
    const { original, reply } = nat.view;
    return {
      code: 'nat-rewritten',
      holds: true,
      events: [nat.event.id],
      facts: {
        by: 'conntrack',
        from: original.destination,
        to: reply.source,
        hook: nat.hook,
      },
    };
  }
  const facts = { by: 'conntrack', from: null, to: null, hook: null } as const;
  if (!conntracked) return { code: 'nat-rewritten', holds: null, events: [], facts };
  const tracked = events.find((event) => event.kind === 'packet' && event.conntrack !== null);
  return { code: 'nat-rewritten', holds: false, events: tracked ? [tracked.id] : [], facts };
}

export function claimRewrittenOnWire({ leg, link, captured }: ObservedOnWire): Rewritten {
  const { nat, server, destination } = leg;
  if (!nat?.destinationRewritten || server === null) {
    const facts = { by: 'addresses', from: null, to: null, hook: null } as const;
    return { code: 'nat-rewritten', holds: link ? false : null, events: [], facts };
  }
  const twin = captured.rewriting?.twins.at(0);
  return {
    code: 'nat-rewritten',
    holds: true,
    events: twin ? [twin.a.id, twin.b.id] : [],
    facts: { by: 'addresses', from: server, to: destination, hook: null },
  };
}
