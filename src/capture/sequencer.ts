/** Puts events that arrive from several processors' buffers in order of time and numbers them. */
import type { TraceEvent, Unnumbered } from '../model/event.js';

export class Sequencer {
  readonly #emit: (event: TraceEvent) => void;
  /** Events that arrived before the last tick, and those that arrived since. */
  #settled: Unnumbered[] = [];
  #fresh: Unnumbered[] = [];
  #next = 1;

  constructor(emit: (event: TraceEvent) => void) {
    this.#emit = emit;
  }

  push(event: Unnumbered): void {
    this.#fresh.push(event);
  }

  /** Emits events up to the newest that has waited a whole tick: older ones of other CPUs have arrived by then. */
  tick(): void {
    let newest = -Infinity;
    for (const event of this.#settled) newest = Math.max(newest, event.time);
    const waiting = [...this.#settled, ...this.#fresh];
    this.#settled = waiting.filter((event) => event.time > newest);
    this.#fresh = [];
    this.#send(waiting.filter((event) => event.time <= newest));
  }

  /** Emits all events up to this time: older ones of other CPUs have arrived by now. */
  release(time: number): void {
    const due = [...this.#settled, ...this.#fresh].filter((event) => event.time <= time);
    this.#settled = this.#settled.filter((event) => event.time > time);
    this.#fresh = this.#fresh.filter((event) => event.time > time);
    this.#send(due);
  }

  /** Emits everything. */
  flush(): void {
    const rest = [...this.#settled, ...this.#fresh];
    this.#settled = [];
    this.#fresh = [];
    this.#send(rest);
  }

  #send(events: Unnumbered[]): void {
    events.sort((a, b) => a.time - b.time);
    // The events are ours: numbering them in place costs less than a copy of each.
    for (const event of events) this.#emit(Object.assign(event, { id: this.#next++ }));
  }
}

/** Puts all events in order of time: on a busy machine, some arrive later than the sequencer waits. */
export function restoreOrder(events: readonly TraceEvent[]): readonly TraceEvent[] {
  const late = events.some((event, index) => event.time < (events[index - 1]?.time ?? 0));
  return late ? events.toSorted((a, b) => a.time - b.time || a.id - b.id) : events;
}
