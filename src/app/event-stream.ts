/** Streams the events of a live trace to a reader that may be slow: what it does not take in time is left out, and told. */

/** Bytes that may wait for the reader. */
const MOST_WAITING = 64 * 1024 * 1024;

export interface EventStreamOptions {
  readonly write: (event: object) => void;
  /** Bytes that the reader has not taken yet. */
  readonly waiting: () => number;
  readonly warn: (text: string) => void;
}

export class EventStream {
  readonly #options: EventStreamOptions;
  #omitted = 0;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Connections are told whatever the reader does; only events are left out. */
  add(event: object): void {
    const { write, waiting, warn } = this.#options;
    if (waiting() <= MOST_WAITING) {
      write(event);
      return;
    }
    this.#omitted += 1;
    if (this.#omitted > 1) return;
    warn('standard output is read too slowly: events are left out of it, connections are not');
  }

  /** Tells how many events were left out, if any were. */
  end(): void {
    if (this.#omitted === 0) return;
    this.#options.warn(
      `${this.#omitted} events were left out of standard output; --record keeps them all`,
    );
  }
}
