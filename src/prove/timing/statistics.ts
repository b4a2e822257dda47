/** Computes statistics over all connections of a trace: quantiles of times, slowest ids, most frequent clients. */
import { maxSorted, quantileSorted } from 'simple-statistics';
import type { Connection } from '../../model/report.js';
import type { Quantiles, StatisticsRow } from '../../model/statistics.js';

/** Most ids and addresses that a row names. */
const NAMED = 5;

type Timed = Pick<
  Connection,
  'id' | 'path' | 'outcome' | 'container' | 'client' | 'timing' | 'bytes' | 'retransmits'
>;

/** One row for each path, outcome and container; the one with the most connections first. */
export function findStatistics(connections: readonly Timed[]): StatisticsRow[] {
  const groups = Map.groupBy(connections, ({ path, outcome, container }) =>
    JSON.stringify([path, outcome, container?.name ?? null]),
  );
  return [...groups.values()].map(describeGroup).sort((a, b) => b.count - a.count);
}

function describeGroup(group: readonly Timed[]): StatisticsRow {
  const [first] = group as readonly [Timed];
  // Read only once, because a captured connection computes it on access.
  const timings = group.map(({ id, timing }) => ({ id, timing }));
  const quantiles = (name: 'connect' | 'firstReply' | 'duration' | 'relay'): Quantiles | null =>
    findQuantiles(timings.flatMap(({ timing }) => timing[name] ?? []));
  return {
    path: first.path,
    outcome: first.outcome,
    container: first.container?.name ?? null,
    count: group.length,
    connect: quantiles('connect'),
    firstReply: quantiles('firstReply'),
    duration: quantiles('duration'),
    relay: quantiles('relay'),
    bytes: {
      fromClient: sum(group.map(({ bytes }) => bytes.fromClient)),
      fromServer: sum(group.map(({ bytes }) => bytes.fromServer)),
    },
    retransmits: sum(group.map(({ retransmits }) => retransmits)),
    slowest: timings
      .flatMap(({ id, timing }) => {
        const took = slownessOf({ timing });
        return took === null ? [] : [{ id, took }];
      })
      .sort((a, b) => b.took - a.took || a.id - b.id)
      .slice(0, NAMED)
      .map(({ id }) => id),
    clients: countClients(group),
  };
}

/** Nanoseconds that a user had to wait; null where no time is known. */
export function slownessOf({ timing }: Pick<Connection, 'timing'>): number | null {
  return timing.firstReply ?? timing.connect ?? timing.duration;
}

/** Quantiles, interpolated linearly between neighbours; null without any value. */
export function findQuantiles(values: readonly number[]): Quantiles | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number => Math.round(quantileSorted(sorted, part));
  return {
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: maxSorted(sorted),
    count: sorted.length,
  };
}

/** Null where a value is unknown or the sum exceeds the exact integers. */
function sum(values: readonly (number | null)[]): number | null {
  let total = 0;
  for (const value of values) {
    if (value === null) return null;
    total += value;
  }
  return Number.isSafeInteger(total) ? total : null;
}

function countClients(group: readonly Timed[]): StatisticsRow['clients'] {
  const counts = new Map<string, number>();
  for (const { client } of group) {
    counts.set(client.address, (counts.get(client.address) ?? 0) + 1);
  }
  return [...counts]
    .map(([address, count]) => ({ address, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, NAMED);
}
