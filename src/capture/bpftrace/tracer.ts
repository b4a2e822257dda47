/** Runs a live trace: plan, program, start, seal, events, seal, stop. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TraceEvent } from '../../model/event.js';
import { UserError } from '../../model/errors.js';
import { countPages, readBufferFacts } from './buffers.js';
import type { Checkpoint } from '../../model/trace.js';
import { CheckpointMaker } from './checkpoints.js';
import { startChild, type Child, type ChildExit } from './child.js';
import type { Counting } from './counting.js';
import { attachDeepest } from './deepest.js';
import { wordFor, type FentryWord } from './fentry.js';
import { sealUntil, slownessOf } from './first-seal.js';
import { finishTrace, type Running, type TracerEnd } from './finish.js';
import type { Formats } from './formats.js';
import { readGround, type Ground, type GroundOptions, type ProbeProfile } from './ground.js';
import { tracepointsOf } from './probe-file.js';
import { planProbes, type ProbePlan, type PlanInput } from './plan.js';
import { assembleProgram } from './program.js';
import { RAW_FUNCTIONS, rawSupportOf } from './raw.js';
import { findShortage } from './room.js';
import { TracerRun } from './run.js';
import { Sealer, SealWatch, signsOf } from './seal.js';
import { keepSealing } from './sealing.js';
import { SkipReader } from './skips.js';

export type { TracerEnd } from './finish.js';
export type { ProbeProfile } from './ground.js';

export interface TracerOptions extends GroundOptions {
  readonly ports: readonly number[];
  readonly budget: number;
  readonly relays: readonly number[];
  readonly copyingRelays: boolean;
  /** The host has tunnels; left out: perhaps. */
  readonly tunnels?: boolean;
  readonly onEvent: (event: TraceEvent) => void;
  readonly onLost: (count: number) => void;
  /** Called when all events up to then have come and been handed over, see checkpoints.ts. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void;
  /** Milliseconds that the probes may take until they are live. */
  readonly patience: number;
  readonly signal: AbortSignal;
  /** Called when bpftrace has been started, which then compiles its program. */
  readonly onStarted?: () => void;
  /** What was read already; left out: it is read now. */
  readonly ground?: Promise<Ground>;
  /** Passes the caller's environment on to bpftrace, BPFTRACE_* included. */
  readonly passEnvironment?: boolean | undefined;
}

export interface Tracer {
  readonly plan: ProbePlan;
  /** Wall-clock nanoseconds of event time 0. */
  readonly epoch: bigint;
  /** Whether checkpoints are made while it runs. */
  readonly checkpoints: boolean;
  /** Settles when bpftrace ends without being asked to. */
  readonly died: Promise<ChildExit>;
  /** Why the trace has to end now, in a sentence: no space is left for the probes' output; null if there is enough. */
  shortage(): string | null;
  finish(): Promise<TracerEnd>;
}

/**
 * Starts the probes and returns when the first seal holds; `auto` falls back to fewer kinds when others are refused.
 * Throws UserError when no probes can be attached.
 */
export async function startTracer(options: TracerOptions): Promise<Tracer> {
  const { profile = 'auto', copyingRelays, ground = readGround(options) } = options;
  const { files, ...known } = await ground;
  const { formats, version, types } = known;
  const { tracepoints: available, functions } = formats;
  if ((profile === 'kprobe' || profile === 'fentry') && functions.size === 0)
    throw explainNoKprobes();
  const { raw, list } = rawSupportOf(version);
  const listed = list && !formats.listed ? [...RAW_FUNCTIONS, ...functions] : null;
  const events = types === null ? null : [...new Set(files.flatMap(tracepointsOf))];
  const begin = (raw: boolean): Promise<Tracer> => {
    const shallow = { files, available, copyingRelays, raw };
    const plans = listPlans(shallow, { functions, fentry: wordFor(version), profile });
    checkSight(plans[0]);
    return attachDeepest(plans, async (plan, notes) => {
      options.signal.throwIfAborted();
      const shared = { ...known, events, functions: raw ? listed : null };
      return attachLean(options, { ...shared, plan, notes });
    });
  };
  try {
    return await begin(raw);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'no-raw-tracepoints') throw error;
    return begin(false);
  }
}

interface Depth {
  /** Functions that kprobes can be set on. */
  readonly functions: ReadonlySet<string>;
  readonly fentry: FentryWord;
  readonly profile: ProbeProfile;
}

/** Plans to try, deepest first: fentry, kprobes, tracepoints alone; or only the one that was asked for. */
function listPlans(
  shallow: PlanInput,
  { functions, fentry, profile }: Depth,
): [ProbePlan, ...ProbePlan[]] {
  const kprobe = planProbes({ ...shallow, functions });
  // When tracepoints were asked for, or no functions can be probed, this plan has no kprobes.
  if (kprobe.profile === 'tracepoint' || profile === 'kprobe') return [kprobe];
  const deepest = planProbes({ ...shallow, functions, fentry });
  return profile === 'fentry' ? [deepest] : [deepest, kprobe, planProbes(shallow)];
}

interface Attachment {
  readonly plan: ProbePlan;
  readonly formats: Formats;
  /** What `bpftrace --version` prints. */
  readonly version: string;
  readonly tracefs: string | null;
  /** See ChildOptions.functions. */
  readonly functions: readonly string[] | null;
  readonly counting: Counting;
  /** Null leaves it to bpftrace to read all types of the kernel. */
  readonly types: Buffer | null;
  /** See StartOptions.events. */
  readonly events: readonly string[] | null;
  /** What the report says about how the probes were attached. */
  readonly notes: readonly string[];
}

