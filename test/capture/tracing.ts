/** What the tests of live traces share: a tracer with its events, waiting, and the search for survivors. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startTracer, type Tracer, type TracerOptions } from '../../src/capture/bpftrace/tracer.js';
import type { TraceEvent } from '../../src/model/event.js';
import type { Checkpoint } from '../../src/model/trace.js';

export const FIXTURES = fileURLToPath(new URL('../../../test/capture/fixtures/', import.meta.url));
export const PROBES = fileURLToPath(new URL('../../../probes/', import.meta.url));

/** Milliseconds after which something that must come will not: far more than a busy machine needs. */
const NEVER = 60_000;

export interface Tracing {
  readonly tracer: Tracer;
  readonly events: readonly TraceEvent[];
  /** What onLost was told, in order. */
  readonly losses: readonly number[];
  readonly checkpoints: readonly Checkpoint[];
}

/** Starts a tracer of `ports` that keeps its events. `bpftrace` without a slash is the real one. */
export async function trace(
  ports: readonly number[],
  options: Partial<TracerOptions> = {},
): Promise<Tracing> {
  const events: TraceEvent[] = [];
  const losses: number[] = [];
  const checkpoints: Checkpoint[] = [];
  const tracer = await startTracer({
    ports,
    budget: 16,
    relays: [],
    copyingRelays: false,
    probes: PROBES,
    bpftrace: 'bpftrace',
    patience: NEVER,
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    onLost: (count) => losses.push(count),
    onCheckpoint: (checkpoint) => checkpoints.push(checkpoint),
    // The fakes are programs of Node, which need not be the system's.
    passEnvironment: true,
    ...options,
  });
  return { tracer, events, losses, checkpoints };
}

/** For a process of its own that will be killed: says `ready` when the first seal holds, and stays. */
export async function traceUntilKilled(port: number, bpftrace: string): Promise<void> {
  await trace([port], { bpftrace });
  process.stdout.write('ready\n');
  setInterval(() => undefined, 1 << 30);
}

export async function waitUntil(
  isDone: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const deadline = performance.now() + NEVER;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Processes whose environment has `NAME=value`; zombies have none. */
export async function findMarked(name: string, value: string | number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const marked = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      const mark = `${name}=${value}`;
      const marks = (text: string): boolean => text === mark || text.startsWith(`${mark}:`);
      return environment.split('\0').some(marks) ? [Number(pid)] : [];
    }),
  );
  return marked.flat();
}

/** Processes that a tracer of `owner` started and that live; their mark is the owner's pid and start time. */
export async function findTracers(owner = process.pid): Promise<number[]> {
  return findMarked('TRACE_FLOW_TRACER', owner);
}
