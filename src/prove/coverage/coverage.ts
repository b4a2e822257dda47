/** How complete a trace is, and what that takes back of the claims and the ending of one connection. */
import type { Claim, ClaimOf } from '../../model/claim.js';
import type { TraceCoverage, Ending, ConnectionFacts } from '../../model/judgement.js';
import type { Trace } from '../../model/trace.js';

/** Seals are for live traces; a capture that was read whole lacks nothing. */
export function coverageOf({ capture, tail }: Pick<Trace, 'capture' | 'tail'>): TraceCoverage {
  return capture ? { ...tail, sealed: !tail.truncated } : tail;
}

/** No event is missing, so that what a process did and was not seen did not happen. */
export function isComplete({ sealed, lostEvents, truncated }: TraceCoverage): boolean {
  return sealed && lostEvents === 0 && !truncated;
}

/** Nothing is missing, so that an acknowledgement that was not seen did not come. */
export function isLossless(coverage: TraceCoverage): boolean {
  return isComplete(coverage) && coverage.skippedRuns === undefined;
}

/** What stands of a connection's facts in a trace of this coverage. */
export interface Settled {
  readonly facts: ConnectionFacts;
  readonly coverage: TraceCoverage;
  readonly claims: readonly Claim[];
  readonly ending: Ending;
}

export function settle(facts: ConnectionFacts, coverage: TraceCoverage): Settled {
  const ending = isLossless(coverage) ? facts.endings.whole : facts.endings.lossy;
  const claims = facts.claims.map((claim) =>
    stands(claim, coverage) ? claim : { ...claim, holds: null },
  );
  return { facts, coverage, claims: [...claims, claimComplete(facts, ending, coverage)], ending };
}

/** What rests on an absence stands only where a presence would have been reported. */
function stands({ absence }: Claim, coverage: TraceCoverage): boolean {
  if (absence === undefined) return true;
  return absence === 'events' ? isComplete(coverage) : isLossless(coverage);
}

function claimComplete(
  { seenBy, begun }: ConnectionFacts,
  { shown }: Ending,
  coverage: TraceCoverage,
): ClaimOf<'complete'> {
  const of = seenBy === 'wire' ? 'capture' : 'trace';
  const whole = isComplete(coverage);
  // Only what comes in an interrupt's wake is skipped: what processes did, and what the packets seen bear, stands.
  const skippedRuns = whole && of === 'trace' ? (coverage.skippedRuns ?? 0) : 0;
  // What passed before is unknown, and not nothing. Which paths of a capture that concerns, their own claims say.
  const older = of === 'trace' && !begun;
  const note = whole ? null : (coverage.notes[0] ?? null);
  return {
    code: 'complete',
    holds: whole && (skippedRuns === 0 && !older ? true : shown),
    events: [],
    facts: { of, skippedRuns, begun: !(whole && older), note },
  };
}
