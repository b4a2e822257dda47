/** Finds which connections of an incomplete trace lie in a part of it that is complete. */
import type { Correlation, TracedConnection } from '../correlate/connections.js';
import { findCourses } from '../correlate/retire.js';
import type { ConnectionFacts, TraceCoverage } from '../model/judgement.js';
import type { Checkpoint, Trace } from '../model/trace.js';
import { coverageOf, isLossless } from './coverage/coverage.js';
import { coverageOfLife, standsAfterLoss } from './coverage/whole-parts.js';

export interface Lives {
  /** The coverage by which a connection is judged; `coverage` is that of the whole trace. */
  coverageOf(
    connection: TracedConnection,
    facts: ConnectionFacts,
    coverage: TraceCoverage,
  ): TraceCoverage;
}

/** Looks at nothing where the trace lacks nothing, or no part of it is known to be complete. */
export function findLives(trace: Trace, correlation: Correlation): Lives {
  const { complete = [] } = trace.tail;
  const { budget } = trace.header;
  if (complete.length === 0 || budget === undefined || isLossless(coverageOf(trace))) {
    return { coverageOf: (_connection, _facts, coverage) => coverage };
  }
  const courses = findCourses(correlation, trace.events, { times: listEnds(complete), budget });
  // The sums of what is still open at the end are read there.
  const atEnd = complete.some(({ end }) => end === true);
  return {
    coverageOf: (connection, facts, coverage) => {
      const course = courses.get(connection);
      if (course === undefined || (course.over === null && !atEnd)) return coverage;
      const { begin: from, over } = course;
      const life = { from, to: over ?? Infinity, robust: standsAfterLoss(facts) };
      return coverageOfLife(life, complete, coverage);
    },
  };
}

/** Times at which complete parts end, ascending. */
function listEnds(complete: readonly Checkpoint[]): number[] {
  return [...new Set(complete.map(({ to }) => to))].sort((a, b) => a - b);
}
