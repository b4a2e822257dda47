/** Takes a prediction back where rules that are not known may decide otherwise. */
import type { Prediction } from '../../model/explain.js';

export function withhold(prediction: Prediction): Prediction {
  const { path } = prediction;
  if (path === 'unknown') return prediction;
  return {
    ...prediction,
    path: 'unknown',
    way: null,
    rule: null,
    sourceSeen: null,
    obstacles: [],
    why: `not all rules could be read; by those that could, it would be ${path}`,
    byKnownRules: path,
  };
}
