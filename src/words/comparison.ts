/** Compares docker-proxy with DNAT to the same container, by answered connections: what the relay costs. */
import type { Quantiles, StatisticsRow } from '../model/statistics.js';

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

/** @param duration puts nanoseconds into words */
export function writeComparison(
  { container, relayed, translated, counts }: Comparison,
  duration: (nanoseconds: number) => string,
): string {
  return (
    `${container}: the median of the first replies is ${duration(relayed.p50)} through docker-proxy (${counts.relayed}) ` +
    `and ${duration(translated.p50)} by DNAT (${counts.translated}); clients and moments may differ`
  );
}
