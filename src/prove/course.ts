/** How a connection went, as far as it depends on what may be missing of the trace. */
import type { Connection } from '../model/report.js';
import type { ConnectionProgress } from './outcome/progress.js';

export type Course = Pick<Connection, 'outcome' | 'end' | 'drop' | 'retransmits'> &
  ConnectionProgress;

/** `whole` assumes that nothing is missing; `lossy` assumes that something may be, and is null where both are equal. */
export interface Courses<T extends Course = Course> {
  readonly whole: T;
  readonly lossy: T | null;
}
