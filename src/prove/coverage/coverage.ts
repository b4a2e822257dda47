/** Finds how complete a trace is, and withdraws the claims of a connection that this does not support. */
import type { Claim, ClaimOf } from '../../model/claim.js';
import type { TraceCoverage, Ending, ConnectionFacts } from '../../model/judgement.js';
import type { Trace } from '../../model/trace.js';

/** Only live traces have seals; a capture counts as sealed if it was read to its end. */
export function coverageOf({ capture, tail }: Pick<Trace, 'capture' | 'tail'>): TraceCoverage {
  return capture ? { ...tail, sealed: !tail.truncated } : tail;
}

/** Whether no event is missing: what was not seen of a process did not happen. */
export function isComplete({ sealed, lostEvents, truncated }: TraceCoverage): boolean {
  return sealed && lostEvents === 0 && !truncated;
}

/** Whether no packet is missing either: an acknowledgement that was not seen did not come. */
export function isLossless(coverage: TraceCoverage): boolean {
  return isComplete(coverage) && coverage.skippedRuns === undefined;
}

/** What remains of a connection's facts in a trace of this coverage. */
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

/** Whether a claim stands: one that rests on an absence needs a trace that would have reported the presence. */
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
  // Probe runs are only skipped in interrupts: calls of processes and the fields of packets that were seen stand.
  const skippedRuns = whole && of === 'trace' ? (coverage.skippedRuns ?? 0) : 0;
  // What passed before the trace is unknown. For captures, other claims say which paths that concerns.
  const older = of === 'trace' && !begun;
  const note = whole ? null : (coverage.notes[0] ?? null);
  return {
    code: 'complete',
    holds: whole && (skippedRuns === 0 && !older ? true : shown),
    events: [],
    facts: { of, skippedRuns, begun: !(whole && older), note },
  };
}
