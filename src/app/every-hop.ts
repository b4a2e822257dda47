/** Lists more hops in a report, for documents that show every event: as many as one file can hold. */
import type { Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { analyse } from '../prove/analyse.js';
import { withFields } from '../prove/outlined-connection.js';

/** Most hops in a document; a page with that many opens in a second or two. */
const MOST_HOPS = 20_000;

/** The report with at most `most` hops in total. Connections with few hops keep all of them. */
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

/** The largest limit per connection that keeps the total within `most`; null when no limit is needed. */
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
