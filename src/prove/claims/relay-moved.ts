/** `relay-moved`: bytes went from one socket of a relay into the other. */
import { isEqualBytes } from '../../correlate/bytes.js';
import type { Move } from '../../correlate/relays.js';
import type { ClaimOf } from '../../model/claim.js';
import type { Observed } from '../observed.js';

type Moved = ClaimOf<'relay-moved'>;

/** Most transfers that are named as evidence. */
const MOST_MOVES = 8;

export function claimMoved({ link, bytes, upstreamBytes, shared }: Observed): Moved | null {
  if (shared) {
    const to = shared.request ? shared.to.remote : shared.from.remote;
    const events = listEvents([shared]);
    return { code: 'relay-moved', holds: true, events, facts: { how: 'shared', to } };
  }
  if (!link) return null;
  const { toUpstream, toClient, how, moves } = link;
  if (how === 'tap') {
    if (upstreamBytes === null) return null;
    const holds = isEqualBytes(bytes, upstreamBytes) || null;
    const facts = { how, carried: [bytes, upstreamBytes] } as const;
    return { code: 'relay-moved', holds, events: [], facts };
  }
  if (how !== 'moved' && how !== 'alike') {
    const idle = bytes.fromClient === 0 && bytes.fromServer === 0;
    if (idle || upstreamBytes?.fromServer === 0) return null;
    return { code: 'relay-moved', holds: null, events: [], facts: { how: 'unfollowed' } };
  }
  const legs = upstreamBytes === null ? [bytes] : [bytes, upstreamBytes];
  const equal = legs.every(
    ({ fromClient, fromServer }) => toUpstream === fromClient && toClient === fromServer,
  );
  // A leg may have carried less than was moved if it is still open or was reset.
  return {
    code: 'relay-moved',
    holds: how === 'moved' ? true : null,
    events: listEvents(moves.slice(0, MOST_MOVES)),
    facts: { how, toUpstream, toClient, carried: equal ? null : legs },
  };
}

function listEvents(moves: readonly Move[]): number[] {
  return moves.flatMap(({ read, event }) => (read ? [read.id, event.id] : [event.id]));
}
