/** Finds the spans of time of which every printed line has come, from the program's own count of its lines. */

/** Nanoseconds of the trace's clock: every line with a time from `from` up to `to` has come. */
export interface CompleteSpan {
  /** -Infinity: from the program's start. */
  readonly from: number;
  readonly to: number;
}

/** What the program tells: it had printed `printed` lines, which was read after `before` and before `after`. */
export interface LineCount {
  readonly before: number;
  readonly printed: number;
  readonly after: number;
}

/**
 * Nanoseconds by which one processor may see another one's count late, and by which their clocks may differ. A line
 * that is older than this when a count is read is in the count.
 */
const MARGIN = 10_000;
/**
 * Nanoseconds that may lie between counting a line and taking its time, which are neighbouring instructions. Used only
 * after a loss: a line that is in the count has a time before this has passed.
 */
const IN_FLIGHT = 1_000_000;
/** Counts that wait for lines, and counts that another span may begin with. */
const MOST_WAITING = 8;
const MOST_STARTS = 8;

/** A point at which the number of printed lines is known. */
interface Start {
  readonly from: number;
  readonly printed: number;
  /** Lines that have come with a time from `from` on. */
  come: number;
}

interface Waiting {
  readonly cut: number;
  readonly printed: number;
  /** Lines that have come with a time from `cut` on. */
  later: number;
}

/**
 * Compares counts with lines by the times of the lines, so that the order in which several processors' lines come does
 * not matter. Every line is counted before its time is taken. So a count that is read at t holds at least the lines
 * with times before t - MARGIN; if as many of these have come as were counted, all of them have come, and none after
 * them was counted. The same holds for the difference of two counts, once the lines that were on their way when the
 * first one was read are excluded (IN_FLIGHT). An inexact count proves nothing and harms nothing: the next one may.
 */
export class LineLedger {
  readonly #onSpan: (span: CompleteSpan) => void;
  /** The first one is the program's start until a later one has taken its place; the others are after losses. */
  #starts: Start[] = [{ from: -Infinity, printed: 0, come: 0 }];
  #waiting: Waiting[] = [];
  /** Times of the lines that may lie behind the next count. */
  #recent: number[] = [];
  #latest = -Infinity;

  constructor(onSpan: (span: CompleteSpan) => void) {
    this.#onSpan = onSpan;
  }

  /** Takes the time of a line that the program counts. */
  take(time: number): void {
    this.#recent.push(time);
    for (const start of this.#starts) if (time >= start.from) start.come += 1;
    if (this.#waiting.length === 0) return;
    let mayHold = false;
    for (const one of this.#waiting) {
      if (time >= one.cut) one.later += 1;
      else mayHold = true;
    }
    if (mayHold) this.#check();
  }

  count({ before, printed, after }: LineCount): void {
    const cut = before - MARGIN;
    if (cut <= this.#latest) return;
    this.#latest = cut;
    this.#recent = this.#recent.filter((time) => time >= cut);
    if (this.#waiting.length > 0) {
      // The last count did not hold: a line has been lost, has not come yet, or was being printed.
      const from = after + IN_FLIGHT;
      const come = this.#recent.filter((time) => time >= from).length;
      this.#starts.push({ from, printed, come });
      // The first one stays: what has not come yet may still come.
      if (this.#starts.length > MOST_STARTS) this.#starts.splice(1, 1);
    }
    this.#waiting.push({ cut, printed, later: this.#recent.length });
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    this.#check();
  }

  /** Takes the last count, after which the program prints nothing. */
  close(printed: number): void {
    const held = this.#starts.find((start) => printed - start.printed === start.come);
    if (held) this.#onSpan({ from: held.from, to: Infinity });
  }

  #check(): void {
    for (const one of this.#waiting) {
      const held = this.#starts.find(
        (start) => start.from < one.cut && one.printed - start.printed === start.come - one.later,
      );
      if (!held) continue;
      const at = this.#waiting.indexOf(one);
      this.#waiting = this.#waiting.slice(at + 1);
      this.#starts = this.#keepFrom(held);
      this.#onSpan({ from: held.from, to: one.cut });
      this.#check();
      return;
    }
  }

  /** Later spans begin with the start that held, or with the program's own, whose missing lines may still come. */
  #keepFrom(held: Start): Start[] {
    return [...this.#starts.filter((one) => one.from === -Infinity && one !== held), held];
  }
}
