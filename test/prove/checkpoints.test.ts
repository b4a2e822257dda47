/**
 * Events lost in known places of a trace: a connection in a part that is complete is judged as in the whole trace, every
 * other one is proven by nothing, and what was told at a checkpoint is never taken back.
 */
import * as assert from 'uvu/assert';
import type { TraceEvent } from '../../src/model/event.js';
import type { Connection, Report } from '../../src/model/report.js';
import type { Checkpoint, Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { coverageOfLife, standsAfterLoss } from '../../src/prove/coverage/whole-parts.js';
import { IncrementalAnalysis } from '../../src/prove/incremental.js';
import { randomizer } from '../decode/frames.js';
import { suite } from '../support/suite.js';
import { makeDatagramWorld } from '../worlds/live/datagram-world.js';
import { makeLiveWorld } from '../worlds/live/world.js';

const test = suite('checkpoints');

/** More by TRACE_FLOW_WORLDS=2000. */
const COUNT = Number(process.env['TRACE_FLOW_WORLDS'] ?? 200);
const SECOND = 1_000_000_000;

const packer = {
  pack: (text: string) => new TextEncoder().encode(text),
  unpack: (packed: Uint8Array) => new TextDecoder().decode(packed),
};

interface Lossy {
  /** Nothing is missing. */
  readonly whole: Trace;
  /** The same traffic; events of one time are missing. */
  readonly lossy: Trace;
  readonly lost: readonly TraceEvent[];
  readonly checkpoints: readonly Checkpoint[];
}

interface World {
  readonly trace: Trace;
  readonly budget: number;
}

/** Pauses between the events, and losses within a short time. Only sums and calls after it may betray them. */
function loseSome({ trace, budget }: World, seed: number): Lossy {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  let pause = 0;
  const events = trace.events.map((event): TraceEvent => {
    if (random(9) === 0) pause += random(5) * SECOND;
    return { ...event, time: event.time + pause };
  });
  const header = { ...trace.header, budget };
  const whole = { ...trace, header, events };
  const first = random(events.length);
  const last = Math.min(events.length - 1, first + 1 + random(40));
  const [from = 0, to = 0] = [events[first]?.time, events[last]?.time];
  // Sums are read at the end, whatever was lost on the way.
  const isSum = ({ kind, ...rest }: TraceEvent): boolean =>
    kind === 'total' || kind === 'counter' || 'sum' in rest;
  const gone = new Set(
    events.slice(first, last + 1).filter((event) => !isSum(event) && random(4) > 0),
  );
  const isLost = (event: TraceEvent): boolean => gone.has(event);
  const kept = events.filter((event) => !isLost(event));
  const end = (events.at(-1)?.time ?? 0) + 1;
  const checkpoints: Checkpoint[] = [
    ...(from > 0 ? [{ from: -1, to: from - 1 }] : []),
    { from: to + 1, to: end, afterLoss: true as const, end: true as const },
  ];
  const lost = events.filter(isLost);
  const { length: lostEvents } = lost;
  const tail = { ...trace.tail, lostEvents, sealed: lostEvents === 0, complete: checkpoints };
  return { whole, lossy: { ...trace, header, events: kept, tail }, lost, checkpoints };
}

/** The same recording without its end: no sum was read. */
function cutOff({ tail, events, ...rest }: Trace): Trace {
  const complete = (tail.complete ?? []).map(({ from, to, afterLoss }) => ({
    from,
    to,
    ...(afterLoss && { afterLoss }),
  }));
  const told = events.filter((event) => event.kind !== 'counter' && !('sum' in event));
  return { ...rest, events: told, tail: { ...tail, truncated: true, complete } };
}

const nameOf = ({ protocol, client }: Connection): string =>
  `${protocol} ${client.address} ${client.port}`;
const told = ({ path, proof, outcome }: Connection): string => `${path} ${proof} ${outcome}`;

/** Connections that are called proven, though an event between their own ends was lost. */
function findHidden(connections: readonly Connection[], lost: readonly TraceEvent[]): string[] {
  return connections.flatMap((one) => {
    const { address, port } = one.client;
    const isOwn = (event: TraceEvent): boolean =>
      ('local' in event
        ? [event.local, event.remote]
        : 'source' in event
          ? [event.source, event.destination]
          : []
      ).some((end) => end?.address === address && end.port === port);
    return one.proof === 'proven' && lost.some(isOwn) ? [`${nameOf(one)}: ${told(one)}`] : [];
  });
}

/** What is proven, though it is not so in the whole trace. */
function findWrong(connections: readonly Connection[], whole: Report): string[] {
  return connections.flatMap((one) => {
    if (one.proof !== 'proven') return [];
    const truths = whole.connections.filter((other) => nameOf(other) === nameOf(one));
    return truths.some((truth) => told(truth) === told(one))
      ? []
      : [`${nameOf(one)}: ${told(one)}`];
  });
}

interface Counts {
  proven: number;
  lowered: number;
  early: number;
}

/** Compares the whole trace with the lossy one, analysed at once and while it runs. */
function compare(world: World, seed: number, counts: Counts): void {
  const { whole, lossy, lost, checkpoints } = loseSome(world, seed);
  if (lost.length === 0) return;
  const truth = analyse(whole);
  // Clients of datagrams use their ports again.
  const isTold = (connections: readonly Connection[], when: string): void => {
    assert.equal(findWrong(connections, truth), [], `seed ${seed}: ${when}`);
    const streams = connections.filter(({ protocol }) => protocol === 'tcp');
    assert.equal(findHidden(streams, lost), [], `seed ${seed}: ${when}`);
  };
  const { connections } = analyse(lossy);
  isTold(connections, 'at once');
  isTold(analyse(cutOff(lossy)).connections, 'cut off');
  const proven = connections.filter(({ proof }) => proof === 'proven').length;
  counts.proven += proven;
  counts.lowered += truth.connections.filter(({ proof }) => proof === 'proven').length - proven;

  const { source, header, events, tail } = lossy;
  const analysis = new IncrementalAnalysis(header, {
    hops: 64,
    budget: world.budget,
    packer,
    checkpoints: true,
  });
  const over: Connection[] = [];
  let at = -1;
  for (const [index, event] of events.entries()) {
    const from = at;
    at = event.time;
    for (const part of checkpoints) {
      // Everything before a checkpoint has been taken by then.
      const to = Math.min(part.to, event.time - 1);
      const begin = Math.max(part.from, from);
      if (index % 10 !== 0 || to <= begin || part.end === true) continue;
      analysis.noteCheckpoint({ ...part, from: part.from, to });
    }
    analysis.take(event);
    if (index % 25 === 24) over.push(...analysis.advance(event.time).over);
  }
  counts.early += over.filter(({ proof }) => proof === 'proven').length;
  isTold(over, 'early');
  const { report } = analysis.finish({ source, header, sums: [], tail });
  isTold(report.connections, 'in the end');
  const final = new Map(
    report.connections.map((one) => [`${nameOf(one)} ${one.timing.start}`, one]),
  );
  for (const one of over) {
    const last = final.get(`${nameOf(one)} ${one.timing.start}`);
    assert.ok(last, `seed ${seed}: ${nameOf(one)} is told`);
    if (one.proof === 'proven') assert.is(told(last), told(one), `seed ${seed}: taken back`);
  }
}

test(`${COUNT} worlds with losses: nothing proven is wrong, and what is complete stays proven`, () => {
  const counts = { proven: 0, lowered: 0, early: 0 };
  for (let seed = 1; seed <= COUNT; seed++) {
    const world = makeLiveWorld(seed);
    if (world.clean) compare(world, seed, counts);
  }
  assert.ok(counts.proven > COUNT / 6, JSON.stringify(counts));
  assert.ok(counts.lowered > COUNT / 10, JSON.stringify(counts));
  assert.ok(counts.early > COUNT / 20, JSON.stringify(counts));
});

test(`${COUNT} worlds of datagrams with losses`, () => {
  const counts = { proven: 0, lowered: 0, early: 0 };
  for (let seed = 1; seed <= COUNT; seed++) {
    const { trace } = makeDatagramWorld(seed);
    compare({ trace, budget: 16 }, seed, counts);
  }
});

const LOSSY = { sealed: false, lostEvents: 3, truncated: false, notes: [] };
const WHOLE = { sealed: true, lostEvents: 0, truncated: false, notes: [] };

function cover(life: [number, number], complete: readonly Checkpoint[], robust = false) {
  const [from, to] = life;
  return coverageOfLife({ from, to, robust }, complete, LOSSY);
}

test('a life is complete where parts that follow one another cover it', () => {
  const parts: Checkpoint[] = [
    { from: 0, to: 10 },
    { from: 10, to: 20 },
    { from: 30, to: 40 },
  ];
  assert.equal(cover([1, 10], parts), WHOLE);
  assert.equal(cover([1, 20], parts), WHOLE);
  assert.equal(cover([0, 20], parts), WHOLE);
  assert.equal(cover([31, 40], parts), WHOLE);
  for (const life of [
    [-1, 10],
    [1, 21],
    [15, 35],
    [25, 35],
    [20, 25],
    [31, 41],
  ] as const) {
    assert.equal(cover([...life], parts), LOSSY, life.join());
  }
});

test('the end of the trace is complete only where a part says so', () => {
  assert.equal(cover([1, Infinity], [{ from: 0, to: 10 }]), LOSSY);
  assert.equal(cover([1, Infinity], [{ from: 0, to: 10, end: true }]), WHOLE);
  assert.equal(cover([1, Infinity], [{ from: 5, to: 10, end: true }]), LOSSY);
});

test('after a loss only what rests on nothing earlier', () => {
  const parts: Checkpoint[] = [{ from: 0, to: 10, afterLoss: true }];
  assert.equal(cover([1, 9], parts), LOSSY);
  assert.equal(cover([1, 9], parts, true), WHOLE);
  assert.equal(cover([1, 9], [...parts, { from: 0, to: 10 }]), WHOLE, 'what was late has come');
});

test('runs that were skipped meanwhile count, others do not', () => {
  const parts: Checkpoint[] = [
    { from: 0, to: 10, skippedRuns: 2 },
    { from: 10, to: 20 },
    { from: 20, to: 30, skippedRuns: 5 },
  ];
  assert.equal(cover([1, 15], parts), { ...WHOLE, skippedRuns: 2 });
  assert.equal(cover([11, 15], parts), WHOLE);
  assert.equal(cover([11, 30], parts), { ...WHOLE, skippedRuns: 5 });
});

test('which verdicts stand after a loss', () => {
  const world = makeLiveWorld(1);
  assert.ok(world.trace.events.length > 0);
  const base = {
    protocol: 'tcp',
    begun: true,
    relay: null,
    taken: null,
    fromHost: false,
    claims: [],
  } as unknown as Parameters<typeof standsAfterLoss>[0];
  const relay = { isDockerProxy: true, guessed: false };
  const rewritten = [{ code: 'nat-rewritten', holds: true }];
  const cases: readonly [object, boolean][] = [
    [{}, true],
    [{ protocol: 'udp' }, false],
    [{ begun: false }, false],
    [{ taken: {} }, false],
    [{ taken: {}, relay }, true],
    [{ relay: { ...relay, guessed: true } }, false],
    [{ relay: { ...relay, isDockerProxy: false } }, false],
    [{ fromHost: true }, false],
    [{ fromHost: true, claims: rewritten }, true],
    [{ taken: {}, claims: rewritten }, false],
  ];
  for (const [change, stands] of cases) {
    assert.is(standsAfterLoss({ ...base, ...change }), stands, JSON.stringify(change));
  }
});

test.run();
