/** The selection of connections to show. */
import type { Connection } from './report.js';

/** Empty lists and null let everything through. */
export interface Selection {
  readonly paths: readonly Connection['path'][];
  readonly outcomes: readonly Connection['outcome'][];
  readonly ids: readonly number[];
  /** Only so many, the slowest ones. */
  readonly slowest: number | null;
}
