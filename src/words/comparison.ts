/** Compares docker-proxy with DNAT to the same container, by answered connections: what the relay costs. */
import type { Measure, Quantiles, StatisticsRow } from '../model/statistics.js';
import { formatDuration } from './numbers.js';

export interface Comparison {
  readonly container: string;
  readonly relayed: Quantiles;
  readonly translated: Quantiles;
  readonly counts: { readonly relayed: number; readonly translated: number };
}

/** Compares answered connections only, by the time to the first reply. */
export function compareRelayed(rows: readonly StatisticsRow[]): Comparison[] {
  const answered = rows.filter(({ outcome }) => outcome === 'answered');
  return answered.flatMap((relay) => {
    const { container, path, firstReply: relayed } = relay;
    const other = answered.find((one) => one.path === 'dnat' && one.container === container);
    const translated = other?.firstReply ?? null;
    if (path !== 'docker-proxy' || container === null || !other) return [];
    if (relayed === null || translated === null) return [];
    const counts = { relayed: relayed.count, translated: translated.count };
    return [{ container, relayed, translated, counts }];
  });
}

export function writeComparison({ container, relayed, translated, counts }: Comparison): string {
  const [through, by] = [relayed, translated].map(({ p50 }) => formatDuration(p50));
  return (
    `${container}: the median of the first replies is ${through} through docker-proxy (${counts.relayed}) ` +
    `and ${by} by DNAT (${counts.translated}); clients and moments may differ`
  );
}

/** What a time is of, behind `time`. */
export const MEASURED: Readonly<Record<Measure, string>> = {
  firstReply: 'to the first reply',
  connect: 'to connect',
  duration: 'in all',
};
