/**
 * What counts as complete is complete: whichever lines are lost, however late others come, and however the processors
 * and the reading of their counts interleave.
 */
import * as assert from 'uvu/assert';
import { chooseCounting } from '../../src/capture/bpftrace/counting.js';
import {
  LineLedger,
  type CompleteSpan,
  type LineCount,
} from '../../src/capture/bpftrace/ledger.js';
import { randomizer } from '../decode/frames.js';
import { suite } from '../support/suite.js';

const test = suite('ledger of lines');

const COUNT = Number(process.env['TRACE_FLOW_WORLDS'] ?? 200);
const MICRO = 1_000;
const MILLI = 1_000_000;

interface Printed {
  /** When it was counted, when others can see that, and the time that it bears. */
  readonly counted: number;
  readonly visible: number;
  readonly time: number;
  readonly cpu: number;
  readonly lost: boolean;
}

type Delivered = { readonly at: number } & (
  { readonly line: Printed } | { readonly count: LineCount }
);

interface World {
  readonly lines: readonly Printed[];
  readonly delivered: readonly Delivered[];
  readonly losses: number;
  /** All that was printed, as the freeze tells it. */
  readonly total: number;
}

/** Lines of several processors in bursts, some of them lost; counts in between; delivered in order of each processor. */
function makeWorld(seed: number, lossy: boolean): World {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const cpus = 1 + random(4);
  const end = 1_500 * MILLI;
  // Losses fall into one or two short times, as they do in truth.
  const storms = lossy ? Array.from({ length: 1 + random(2) }, () => random(end)) : [];
  const busy = random(2) === 0;
  const lines: Printed[] = [];
  for (let cpu = 0; cpu < cpus; cpu++) {
    let now = 0;
    while (now < end) {
      now += random(5) === 0 ? random((busy ? 3 : 150) * MILLI) : random(40 * MICRO);
      const counted = now;
      // Rarely, something comes between counting and taking the time.
      const gap = random(50) === 0 ? random(900 * MICRO) : random(1 * MICRO);
      now += gap;
      const lost = storms.some((at) => Math.abs(counted - at) < 60 * MILLI) && random(4) === 0;
      lines.push({ counted, visible: counted + random(8 * MICRO), time: now, cpu, lost });
      now += random(2 * MICRO);
    }
  }
  const seen = Array.from({ length: cpus }, (_, cpu) =>
    lines
      .filter((one) => one.cpu === cpu)
      .map(({ visible }) => visible)
      .sort((a, b) => a - b),
  );
  const read = new Array<number>(cpus).fill(0);
  const delivered: Delivered[] = [];
  // A late reader takes each processor's lines in their order.
  const latest = Array.from({ length: cpus }, () => 0);
  const arrive = (cpu: number, time: number): number => {
    const at = Math.max(latest[cpu] ?? 0, time + random(30) * MILLI);
    latest[cpu] = at;
    return at;
  };
  for (const line of lines) {
    if (!line.lost) delivered.push({ at: arrive(line.cpu, line.time), line });
  }
  latest.fill(0);
  for (let before = 20 * MILLI; before < end; before += 20 * MILLI + random(20) * MILLI) {
    let at = before;
    let printed = 0;
    for (let cpu = 0; cpu < cpus; cpu++) {
      at += random(2 * MICRO);
      while ((seen[cpu]?.[read[cpu] ?? 0] ?? Infinity) <= at) read[cpu] = (read[cpu] ?? 0) + 1;
      printed += read[cpu] ?? 0;
    }
    const count = { before, printed, after: at + random(2 * MICRO) };
    delivered.push({ at: before + random(40) * MILLI, count });
  }
  delivered.sort((a, b) => a.at - b.at);
  const losses = lines.filter(({ lost }) => lost).length;
  return { lines, delivered, losses, total: lines.length };
}

function run({ delivered, total }: World): CompleteSpan[] {
  const spans: CompleteSpan[] = [];
  const ledger = new LineLedger((span) => spans.push(span));
  for (const one of delivered) {
    if ('line' in one) ledger.take(one.line.time);
    else ledger.count(one.count);
  }
  ledger.close(total);
  return spans;
}

const covers = ({ from, to }: CompleteSpan, time: number): boolean => time >= from && time < to;

