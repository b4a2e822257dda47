/** `--expect`: whether a report shows the path that was expected, and if not, why. */
import type { Report } from '../model/report.js';
import type { Path } from '../model/verdict.js';

/** Null when it does; else one sentence. An inconclusive trace never does. */
export function findUnmet(report: Report, expected: Path): string | null {
  const { connections, verdict } = report;
  const meets = (path: string): boolean =>
    path === expected || (expected === 'relay' && path === 'docker-proxy');
  const inconclusive = connections.find(({ proof }) => proof === 'inconclusive');
  if (inconclusive) {
    return `expected ${expected}, but connection ${inconclusive.id} is inconclusive: ${inconclusive.reason}`;
  }
  const other = connections.filter(({ path }) => !meets(path));
  if (other.length === 0) return null;
  const [first] = other;
  if (connections.length === 1)
    return `expected ${expected}, saw ${verdict.path}: ${verdict.reason}`;
  return `expected ${expected}, but ${other.length} of ${connections.length} connections went otherwise, first connection ${first?.id ?? 0} by ${first?.path ?? 'unknown'}: ${first?.reason ?? ''}`;
}
