/** Counts connections while a trace runs, and hands on those that have ended; costs at most a part of the time. */
import type { Connection } from '../model/report.js';
import type { IncrementalAnalysis, Wanted } from '../prove/incremental.js';

/** Looking at what is new takes at most this part of the time … */
const SHARE = 0.1;
/** … or, where very much is held, this one: what is let go takes no room. So where somebody waits for what has ended. */
const SHARE_FULL = 0.5;
const FULL = 50_000;
/** Milliseconds that whoever waits for connections that have ended should not wait longer. */
const PROMPT = 500;
/** Milliseconds between two looks while nothing comes. */
const IDLE = 500;

export interface Tally {
  readonly connections: number;
  readonly ended: number;
  readonly packets: number;
  /** Those that have not been let go, as far as they are known by now, and a few that were let go last. */
  readonly seen: readonly Connection[];
}

export interface TallyOptions {
  readonly analysis: IncrementalAnalysis;
  /** Nanoseconds of the trace's clock before which everything has come; null while that is not known. */
  readonly clock: () => number | null;
  readonly wanted: Wanted;
  /** Called with each connection that has ended, once or twice. */
  readonly onEnded: (connection: Connection) => void;
  /** Called with each connection that is let go: once, and nothing more is found out about it. */
  readonly onOver: (connection: Connection) => void;
}

/** Connections that were let go and are still shown. */
const SHOWN = 200;

export class ConnectionTally {
  readonly #analysis: IncrementalAnalysis;
  readonly #clock: () => number | null;
  readonly #wanted: Wanted;
  readonly #onEnded: (connection: Connection) => void;
  readonly #onOver: (connection: Connection) => void;
  #nextAt = 0;
  #lookedAt = 0;
  #latest: Tally = { connections: 0, ended: 0, packets: 0, seen: [] };
  #recent: readonly Connection[] = [];

  constructor({ analysis, clock, wanted, onEnded, onOver }: TallyOptions) {
    this.#analysis = analysis;
    this.#clock = clock;
    this.#wanted = wanted;
    this.#onEnded = onEnded;
    this.#onOver = onOver;
  }

  /** Looks at what is new since the last time, unless that was too recent for what it costs. */
  update(now: number): Tally {
    const analysis = this.#analysis;
    if (analysis.held === 0 || now < this.#nextAt) return this.#latest;
    if (!analysis.hasNews && now < this.#lookedAt + IDLE) return this.#latest;
    const began = performance.now();
    const { over, counts, ended, open } = analysis.advance(this.#clock(), this.#wanted);
    const took = performance.now() - began;
    this.#lookedAt = now;
    this.#nextAt = now + this.#restAfter(took);
    for (const connection of [...ended, ...over]) this.#onEnded(connection);
    for (const connection of over) this.#onOver(connection);
    this.#recent = [...this.#recent, ...over].slice(-SHOWN);
    this.#latest = {
      connections: analysis.settled + counts.held,
      ended: analysis.settled + counts.ended,
      packets: analysis.packets,
      seen: [...this.#recent, ...open],
    };
    return this.#latest;
  }

  /** Milliseconds to the next look, from what the last one took. */
  #restAfter(took: number): number {
    if (this.#analysis.held > FULL) return took / SHARE_FULL;
    const rest = took / SHARE;
    return this.#wanted === 'none' ? rest : Math.min(rest, Math.max(PROMPT, took / SHARE_FULL));
  }
}

/** What a connection stays known by while a trace goes on: its number may change when an earlier one comes to light. */
export function identify({ protocol, client, timing }: Connection): string {
  return `${protocol} ${client.address} ${client.port} ${timing.start}`;
}
