/** Chooses which times of many connections are shown: the first reply, else the handshake, else the duration. */
import {
  MEASURES,
  type Measure,
  type Quantiles,
  type StatisticsRow,
} from '../../model/statistics.js';

export interface ShownTimes {
  readonly measure: Measure;
  readonly times: Quantiles;
}

/** The first measure that is known of most connections; null if no time is known. */
export function chooseTimes(row: StatisticsRow): ShownTimes | null {
  const known = MEASURES.flatMap((measure): ShownTimes[] => {
    const times = row[measure];
    return times === null ? [] : [{ measure, times }];
  });
  const most = Math.max(0, ...known.map(({ times }) => times.count));
  return known.find(({ times }) => times.count * 2 > most) ?? null;
}
