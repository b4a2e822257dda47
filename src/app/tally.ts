/** Counts connections while a trace runs and passes on ended ones, within a limited share of the time. */
import type { Connection } from '../model/report.js';
import type { IncrementalAnalysis, Wanted } from '../prove/incremental.js';

/** Analysing new events takes at most this share of the time. */
const SHARE = 0.1;
/**
 * The share when more than {@link FULL} events are held, to release memory; also the most when a caller waits for
 * ended connections.
 */
const SHARE_FULL = 0.5;
const FULL = 50_000;
/** Milliseconds within which a caller should get ended connections. */
const PROMPT = 500;
/** Milliseconds between two updates while no events arrive. */
const IDLE = 500;
/** Milliseconds between two updates without a checkpoint, where only that makes connections final. */
const UNTIL_CHECKPOINT = 1_000;

export interface Tally {
  readonly connections: number;
  readonly ended: number;
  readonly packets: number;
  /** Connections still held, as far as known by now, and the last few that were released. */
  readonly seen: readonly Connection[];
}

export interface TallyOptions {
  readonly analysis: IncrementalAnalysis;
  /** The time on the trace's clock, in nanoseconds, before which all events have arrived; null while unknown. */
  readonly clock: () => number | null;
  readonly wanted: Wanted;
  /** Connections are told when they are released, at a checkpoint, and not before. */
  readonly isFinalOnly: boolean;
  /** Called with each connection that has ended, once or twice. */
  readonly onEnded: (connection: Connection) => void;
  /** Called once with each connection that is released; nothing more becomes known about it. */
  readonly onOver: (connection: Connection) => void;
}

/** Most released connections that are still shown. */
const SHOWN = 200;

export class ConnectionTally {
  readonly #analysis: IncrementalAnalysis;
  readonly #clock: () => number | null;
  readonly #wanted: Wanted;
  readonly #isFinalOnly: boolean;
  readonly #onEnded: (connection: Connection) => void;
  readonly #onOver: (connection: Connection) => void;
  #nextAt = 0;
  #lookedAt = 0;
  #latest: Tally = { connections: 0, ended: 0, packets: 0, seen: [] };
  #recent: readonly Connection[] = [];

  constructor({ analysis, clock, wanted, isFinalOnly, onEnded, onOver }: TallyOptions) {
    this.#analysis = analysis;
    this.#clock = clock;
    this.#wanted = wanted;
    this.#isFinalOnly = isFinalOnly;
    this.#onEnded = onEnded;
    this.#onOver = onOver;
  }

  /** Analyses new events, unless the last update is too recent for what it costs. */
  update(now: number): Tally {
    const analysis = this.#analysis;
    if (analysis.held === 0 || now < this.#nextAt) return this.#latest;
    if (!analysis.hasNews && now < this.#lookedAt + IDLE) return this.#latest;
    const isEarly = now < this.#lookedAt + UNTIL_CHECKPOINT;
    if (this.#isFinalOnly && this.#wanted === 'none' && isEarly && !analysis.hasCheckpoint) {
      return this.#latest;
    }
    const began = performance.now();
    const { over, counts, ended, open } = analysis.advance(this.#clock(), this.#wanted);
    const took = performance.now() - began;
    this.#lookedAt = now;
    this.#nextAt = now + this.#restAfter(took);
    for (const connection of this.#isFinalOnly ? over : [...ended, ...over]) {
      this.#onEnded(connection);
    }
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

  /** Milliseconds until the next update, from what the last one took. */
  #restAfter(took: number): number {
    if (this.#analysis.held > FULL) return took / SHARE_FULL;
    const rest = took / SHARE;
    const isAwaited = this.#isFinalOnly || this.#wanted !== 'none';
    return !isAwaited ? rest : Math.min(rest, Math.max(PROMPT, took / SHARE_FULL));
  }
}

/** A key that stays the same while a trace runs; the id may change when an earlier connection comes to light. */
export function identify({ protocol, client, timing }: Connection): string {
  return `${protocol} ${client.address} ${client.port} ${timing.start}`;
}