/** What may be wrong with a part of what the kernel tells, and not with all of it. */
const LEAN_FAULTS: ReadonlySet<string> = new Set([
  'unknown-field',
  'no-conntrack',
  'no-btf',
  'no-tracepoints',
  'no-permission',
  'no-unshare',
  'bpftrace-failed',
]);

/** Shows bpftrace only the types and tracepoints that the program uses, so that it starts sooner; all of them where that fails. */
async function attachLean(options: TracerOptions, attachment: Attachment): Promise<Tracer> {
  try {
    return await attach(options, attachment);
  } catch (error) {
    const isLean = attachment.events !== null;
    if (!isLean || !(error instanceof UserError) || !LEAN_FAULTS.has(error.code)) throw error;
    options.signal.throwIfAborted();
    return attach(options, { ...attachment, types: null, events: null });
  }
}

async function attach(options: TracerOptions, attachment: Attachment): Promise<Tracer> {
  const { plan, formats, notes, counting } = attachment;
  const sealer = await Sealer.create(options.ports);
  let child: Child | null = null;
  try {
    const mark = randomBytes(8).toString('hex');
    let maker: CheckpointMaker | null = null;
    const watch = new SealWatch(sealer.ports, signsOf(plan.files), options.ports);
    const run: TracerRun = new TracerRun(formats, watch, {
      ...options,
      mark,
      onSpan: (span) => {
        if (span.to === Infinity) maker?.close(span, run.lastTime);
        else maker?.span(span);
      },
    });
    child = await startProgram(options, attachment, { sealer, mark, run });
    options.onStarted?.();
    const parts = { sealer, watch, run, child };
    const first = await sealUntil(parts, options);
    const skips = new SkipReader(child.pid);
    const skipsBefore = await skips.read();
    run.open(first);
    const opened = { time: first.time, skips: skipsBefore };
    maker = new CheckpointMaker(opened, options.onCheckpoint ?? (() => undefined));
    const checkpoints = counting.kind !== 'end';
    const slowness = slownessOf(options);
    const stopSealing = checkpoints
      ? keepSealing({ ...parts, skips, maker, slowness })
      : () => Promise.resolve();
    const running: Running = { ...parts, skips, skipsBefore, maker };
    return {
      plan,
      epoch: first.attempt.wall - BigInt(Math.round(first.time)),
      checkpoints,
      died: child.exited,
      shortage: findShortage,
      finish: async () => {
        await stopSealing();
        const end = await finishTrace(running, slowness);
        return { ...end, notes: [...end.notes, ...notes] };
      },
    };
  } catch (error) {
    sealer.close();
    await child?.stop(0);
    throw error;
  }
}

/** Starts bpftrace with the plan's program, whose lines go to `run`. */
async function startProgram(
  options: TracerOptions,
  { plan, version, tracefs, functions, counting, types, events }: Attachment,
  {
    sealer,
    mark,
    run,
  }: { readonly sealer: Sealer; readonly mark: string; readonly run: TracerRun },
): Promise<Child> {
  const { bpftrace, passEnvironment, ports, budget, relays } = options;
  const program = assembleProgram(plan.files, {
    ports: [...ports, ...sealer.ports],
    budget,
    relays,
    owner: process.pid,
    finalPort: sealer.finalPort,
    tunnels: options.tunnels ?? true,
    counting,
    mark,
  });
  return startChild({
    bpftrace,
    program,
    tracefs,
    functions,
    events,
    // fentry needs the numbers that the kernel itself gives to its types.
    types: plan.profile === 'fentry' ? null : types,
    environment: {
      TRACE_FLOW_TRACER: await readOwnIdentity(),
      ...ENVIRONMENT,
      BPFTRACE_PERF_RB_PAGES: String(countPages(readBufferFacts(version))),
    },
    passEnvironment,
    onLine: (line) => run.read(line),
  });
}

function explainNoKprobes(): UserError {
  return new UserError('this kernel lets none of its functions be probed', {
    code: 'no-kprobes',
    exit: 1,
    remedy:
      'trace with --probes tracepoint, which proves the same verdicts; functions need a kernel with CONFIG_KPROBES and CONFIG_FUNCTION_TRACER',
  });
}

const ENVIRONMENT: Readonly<Record<string, string>> = {
  // Both spellings: before and since bpftrace 0.19.
  BPFTRACE_MAP_KEYS_MAX: '32768',
  BPFTRACE_MAX_MAP_KEYS: '32768',
};

/** Pid and start time, by which `doctor` recognizes a tracer that has lost its owner (see host/tracers). */
async function readOwnIdentity(): Promise<string> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return `${process.pid}:${fields[19] ?? ''}`;
}

function checkSight(plan: ProbePlan): void {
  const blind = plan.missing.filter((probe) => probe.startsWith('tracepoint:net:'));
  if (blind.length === 0) return;
  throw new UserError(`this kernel lacks ${blind.join(' and ')}, without which no packet is seen`, {
    code: 'no-tracepoints',
    exit: 1,
    remedy:
      'use a kernel with CONFIG_TRACEPOINTS and CONFIG_NET; trace-flow doctor lists what is there',
  });
}
