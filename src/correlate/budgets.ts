/** Tells how many packets of a connection were listed per direction and device, where that changed during the trace. */
import type { BudgetEvent, TraceEvent } from '../model/event.js';

/** Nanoseconds by which packets may already, or still, be listed by another budget than at the time of the change. */
const MARGIN = 1_000_000;

export class Budgets {
  readonly #first: number | undefined;
  readonly #changes: readonly BudgetEvent[];

  /**
   * @param first see TraceHeader.budget
   * @param changes in order of time
   */
  constructor(first: number | undefined, changes: readonly BudgetEvent[] = []) {
    this.#first = first;
    this.#changes = changes;
  }

  /** The smallest budget that held between two times; undefined where the trace has none. */
  least(from: number, to: number): number | undefined {
    if (this.#first === undefined) return undefined;
    let least = Infinity;
    for (let at = this.#changes.length - 1; at >= 0; at -= 1) {
      const change = this.#changes[at];
      if (change === undefined || change.time - MARGIN > to) continue;
      least = Math.min(least, change.budget);
      if (change.time + MARGIN <= from) return least;
    }
    return Math.min(least, this.#first);
  }
}

/** The changes among events. */
export function listChanges(events: readonly TraceEvent[]): BudgetEvent[] {
  return events.filter((event) => event.kind === 'budget');
}
