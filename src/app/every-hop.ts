/** For documents that show every event: the report again with as many hops as one file can hold. */
import type { Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { analyse } from '../prove/analyse.js';
import { withFields } from '../prove/outlined-connection.js';

/** Hops of a whole document; a page of that many opens in a second or two. */
const MOST_HOPS = 20_000;

/** The report with up to `most` hops in all, shared out so that connections with few keep all of theirs. */
export function listEveryHop(report: Report, trace: Trace, most = MOST_HOPS): Report {
  const omits = report.connections.some(({ hopsOmitted }) => hopsOmitted > 0);
  if (!omits || trace.partial) return report;
  const needs = report.connections.map(({ hops, hopsOmitted }) => hops.length + hopsOmitted);
  const full = analyse(trace, { hops: shareOut(needs, most) });
  const byId = new Map(full.connections.map((connection) => [connection.id, connection]));
  return {
    ...report,
    places: full.places,
    connections: report.connections.map((connection) => {
      const { hops, hopsOmitted } = byId.get(connection.id) ?? connection;
      return { ...withFields(connection), hops, hopsOmitted };
    }),
  };
}

/** The greatest limit for each with which the sum of what is needed stays within `most`; null when all of it does. */
export function shareOut(needs: readonly number[], most: number): number | null {
  const ascending = [...needs].sort((a, b) => a - b);
  let left = most;
  for (const [i, need] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - i));
    if (need > share) return Math.max(1, share);
    left -= need;
  }
  return null;
}
