/** Names what was seen and what was predicted, in the same few words. */
import type { Connection, Predicted } from '../model/report.js';

export function nameSeen({ path, outcome }: Pick<Connection, 'path' | 'outcome'>): string {
  return outcome === 'dropped' || outcome === 'refused' ? `${path}, ${outcome}` : path;
}

export function namePredicted({ path, way }: Pick<Predicted, 'path' | 'way'>): string {
  return way !== null && way !== path ? `${way}, ${path}` : path;
}
