/** Makes a prediction unknown if rules that are not known may decide otherwise. */
import type { Forecast } from '../../model/forecast.js';

/** @param unread the version of IP whose rules are not known; null where any rule may be missing */
export function withhold(prediction: Forecast, unread: 4 | 6 | null): Forecast {
  const { path } = prediction;
  if (path === 'unknown') return prediction;
  return {
    ...prediction,
    path: 'unknown',
    way: null,
    rule: null,
    sourceSeen: null,
    obstacles: [],
    why: { code: 'withheld', path, unread },
    byKnownRules: path,
  };
}
