/** Makes a prediction unknown if rules that are not known may decide otherwise. */
import type { Forecast } from '../../model/forecast.js';

export function withhold(prediction: Forecast): Forecast {
  const { path } = prediction;
  if (path === 'unknown') return prediction;
  return {
    ...prediction,
    path: 'unknown',
    way: null,
    rule: null,
    sourceSeen: null,
    obstacles: [],
    why: { code: 'withheld', path },
    byKnownRules: path,
  };
}
