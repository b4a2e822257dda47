/** A live trace: plan, program, start, seal, events, seal, stop. */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { execa } from 'execa';
import type { CounterEvent, TotalEvent, TraceEvent } from '../../model/event.js';
import { UserError } from '../../model/errors.js';
import { Sequencer } from '../sequencer.js';
import { startChild, type Child, type ChildExit } from './child.js';
import { explainAbsence, explainFailure } from './failure.js';
import { FORMATS_SCRIPT, parseFormats, type Formats } from './formats.js';
import { createLineReader, readHopKey, readTotalKey, type Line, type Unnumbered } from './lines.js';
import { planProbes, PROBE_FILES, type Plan } from './plan.js';
import { assembleProgram, type ProbeFile } from './program.js';
import { Sealer, SealWatch, signsOf, type SealAttempt } from './seal.js';

export interface TracerOptions {
  readonly ports: readonly number[];
  readonly budget: number;
  readonly relays: readonly number[];
  readonly copyingRelays: boolean;
  /** Folder of the .bt files. */
  readonly probes: string;
  /** Path or name of bpftrace. */
  readonly bpftrace: string;
  readonly onEvent: (event: TraceEvent) => void;
  readonly onLost: (count: number) => void;
  /** Milliseconds that the probes may take until they are live. */
  readonly patience: number;
  readonly signal: AbortSignal;
}

export interface TracerEnd {
  /** Both seals held: the probes were live all the time and every event has been read. */
  readonly sealed: boolean;
  readonly lost: number;
  /** Packets that were only counted, and the last totals of relays. */
  readonly remainder: readonly (Unnumbered<CounterEvent> | Unnumbered<TotalEvent>)[];
  /** Why the tracer did not end as asked, one sentence each. */
  readonly notes: readonly string[];
  /** Set when bpftrace ended though nobody had asked it to. */
  readonly died: string | null;
  /** Settles when the probes are detached and bpftrace is gone: most of a second later. */
  readonly closed: Promise<void>;
}

export interface Tracer {
  readonly plan: Plan;
  /** Wall-clock nanoseconds of event time 0. */
  readonly epoch: bigint;
  /** Settles when bpftrace ended though nobody had asked it to. */
  readonly died: Promise<ChildExit>;
  finish(): Promise<TracerEnd>;
}

/** Milliseconds between two attempts at a seal, and for the last seal altogether. */
const SEAL_PAUSE = 20;
const LAST_SEAL = 1_000;
/** Milliseconds until a bpftrace that was asked to end is killed. */
const STOP_PATIENCE = 5_000;
/** Milliseconds that events wait for older ones of other processors. */
const REORDER = 100;

/** Starts the probes and returns when the first seal holds. Throws UserError when they cannot be had. */
export async function startTracer(options: TracerOptions): Promise<Tracer> {
  const [{ formats, tracefs }, files, sealer] = await Promise.all([
    readFormats(),
    readProbeFiles(options.probes),
    Sealer.create(),
  ]);
  const plan = planProbes({
    files,
    available: formats.tracepoints,
    copyingRelays: options.copyingRelays,
  });
  const blind = plan.missing.filter((probe) => probe.startsWith('tracepoint:net:'));
  if (blind.length > 0) {
    sealer.close();
    throw new UserError(
      `this kernel lacks ${blind.join(' and ')}, without which no packet is seen`,
      {
        code: 'no-tracepoints',
        exit: 1,
        remedy:
          'use a kernel with CONFIG_TRACEPOINTS and CONFIG_NET; trace-flow doctor lists what is there',
      },
    );
  }
  const program = assembleProgram(plan.files, {
    ports: [...options.ports, ...sealer.ports],
    budget: options.budget,
    relays: options.relays,
    finalPort: sealer.finalPort,
  });
  const watch = new SealWatch(sealer.ports, signsOf(plan.files));
  const run = new Run(formats, watch, options);
  const child = startChild({
    bpftrace: options.bpftrace,
    program,
    tracefs,
    environment: {
      TRACE_FLOW_TRACER: String(process.pid),
      // Both spellings: before and since bpftrace 0.19.
      BPFTRACE_MAP_KEYS_MAX: '32768',
      BPFTRACE_MAX_MAP_KEYS: '32768',
      BPFTRACE_PERF_RB_PAGES: '512',
    },
    onLine: (line) => run.read(line),
  });
  try {
    const first = await sealUntil(sealer, watch, run, child, options);
    run.open(first);
    return {
      plan,
      epoch: first.attempt.wall - BigInt(Math.round(first.time)),
      died: child.exited,
      finish: () => finish(sealer, watch, run, child),
    };
  } catch (error) {
    sealer.close();
    await child.stop(STOP_PATIENCE);
    throw error;
  }
}

