/** `relay-dialled`: a relay began a connection of its own for this one. */
import type { RelayLink } from '../../correlate/relays.js';
import type { ClaimOf } from '../../model/claim.js';
import { processOf, type Observed } from '../observed.js';

export function claimDialled({ link, relayAccept }: Observed): ClaimOf<'relay-dialled'> | null {
  if (link) {
    const { upstream, moves, process, how } = link;
    if (how === 'tap') return claimTapped(link);
    const { protocol, client: from, server, destination } = upstream;
    const shown =
      protocol === 'udp' ? moves.find(({ request }) => request)?.event : upstream.dialled;
    return {
      code: 'relay-dialled',
      holds: shown ? true : null,
      events: shown ? [shown.id] : [],
      facts: { process, leg: { protocol, from, to: server ?? destination } },
    };
  }
  if (!relayAccept) return null;
  const facts = { process: processOf(relayAccept), leg: null };
  return { code: 'relay-dialled', holds: null, events: [], facts };
}

/** The first frame of a connection that a port driver wrote into its tap device. */
function claimTapped({ process, upstream }: RelayLink): ClaimOf<'relay-dialled'> {
  const { protocol, client: from, server, destination, events } = upstream;
  const first = events.find(({ kind }) => kind === 'packet');
  return {
    code: 'relay-dialled',
    holds: first ? true : null,
    events: first ? [first.id] : [],
    facts: { process, leg: { protocol, from, to: server ?? destination, tap: true } },
  };
}
