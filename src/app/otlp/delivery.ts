/** Counts what happens to spans and metrics: accepted by the receiver, refused, failed, or dropped before sending. */

/** What was sent by one request. */
export interface Batch {
  readonly spans: number;
  /** How many of the spans stand for a whole connection; the others are parts of one. */
  readonly connections: number;
}

export interface Counts {
  readonly spans: number;
  readonly connections: number;
}

export interface DeliveryCounts {
  /** Everything there was to send. */
  readonly offered: Counts;
  /**
   * What the receiver has accepted. The number of connections is a minimum, because the receiver does not say whose
   * spans it refused.
   */
  readonly taken: Counts;
  /** What did not fit the queue. */
  readonly dropped: Counts;
  /** What could not be sent, all attempts included. */
  readonly failed: Counts;
  /** Spans that the receiver refused while it took others. */
  readonly refused: number;
  /** Connections without a known start: they have no span. */
  readonly untimed: number;
}

/** Why the last request failed; null where it did not, or there was none. */
export type Trouble = string | null;

export class Delivery {
  readonly #onChange: (trouble: Trouble) => void;
  #offered = NONE;
  #taken = NONE;
  #dropped = NONE;
  #failed = NONE;
  #refused = 0;
  #untimed = 0;
  #trouble: Trouble = null;

  /** @param onChange called when requests begin to fail, and when they succeed again */
  constructor(onChange: (trouble: Trouble) => void) {
    this.#onChange = onChange;
  }

  get counts(): DeliveryCounts {
    return {
      offered: this.#offered,
      taken: this.#taken,
      dropped: this.#dropped,
      failed: this.#failed,
      refused: this.#refused,
      untimed: this.#untimed,
    };
  }

  /** Spans whose result is not known yet. */
  get pending(): number {
    const settled = this.#taken.spans + this.#failed.spans + this.#dropped.spans + this.#refused;
    return this.#offered.spans - settled;
  }

  get trouble(): Trouble {
    return this.#trouble;
  }

  offer(spans: number): void {
    if (spans === 0) this.#untimed += 1;
    this.#offered = add(this.#offered, { spans, connections: 1 });
  }

  drop(spans: number): void {
    this.#dropped = add(this.#dropped, { spans, connections: 1 });
  }

  /** @param refused spans of it that the receiver did not accept */
  take({ spans, connections }: Batch, refused: number): void {
    const missing = Math.min(spans, refused);
    this.#refused += missing;
    this.#taken = add(this.#taken, {
      spans: spans - missing,
      connections: Math.max(0, connections - missing),
    });
    this.#change(null);
  }

  fail({ spans, connections }: Batch, trouble: string): void {
    this.#failed = add(this.#failed, { spans, connections });
    this.#change(trouble);
  }

  #change(trouble: Trouble): void {
    const changed = (trouble === null) !== (this.#trouble === null);
    this.#trouble = trouble;
    if (changed) this.#onChange(trouble);
  }
}

const NONE: Counts = { spans: 0, connections: 0 };

function add(a: Counts, b: Counts): Counts {
  return { spans: a.spans + b.spans, connections: a.connections + b.connections };
}
