/** Lays out connections over time: a bar for each of a few; for many, strips by path and outcome, and some bars. */
import type { Connection } from '../../model/report.js';
import type { Outcome, Path } from '../../model/verdict.js';
import { parseNanoseconds } from '../../words/numbers.js';

/** Up to this many connections get a bar each. */
const MOST_BARS = 40;
/** Bars in addition to strips: failed connections, and the slowest of the others. */
const MOST_FAILED = 10;
const MOST_SLOW = 10;
const MOST_STRIPS = 16;
/** Number of time buckets in a strip. */
export const BUCKETS = 96;
const USUAL_TICKS = 6;

/** One connection; times are nanoseconds since the first start. */
export interface Bar {
  readonly id: number;
  readonly path: Path | 'unknown';
  readonly outcome: Outcome;
  readonly begin: number;
  /** Null if its duration is not known. */
  readonly end: number | null;
  /** When it was connected; null if that was not seen. */
  readonly connected: number | null;
}

/** Many connections alike in path and outcome. */
export interface Strip {
  readonly path: Path | 'unknown';
  readonly outcome: Outcome;
  readonly count: number;
  /** How many began in each bucket. */
  readonly begun: readonly number[];
  /** Median duration in nanoseconds; null if no duration is known. */
  readonly median: number | null;
}

export interface Waterfall {
  /** Nanoseconds from the first start to the last end; at least 1. */
  readonly span: number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** Empty where every connection has a bar. */
  readonly strips: readonly Strip[];
  readonly bars: readonly Bar[];
  /** Number of connections that are not drawn because their start is not known. */
  readonly untimed: number;
}

/** Null if no connection has a known start. */
export function layOutWaterfall(connections: readonly Connection[]): Waterfall | null {
  const timed = connections.flatMap((one) => {
    const { duration, connect } = one.timing;
    const start = parseNanoseconds(one.timing.start);
    return start === null ? [] : [{ one, start, duration, connect }];
  });
  const [head] = timed;
  if (!head) return null;
  const first = timed.reduce((least, { start }) => (start < least ? start : least), head.start);
  const bars = timed
    .map(({ one: { id, path, outcome }, start, duration, connect }): Bar => {
      const begin = Number(start - first);
      const end = duration === null ? null : begin + duration;
      return {
        id,
        path,
        outcome,
        begin,
        end,
        connected: connect === null ? null : begin + connect,
      };
    })
    .sort((a, b) => a.begin - b.begin || a.id - b.id);
  const span = bars.reduce((most, bar) => Math.max(most, bar.end ?? bar.begin), 1);
  const few = bars.length <= MOST_BARS;
  return {
    span,
    ticks: makeTicks(span),
    strips: few ? [] : makeStrips(bars, span),
    bars: few ? bars : chooseOdd(bars),
    untimed: connections.length - timed.length,
  };
}

function makeStrips(bars: readonly Bar[], span: number): Strip[] {
  const groups = Map.groupBy(bars, ({ path, outcome }) => JSON.stringify([path, outcome]));
  return [...groups.values()]
    .sort((a, b) => failures(b) - failures(a) || b.length - a.length)
    .slice(0, MOST_STRIPS)
    .flatMap((group): Strip[] => {
      const [head] = group;
      if (!head) return [];
      const begun = Array<number>(BUCKETS).fill(0);
      for (const { begin } of group) {
        const bucket = Math.min(BUCKETS - 1, Math.floor((begin / span) * BUCKETS));
        begun[bucket] = (begun[bucket] ?? 0) + 1;
      }
      const { path, outcome } = head;
      return [{ path, outcome, count: group.length, begun, median: medianOf(group) }];
    });
}

function failures(group: readonly Bar[]): number {
  return group[0]?.outcome === 'answered' ? 0 : 1;
}

function medianOf(group: readonly Bar[]): number | null {
  const lengths = group.flatMap(lengthOf).sort((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 2)] ?? null;
}

function lengthOf({ begin, end }: Bar): number[] {
  return end === null ? [] : [end - begin];
}

/** The failed connections and the slowest of the others, in order of time. */
function chooseOdd(bars: readonly Bar[]): Bar[] {
  const failed = bars.filter(({ outcome }) => outcome !== 'answered').slice(0, MOST_FAILED);
  const slow = bars
    .filter(({ outcome }) => outcome === 'answered')
    .sort((a, b) => (lengthOf(b)[0] ?? 0) - (lengthOf(a)[0] ?? 0))
    .slice(0, MOST_SLOW);
  return [...failed, ...slow].sort((a, b) => a.begin - b.begin || a.id - b.id);
}

const UNITS = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
] as const;

/** Ticks at round times from 0 on, each with its unit. */
function makeTicks(span: number): Waterfall['ticks'] {
  const rough = Math.max(1, span / USUAL_TICKS);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const [unit, size] = UNITS.find((entry) => step >= entry[1]) ?? (['ns', 1] as const);
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => ({
    at: i * step,
    text: i === 0 ? '0' : `${Math.round((i * step) / size)} ${unit}`,
  }));
}
