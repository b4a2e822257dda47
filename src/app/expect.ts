/** Checks for `--expect` whether a report shows the expected path and outcome, and if not, says why. */
import type { Expectation } from '../model/expectation.js';
import type { Connection, Report } from '../model/report.js';

/** Null when it does; else one sentence that says why not. An inconclusive connection never does. */
export function findUnmet(report: Report, expected: Expectation): string | null {
  const { connections } = report;
  const inconclusive = connections.find(({ proof }) => proof === 'inconclusive');
  if (inconclusive) {
    return `expected ${expected.text}, but connection ${inconclusive.id} is inconclusive: ${inconclusive.reason}`;
  }
  const others = connections.filter((connection) => !meets(connection, expected));
  const [first] = others;
  if (!first) return null;
  const seen = `${first.path}/${first.outcome}: ${first.reason}`;
  return connections.length === 1
    ? `expected ${name(expected)}, saw ${seen}`
    : `expected ${name(expected)}, but ${others.length} of ${connections.length} connections went otherwise, first connection ${first.id} by ${seen}`;
}

function meets({ path, outcome }: Connection, expected: Expectation): boolean {
  const way =
    expected.path === null ||
    path === expected.path ||
    (expected.path === 'relay' && path === 'docker-proxy');
  return way && (expected.outcome === null || outcome === expected.outcome);
}

/** The expectation in full, because a path alone implies `answered`. */
function name({ path, outcome }: Expectation): string {
  return `${path ?? 'any'}/${outcome ?? 'any'}`;
}