/** What has been read of one run so far. */
class Run {
  readonly #reader;
  readonly #watch: SealWatch;
  readonly #options: TracerOptions;
  readonly #sequencer: Sequencer;
  readonly #littleEndian = endianness() === 'LE';
  readonly #counters = new Map<
    string,
    { keys: readonly bigint[]; packets: number; bytes: number }
  >();
  readonly #totals: Unnumbered<TotalEvent>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #openedAt = Infinity;
  #lastTime = 0;
  lost = 0;
  #printed = 0;
  #received = 0;
  begun = false;
  ended = false;

  constructor(formats: Formats, watch: SealWatch, options: TracerOptions) {
    this.#reader = createLineReader({
      dropReasons: formats.dropReasons,
      littleEndian: this.#littleEndian,
    });
    this.#watch = watch;
    this.#options = options;
    this.#sequencer = new Sequencer(options.onEvent);
  }

  /** From this seal on, events count. */
  open(seal: { time: number }): void {
    this.#openedAt = seal.time;
    this.#timer = setInterval(() => this.#sequencer.tick(), REORDER);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sequencer.flush();
  }

  /** Lines that the kernel says it printed and that have not come; known once `ended`. */
  get unread(): number {
    return Math.max(0, this.#printed - this.#received);
  }

  read(text: string): void {
    const line: Line = this.#reader.read(text);
    switch (line.kind) {
      case 'event':
        this.#received += 1;
        this.#lastTime = Math.max(this.#lastTime, line.event.time);
        if (!this.#watch.observe(line.event) && line.event.time >= this.#openedAt) {
          this.#sequencer.push(line.event);
        }
        return;
      case 'lost':
        this.lost += line.count;
        this.#options.onLost(this.lost);
        return;
      case 'begin':
        this.begun = true;
        return;
      case 'end':
        this.ended = true;
        return;
      case 'map':
        this.#readMap(line);
        return;
      case 'other':
    }
  }

  remainder(): (Unnumbered<CounterEvent> | Unnumbered<TotalEvent>)[] {
    const time = this.#lastTime;
    const counters: Unnumbered<CounterEvent>[] = [];
    for (const { keys, packets, bytes } of this.#counters.values()) {
      const hop = readHopKey(keys, this.#littleEndian);
      if (hop) counters.push({ kind: 'counter', time, ...hop, packets, bytes });
    }
    return [...counters, ...this.#totals.map((total) => ({ ...total, time }))];
  }

  #readMap(line: Line & { kind: 'map' }): void {
    const value = Number(line.value);
    if (line.map === 'printed') {
      this.#printed = value;
      return;
    }
    if (line.map === 'packets' || line.map === 'bytes') {
      const name = line.keys.join();
      const counter = this.#counters.get(name) ?? { keys: line.keys, packets: 0, bytes: 0 };
      counter[line.map] += value;
      this.#counters.set(name, counter);
    } else {
      const total = readTotalKey(line.map, line.keys);
      if (total) this.#totals.push({ kind: 'total', time: 0, ...total, bytes: value });
    }
  }
}

interface HeldSeal {
  readonly attempt: SealAttempt;
  readonly time: number;
}

/** Tries seals until one is complete. Throws when the child ends, the patience does, or the signal comes. */
async function sealUntil(
  sealer: Sealer,
  watch: SealWatch,
  run: Run,
  child: Child,
  options: TracerOptions,
): Promise<HeldSeal> {
  let exit: ChildExit | null = null;
  void child.exited.then((how) => (exit = how));
  const deadline = performance.now() + options.patience;
  let missing: readonly string[] = ['BEGIN'];
  while (performance.now() < deadline) {
    options.signal.throwIfAborted();
    if (exit !== null) throw failure(exit);
    if (run.begun) {
      const before = watch.drops;
      const attempt = await sealer.attempt();
      for (let waited = 0; waited < 10; waited += 1) {
        missing = watch.missing(attempt.port, before);
        const time = watch.timeOf(attempt.port);
        if (missing.length === 0 && time !== null) return { attempt, time };
        await pause(SEAL_PAUSE);
      }
    } else {
      await pause(SEAL_PAUSE);
    }
  }
  throw explainFailure(
    `the probes did not report a connection of our own within ${options.patience / 1000} s: missing ${missing.join(', ')}`,
    'did not get ready',
  );
}

async function finish(
  sealer: Sealer,
  watch: SealWatch,
  run: Run,
  child: Child,
): Promise<TracerEnd> {
  let gone: ChildExit | null = null;
  void child.exited.then((exit) => (gone = exit));
  await Promise.resolve();
  const deadline = performance.now() + LAST_SEAL;
  const waitFor = async (done: () => boolean, rounds = Infinity): Promise<boolean> => {
    for (let round = 0; !done(); round += 1) {
      if (gone !== null || round >= rounds || performance.now() > deadline) return done();
      await pause(SEAL_PAUSE);
    }
    return true;
  };
  let held = false;
  let missing: readonly string[] = [];
  while (!held && gone === null && performance.now() < deadline) {
    const before = watch.drops;
    const { port } = await sealer.attempt();
    held = await waitFor(() => (missing = watch.missing(port, before)).length === 0, 15);
  }
  if (held) await sealer.final();
  const ended = held && (await waitFor(() => run.ended));
  // The kernel's count of printed lines is the judge; bpftrace reports a loss only when something follows it.
  const drained = ended && (await waitFor(() => run.unread === 0, 10));
  sealer.close();
  const notes = troubles(gone, missing, ended);
  // All has been read, so nothing is lost by not asking politely; it would take a fifth of a second longer.
  const closed = child.stop(ended ? 0 : STOP_PATIENCE).then(() => undefined);
  if (!ended) await closed;
  run.close();
  const lost = Math.max(run.lost, run.unread);
  return {
    sealed: drained && lost === 0,
    lost,
    died: gone === null ? null : (notes[0] ?? null),
    remainder: run.remainder(),
    notes,
    closed,
  };
}

function troubles(gone: ChildExit | null, missing: readonly string[], ended: boolean): string[] {
  if (gone !== null) {
    return [`bpftrace ${gone.how} while tracing: what happened after that was not seen`];
  }
  if (missing.length > 0) {
    return [
      `the last seal is broken: ${missing.join(', ')} of our own connection did not come through`,
    ];
  }
  return ended ? [] : ['bpftrace did not hand over everything that it had seen'];
}

function failure(exit: ChildExit): UserError {
  const absent = /(unshare|setpriv)?: failed to execute ([\w./-]+): No such file/.exec(exit.stderr);
  if (absent) return explainAbsence(absent[2] ?? 'bpftrace');
  if (exit.absent) return explainAbsence('unshare');
  return explainFailure(exit.stderr, exit.how);
}

async function readProbeFiles(folder: string): Promise<ProbeFile[]> {
  return Promise.all(
    PROBE_FILES.map(async (name) => ({ name, text: await readFile(`${folder}/${name}`, 'utf8') })),
  );
}

/** Reads tracefs where it is mounted, or mounts it in a namespace of a child's own. */
async function readFormats(): Promise<{ formats: Formats; tracefs: string | null }> {
  for (const folder of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']) {
    const result = await execa('sh', ['-c', FORMATS_SCRIPT, 'sh', folder], { reject: false });
    if (result.exitCode === 0) return { formats: parseFormats(result.stdout), tracefs: folder };
  }
  const mounted = `mount -t tracefs tracefs /sys/kernel/tracing && ${FORMATS_SCRIPT}`;
  const own = [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    mounted,
    'sh',
    '/sys/kernel/tracing',
  ];
  const result = await execa('unshare', own, { reject: false });
  if (result.exitCode === undefined) throw explainAbsence('unshare');
  if (result.exitCode !== 0) throw explainFailure(`tracefs: ${result.stderr}`, 'was not started');
  return { formats: parseFormats(result.stdout), tracefs: null };
}

async function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