test(`${COUNT} seeds: no line of a complete span is lost; spans come, also after a loss`, () => {
  let healed = 0;
  let afterLoss = 0;
  for (let seed = 1; seed <= COUNT; seed++) {
    const world = makeWorld(seed, seed % 4 !== 0);
    const spans = run(world);
    const lost = world.lines.filter((line) => line.lost);
    const wrong = spans.flatMap((span) => lost.filter(({ time }) => covers(span, time)));
    assert.equal(wrong, [], `seed ${seed}`);
    if (world.losses === 0) {
      assert.ok(
        spans.every(({ from }) => from === -Infinity || spans.length > 1),
        `seed ${seed}`,
      );
      assert.equal(spans.at(-1), { from: -Infinity, to: Infinity }, `seed ${seed}`);
      assert.ok(spans.length > 3, `seed ${seed}: ${spans.length} spans`);
    } else {
      afterLoss += 1;
      if (spans.some(({ from }) => from > 0)) healed += 1;
    }
  }
  assert.ok(healed > afterLoss / 4, `${healed} of ${afterLoss} with a span after the loss`);
});

test('what has come when a span is told: all of it', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { lines, delivered } = makeWorld(seed, seed % 2 === 0);
    const come = new Set<Printed>();
    const ledger = new LineLedger((span) => {
      const missing = lines.some((line) => covers(span, line.time) && !come.has(line));
      assert.not.ok(missing, `seed ${seed}`);
    });
    for (const one of delivered) {
      if ('line' in one) {
        come.add(one.line);
        ledger.take(one.line.time);
      } else ledger.count(one.count);
    }
  }
});

/** Takes lines at these times, and counts; returns the spans so far. */
function tell(...steps: (number | LineCount)[]): CompleteSpan[] {
  const spans: CompleteSpan[] = [];
  const ledger = new LineLedger((span) => spans.push(span));
  for (const step of steps) {
    if (typeof step === 'number') ledger.take(step);
    else ledger.count(step);
  }
  return spans;
}

const countAt = (time: number, printed: number): LineCount => ({
  before: time,
  printed,
  after: time + 100,
});

test('a line that was counted and has not come: no span, until it comes', () => {
  const [one, other] = [5 * MILLI, 6 * MILLI];
  assert.equal(tell(one, countAt(20 * MILLI, 2)), []);
  assert.equal(tell(one, countAt(20 * MILLI, 2), other), [
    { from: -Infinity, to: 20 * MILLI - 10 * MICRO },
  ]);
});

test('a line after the count does not stand in for one that is lost before it', () => {
  assert.equal(tell(5 * MILLI, countAt(20 * MILLI, 2), 30 * MILLI), []);
  // Nor one that may have been counted or not.
  assert.equal(tell(5 * MILLI, countAt(20 * MILLI, 2), 20 * MILLI - 5 * MICRO), []);
});

test('after a loss: a span begins after the first count that lines follow as counted', () => {
  const spans = tell(
    5 * MILLI,
    countAt(20 * MILLI, 2),
    countAt(40 * MILLI, 2),
    50 * MILLI,
    countAt(60 * MILLI, 3),
  );
  assert.equal(spans, [{ from: 41 * MILLI + 100, to: 60 * MILLI - 10 * MICRO }]);
});

test('how lines are counted: by what the version of bpftrace and the kernel can do', () => {
  const choose = (version: string, release: string, possible: string) =>
    chooseCounting({ version, release, possible });
  assert.equal(choose('bpftrace v0.17.0', '6.1.0', '0-3\n'), { kind: 'keyed', cpus: 4 });
  assert.equal(choose('bpftrace v0.17.0', '6.1.0', '0,2-5\n'), { kind: 'keyed', cpus: 6 });
  assert.equal(choose('bpftrace v0.17.0', '6.1.0', '0-128\n'), { kind: 'end' });
  assert.equal(choose('bpftrace v0.17.0', '6.1.0', ''), { kind: 'end' });
  assert.equal(choose('bpftrace v0.23.2', '6.12.1', '0-255'), { kind: 'cast' });
  assert.equal(choose('bpftrace v0.23.2', '5.15.0', '0-1'), { kind: 'end' });
  assert.equal(choose('bpftrace v0.22.0', '5.15.0', '0'), { kind: 'keyed', cpus: 1 });
});

test.run();
