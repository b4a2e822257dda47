/**
 * 10,000 connections to a receiver, which then is gone for a minute while more come, and comes back: `npm run outage`
 * writes what arrived, what was dropped, and what it cost to docs/fleets.md.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { Sending } from '../../src/app/sending.js';
import type { Arrived } from './away.js';
import { multiply, readFirst } from './connections.js';

const PAGE = fileURLToPath(new URL('../../../docs/fleets.md', import.meta.url));
const FIRST = 10_000;
const RATE = 100;
/** Seconds without a receiver. */
const AWAY = 60;
/** Seconds after which the queue is full. */
const SOON = 30;
const LAST = 1_000;
/** Milliseconds between two batches of connections. */
const TICK = 20;
const PATIENCE = 120_000;

class Away {
  #child: ChildProcess | null = null;
  port = 0;

  async start(): Promise<void> {
    const file = fileURLToPath(new URL('away.js', import.meta.url));
    this.#child = fork(file, [String(this.port)]);
    const [{ port }] = (await once(this.#child, 'message')) as [{ readonly port: number }];
    this.port = port;
  }

  async ask(): Promise<Arrived> {
    const answer = once(this.#child ?? process, 'message');
    this.#child?.send('tell');
    const [arrived] = (await answer) as [Arrived];
    return arrived;
  }

  async stop(): Promise<void> {
    if (this.#child === null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
    this.#child = null;
  }
}

const connection = readFirst('proxy-loopback');
const all = multiply(connection, FIRST + RATE * AWAY + LAST);

/** Hands over connections at a rate; @returns the milliseconds that each took. */
async function send(sending: Sending, total: number, rate: number): Promise<readonly number[]> {
  const began = performance.now();
  const took: number[] = [];
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.ceil(((performance.now() - began) * rate) / 1_000));
    for (; sent < due; sent += 1) {
      const at = performance.now();
      const next = all.next();
      if (next.done !== true) sending.over(next.value);
      took.push(performance.now() - at);
    }
    await sleep(TICK);
  }
  return took;
}

function tellShare(took: readonly number[]): string {
  const sorted = [...took].sort((a, b) => a - b);
  return `${(sorted[Math.floor(sorted.length * 0.99)] ?? NaN).toFixed(2)} ms`;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Megabytes in use, after everything that nothing uses was freed. */
function measureHeap(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

async function run(): Promise<string> {
  process.env['OTEL_METRIC_EXPORT_INTERVAL'] = '2000';
  const receiver = new Away();
  await receiver.start();
  let changes = 0;
  const sending = await Sending.open({
    url: `http://127.0.0.1:${receiver.port}`,
    program: 'trace-flow 0.0.0',
    live: true,
    subject: 'test',
    anonymize: false,
    show: { paths: [], outcomes: [], ids: [], slowest: null },
    warn: () => (changes += 1),
  });
  try {
    const before = await send(sending, FIRST, 1_000);
    const end = performance.now() + PATIENCE;
    let first = await receiver.ask();
    while (first.connections + first.dropped < FIRST || first.counted < FIRST) {
      assert.ok(performance.now() < end, JSON.stringify(first));
      await sleep(500);
      first = await receiver.ask();
    }
    assert.equal(first, { connections: FIRST, roots: FIRST, counted: FIRST, dropped: 0 });
    const heapBefore = measureHeap();
    await receiver.stop();
    const early = await send(sending, RATE * SOON, RATE);
    const heapSoon = measureHeap();
    const late = await send(sending, RATE * (AWAY - SOON), RATE);
    const heapAway = measureHeap();
    await receiver.start();
    await send(sending, LAST, RATE);
    const complete = await sending.close(() => undefined);
    const last = await receiver.ask();
    const later = RATE * AWAY + LAST;
    assert.is(complete, false, 'a loss is told');
    assert.ok(changes >= 2, 'that it is gone and back is told');
    assert.is(last.connections, last.roots);
    assert.is(last.connections + last.dropped, later, JSON.stringify(last));
    assert.is(last.counted, FIRST + later);
    assert.ok(last.connections >= LAST, 'what came after it was back has arrived');
    assert.ok(heapAway < heapSoon * 1.2, `no growth: ${heapSoon} MB, then ${heapAway} MB`);
    return [
      '| | |',
      '|---|---|',
      `| connections while it was there: sent, arrived, counted by the metrics | ${FIRST}, ${first.connections}, ${first.counted} |`,
      `| connections while it was gone (${AWAY} s, ${RATE} a second) and after it was back | ${RATE * AWAY}, ${LAST} |`,
      `| of these arrived, counted as dropped (\`trace_flow.otlp.dropped\`) | ${last.connections}, ${last.dropped} |`,
      `| connections in the metrics' total at the end | ${last.counted} of ${FIRST + later} |`,
      `| memory in use before it went, after ${SOON} s and after ${AWAY} s without it | ${heapBefore.toFixed(0)} MB, ${heapSoon.toFixed(0)} MB, ${heapAway.toFixed(0)} MB |`,
      `| handing over a connection, 99th percentile: it was there, it was gone | ${tellShare(before)}, ${tellShare([...early, ...late])} |`,
    ].join('\n');
  } finally {
    await receiver.stop();
  }
}

const FROM = '<!-- table outage: written by npm run outage -->\n';
const TO = '<!-- end of table -->';
const table = await run();
const page = readFileSync(PAGE, 'utf8');
const from = page.indexOf(FROM) + FROM.length;
const to = page.indexOf(TO, from);
assert.ok(from >= FROM.length && to > from, 'the page has a place for the table');
writeFileSync(PAGE, `${page.slice(0, from)}\n${table}\n\n${page.slice(to)}`);
process.stderr.write(`${table}\n`);
