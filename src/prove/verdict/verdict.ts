/** Sums up all connections of a trace in one verdict. */
import type { Headline, OutcomeCount } from '../../model/headline.js';
import type { Connection, Report, Verdict } from '../../model/report.js';
import type { TraceTail } from '../../model/trace.js';
import { PROOFS } from '../../model/verdict.js';
import { writeFailedReason } from '../../words/failures.js';
import { writeNothingSeen, writeHeadlineReason } from '../../words/headline.js';

export function sumUp(
  connections: readonly Connection[],
  headline: Headline,
  tail: Pick<TraceTail, 'sealed' | 'notes'> & Pick<Report, 'source'>,
): Verdict {
  const rest = { remedy: headline.fix?.remedy ?? null, headline };
  if (connections.length === 0) {
    const reason = writeNothingSeen(tail);
    return { path: 'none', proof: 'inconclusive', reason, outcome: null, counts: [], ...rest };
  }
  const counts = countOutcomes(connections);
  const weakest = Math.max(...connections.map(({ proof }) => PROOFS.indexOf(proof)));
  const paths = new Set(counts.map(({ path }) => path));
  const outcomes = new Set(counts.map(({ outcome }) => outcome));
  const [path = 'unknown'] = paths;
  const [outcome = null] = outcomes;
  return {
    path: paths.size > 1 ? 'mixed' : path === 'unknown' ? 'none' : path,
    proof: PROOFS[weakest] ?? 'inconclusive',
    reason: tellReason(connections, headline, tail.source),
    outcome: outcomes.size > 1 ? 'mixed' : outcome,
    counts,
    ...rest,
  };
}

function countOutcomes(connections: readonly Connection[]): OutcomeCount[] {
  const counts = new Map<string, OutcomeCount>();
  for (const { path, outcome } of connections) {
    const key = `${path} ${outcome}`;
    counts.set(key, { path, outcome, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** The reason of a single connection comes from itself, after its failure; that of several from the headline. */
function tellReason(
  connections: readonly Connection[],
  headline: Headline,
  source: Report['source'],
): string {
  const [only] = connections;
  if (connections.length > 1 || !only) return writeHeadlineReason(headline);
  const [failure] = headline.failures;
  if (!failure) return only.reason;
  // A capture shows no sockets and drops, and for an unknown path it is unclear which side ended the connection.
  const ended = source !== 'capture' && only.path !== 'unknown';
  return writeFailedReason(failure, only.reason, ended);
}
