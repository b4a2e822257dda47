/** Keeps which events are lit: those that the reader points at, else those of the claim or packet that was clicked. */

type Events = ReadonlySet<number>;
type Listener = (events: Events) => void;

const NONE: Events = new Set();

export class Lighting {
  #pinned: Events = NONE;
  #pointed: Events = NONE;
  readonly #lasting: Listener[] = [];
  #passing: Listener[] = [];

  /** Called with the events to light whenever they change, until {@link reset}. */
  onChange(listener: Listener): void {
    this.#passing.push(listener);
  }

  /** Like {@link onChange}, but for as long as the page lasts. */
  alwaysOnChange(listener: Listener): void {
    this.#lasting.push(listener);
  }

  /** For another connection: puts out all lights and forgets the listeners of {@link onChange}. */
  reset(): void {
    this.#passing = [];
    this.pin();
  }

  get pinned(): Events {
    return this.#pinned;
  }

  /** Lights events until others are pinned; without events, puts the pinned ones out. */
  pin(events: Iterable<number> = NONE): void {
    this.#pinned = new Set(events);
    this.#pointed = NONE;
    this.#tell();
  }

  /** Lights events while the reader points at them; without events, ends that. */
  point(events: Events = NONE): void {
    this.#pointed = events;
    this.#tell();
  }

  #tell(): void {
    const events = this.#pointed.size > 0 ? this.#pointed : this.#pinned;
    for (const listener of [...this.#passing, ...this.#lasting]) listener(events);
  }
}
