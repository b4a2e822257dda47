/** Selects the connections that `trace` and `read` show; the verdict still covers all connections. */
import type { Connection, Report } from '../model/report.js';
import type { Selection } from '../model/selection.js';
import { slownessOf } from '../prove/timing/statistics.js';

/** The report with those connections only, in their order. */
export function select(report: Report, selection: Selection): Report {
  const { slowest } = selection;
  const shown = report.connections.filter((connection) => passes(connection, selection));
  const kept = slowest === null ? shown : listSlowest(shown, slowest);
  return kept.length === report.connections.length ? report : { ...report, connections: kept };
}

/** Whether every connection is shown. */
export function isUnlimited({ paths, outcomes, ids, slowest }: Selection): boolean {
  return slowest === null && [paths, outcomes, ids].every((list) => list.length === 0);
}

/** Whether a connection passes the filters that look at one connection alone. */
export function passes(
  { path, outcome, id }: Pick<Connection, 'path' | 'outcome' | 'id'>,
  { paths, outcomes, ids }: Selection,
): boolean {
  const among = <T>(list: readonly T[], value: T): boolean =>
    list.length === 0 || list.includes(value);
  return among(paths, path) && among(outcomes, outcome) && among(ids, id);
}

/** The `most` slowest ones, in their order. Connections without a known time are left out. */
function listSlowest(connections: readonly Connection[], most: number): Connection[] {
  const timed = connections.flatMap((connection) => {
    const took = slownessOf(connection);
    return took === null ? [] : [{ id: connection.id, took }];
  });
  const ids = new Set(
    timed
      .sort((a, b) => b.took - a.took || a.id - b.id)
      .slice(0, most)
      .map(({ id }) => id),
  );
  return connections.filter(({ id }) => ids.has(id));
}
