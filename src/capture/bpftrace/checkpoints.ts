/** Makes checkpoints: a seal held, the probes' skipped runs were read, and every line up to then has come. */
import type { Checkpoint } from '../../model/trace.js';
import type { CompleteSpan } from './ledger.js';

interface HeldSeal {
  /** Time of its first event: what was there before it has passed. */
  readonly time: number;
  /** Runs that the kernel had skipped when it was read, after this seal and before the next; null where unknown. */
  readonly skips: number | null;
}

/** Seals that wait for their lines to come. */
const MOST_SEALS = 64;

export class CheckpointMaker {
  readonly #emit: (checkpoint: Checkpoint) => void;
  /** The first one is that by which the trace was opened. */
  #seals: HeldSeal[];
  readonly #opened: HeldSeal;
  /** Where the last checkpoint ended, by the start of its span. */
  readonly #ends = new Map<number, number>();

  constructor(opened: HeldSeal, emit: (checkpoint: Checkpoint) => void) {
    this.#opened = opened;
    this.#seals = [opened];
    this.#emit = emit;
  }

  seal(held: HeldSeal): void {
    this.#seals.push(held);
    // The opening one stays.
    if (this.#seals.length > MOST_SEALS) this.#seals.splice(1, 1);
  }

  /** Emits a checkpoint at the last seal of which every line has come, if that is a new one. */
  span({ from, to }: CompleteSpan): void {
    const seal = this.#seals.findLast(({ time }) => time <= to);
    if (seal !== undefined) this.#extend(from, seal.time, false);
  }

  /** Emits the checkpoint that reaches the trace's end. @param time of its last event */
  close({ from }: CompleteSpan, time: number): void {
    this.#extend(from, Math.max(time, this.#seals.at(-1)?.time ?? time), true);
  }

  #extend(start: number, to: number, isEnd: boolean): void {
    const from = this.#ends.get(start) ?? Math.max(start, this.#opened.time);
    if (to <= from && !isEnd) return;
    const skippedRuns = this.#countSkips(from, to);
    if (skippedRuns === null) return;
    this.#ends.set(start, to);
    this.#emit({
      from,
      to,
      ...(skippedRuns > 0 && { skippedRuns }),
      ...(start > -Infinity && { afterLoss: true as const }),
      ...(isEnd && { end: true as const }),
    });
  }

  /** Runs that were skipped between two times, or shortly before or after; null where they could not be read. */
  #countSkips(from: number, to: number): number | null {
    const after = this.#seals.find(({ time }) => time >= to) ?? this.#seals.at(-1);
    // Read before the next seal was made, so before `from`.
    const next = this.#seals.findLastIndex(({ time }) => time <= from);
    const before = this.#seals[next - 1] ?? this.#opened;
    const [most = null, least] = [after?.skips, before.skips];
    // A kernel that does not count them says so each time.
    if (most === null || least === null) return most === least ? 0 : null;
    return most - least;
  }
}
