/** Judges a connection by the part of the trace that it lies in, where that part is complete and the whole is not. */
import type { ConnectionFacts, TraceCoverage } from '../../model/judgement.js';
import type { Checkpoint } from '../../model/trace.js';
import { isLossless } from './coverage.js';

/** The time that a verdict rests on. */
export interface Life {
  /** The first event of the connection, or of one that it is judged with. */
  readonly from: number;
  /** When it was over, and everything that may concern it; Infinity: at the end of the trace. */
  readonly to: number;
  /** Whether its verdict may stand where events were lost before it began, see {@link standsAfterLoss}. */
  readonly robust: boolean;
}

/** The coverage by which a connection is judged. */
export function coverageOfLife(
  life: Life | null,
  complete: readonly Checkpoint[],
  coverage: TraceCoverage,
): TraceCoverage {
  if (life === null || isLossless(coverage)) return coverage;
  const parts = listParts(life, complete);
  if (parts === null) return coverage;
  if (!life.robust && parts.some(({ afterLoss }) => afterLoss)) return coverage;
  const skippedRuns = parts.reduce((sum, one) => sum + (one.skippedRuns ?? 0), 0);
  return {
    sealed: true,
    lostEvents: 0,
    truncated: false,
    notes: [],
    ...(skippedRuns > 0 && { skippedRuns }),
  };
}

/** The complete parts that a life lies in; null where they do not cover it. */
function listParts({ from, to }: Life, complete: readonly Checkpoint[]): Checkpoint[] | null {
  const parts: Checkpoint[] = [];
  for (let at = from; ;) {
    const own = complete.filter((one) => one.from <= at && (one.to > at || one.end === true));
    const next = own.find(({ afterLoss }) => afterLoss === undefined) ?? own[0];
    if (next === undefined) return null;
    parts.push(next);
    if (next.end === true || next.to >= to) return parts;
    at = next.to;
  }
}

/**
 * Whether a verdict rests on nothing that was told only before the connection began: which process has connections of
 * both kinds, and the first calls of a process elsewhere, beyond which only a sum at the end is told.
 */
export function standsAfterLoss(facts: ConnectionFacts): boolean {
  const { protocol, begun, relay, taken, fromHost, claims } = facts;
  if (protocol !== 'tcp' || !begun) return false;
  if (relay !== null) return relay.isDockerProxy && !relay.guessed;
  if (taken !== null) return false;
  const isRewritten = claims.some(({ code, holds }) => code === 'nat-rewritten' && holds === true);
  return isRewritten || !fromHost;
}
