/** Runs a live trace: plan, program, start, seal, events, seal, stop. */
import { execa } from 'execa';
import { readFile } from 'node:fs/promises';
import type { TraceEvent } from '../../model/event.js';
import { cleanEnvironment } from '../../model/environment.js';
import { UserError } from '../../model/errors.js';
import { startChild, type Child, type ChildExit } from './child.js';
import { attachDeepest } from './deepest.js';
import { explainExit } from './failure.js';
import { wordFor, type FentryWord } from './fentry.js';
import { finishTrace, type Running, type TracerEnd } from './finish.js';
import type { Formats } from './formats.js';
import { planProbes, PROBE_FILES, type ProbePlan, type PlanInput } from './plan.js';
import { functionsOf, type ProbeFile } from './probe-file.js';
import { assembleProgram } from './program.js';
import { RAW_FUNCTIONS, rawSupportOf } from './raw.js';
import { checkRoom, findShortage } from './room.js';
import { TracerRun } from './run.js';
import { pause, SEAL_PAUSE, Sealer, SealWatch, signsOf, type SealAttempt } from './seal.js';
import { readSkips } from './skips.js';
import { readTracefs } from './tracefs.js';

export type { TracerEnd } from './finish.js';

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
  /** Which probes to use: `auto`, the default, takes the deepest that the kernel and bpftrace offer. */
  readonly profile?: ProbeProfile;
  /** Passes the caller's environment on to bpftrace, BPFTRACE_* included. */
  readonly passEnvironment?: boolean | undefined;
}

export type ProbeProfile = 'auto' | 'tracepoint' | 'kprobe' | 'fentry';

export interface Tracer {
  readonly plan: ProbePlan;
  /** Wall-clock nanoseconds of event time 0. */
  readonly epoch: bigint;
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
  const { profile = 'auto', copyingRelays } = options;
  checkRoom();
  const files = await readProbeFiles(options.probes);
  const wanted = profile === 'tracepoint' ? [] : files.flatMap(functionsOf);
  const [{ formats, tracefs }, version] = await Promise.all([
    readTracefs(wanted),
    readVersion(options.bpftrace),
  ]);
  const { tracepoints: available, functions } = formats;
  if ((profile === 'kprobe' || profile === 'fentry') && functions.size === 0)
    throw explainNoKprobes();
  const { raw, list } = rawSupportOf(version);
  const listed = list && !formats.listed ? [...RAW_FUNCTIONS, ...functions] : null;
  const begin = (raw: boolean): Promise<Tracer> => {
    const shallow = { files, available, copyingRelays, raw };
    const plans = listPlans(shallow, { functions, fentry: wordFor(version), profile });
    checkSight(plans[0]);
    return attachDeepest(plans, async (plan, notes) => {
      options.signal.throwIfAborted();
      return attach(options, { plan, formats, tracefs, notes, functions: raw ? listed : null });
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

/** Milliseconds for `bpftrace --version`: a few are usual, an emulated machine takes seconds. */
const VERSION_PATIENCE = 30_000;
/** Milliseconds until the probes must be live on a machine of the usual kind. */
const USUAL_PATIENCE = 60_000;
const MOST_SLOWNESS = 5;

interface Attachment {
  readonly plan: ProbePlan;
  readonly formats: Formats;
  readonly tracefs: string | null;
  /** See ChildOptions.functions. */
  readonly functions: readonly string[] | null;
  /** What the report says about how the probes were attached. */
  readonly notes: readonly string[];
}

async function attach(options: TracerOptions, attachment: Attachment): Promise<Tracer> {
  const { plan, formats, tracefs, notes, functions } = attachment;
  const sealer = await Sealer.create(options.ports);
  let child: Child | null = null;
  try {
    const program = assembleProgram(plan.files, {
      ports: [...options.ports, ...sealer.ports],
      budget: options.budget,
      relays: options.relays,
      owner: process.pid,
      finalPort: sealer.finalPort,
    });
    const watch = new SealWatch(sealer.ports, signsOf(plan.files), options.ports);
    const run = new TracerRun(formats, watch, options);
    child = startChild({
      bpftrace: options.bpftrace,
      program,
      tracefs,
      functions,
      environment: {
        TRACE_FLOW_TRACER: await readOwnIdentity(),
        ...ENVIRONMENT,
      },
      passEnvironment: options.passEnvironment,
      onLine: (line) => run.read(line),
    });
    const parts = { sealer, watch, run, child };
    const first = await sealUntil(parts, options);
    const running: Running = { ...parts, skipsBefore: await readSkips(child.pid) };
    run.open(first);
    return {
      plan,
      epoch: first.attempt.wall - BigInt(Math.round(first.time)),
      died: child.exited,
      shortage: findShortage,
      finish: async () => {
        const end = await finishTrace(running, slownessOf(options));
        return { ...end, notes: [...end.notes, ...notes] };
      },
    };
  } catch (error) {
    sealer.close();
    await child?.stop(0);
    throw error;
  }
}

/** More patience than usual means a slow machine, on which a seal's events take longer to arrive as well. */
function slownessOf({ patience }: TracerOptions): number {
  return Math.min(MOST_SLOWNESS, Math.max(1, patience / USUAL_PATIENCE));
}

/** A bpftrace that does not print its version fails with a better explanation when it starts. */
async function readVersion(bpftrace: string): Promise<string> {
  const { stdout } = await execa(bpftrace, ['--version'], {
    reject: false,
    stdin: 'ignore',
    timeout: VERSION_PATIENCE,
    ...CLEAN,
  });
  return stdout;
}

function explainNoKprobes(): UserError {
  return new UserError('this kernel lets none of its functions be probed', {
    code: 'no-kprobes',
    exit: 1,
    remedy:
      'trace with --probes tracepoint, which proves the same verdicts; functions need a kernel with CONFIG_KPROBES and CONFIG_FUNCTION_TRACER',
  });
}

/** No setting of the caller reaches bpftrace unless requested. */
const CLEAN = {
  env: cleanEnvironment(process.env['PATH'], process.getuid?.() === 0),
  extendEnv: false,
} as const;

const ENVIRONMENT: Readonly<Record<string, string>> = {
  // Both spellings: before and since bpftrace 0.19.
  BPFTRACE_MAP_KEYS_MAX: '32768',
  BPFTRACE_MAX_MAP_KEYS: '32768',
  BPFTRACE_PERF_RB_PAGES: '512',
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

interface HeldSeal {
  readonly attempt: SealAttempt;
  readonly time: number;
}

/**
 * Tries seals until one is complete. Throws when the child ends, the patience runs out, or the signal aborts.
 * The patience starts anew when the program has begun: a slow start leaves the seal its full time.
 */
async function sealUntil(
  parts: Omit<Running, 'skipsBefore'>,
  options: TracerOptions,
): Promise<HeldSeal> {
  const { sealer, watch, run, child } = parts;
  let exit: ChildExit | null = null;
  void child.exited.then((how) => (exit = how));
  let deadline = performance.now() + options.patience;
  let missing = 'the start of the program';
  let hasBegun = false;
  while (performance.now() < deadline) {
    options.signal.throwIfAborted();
    if (exit !== null) throw explainExit(exit);
    if (!run.begun) {
      await pause(SEAL_PAUSE);
      continue;
    }
    if (!hasBegun) deadline = performance.now() + options.patience;
    hasBegun = true;
    const before = watch.drops;
    const attempt = await sealer.attempt();
    if (attempt === null) {
      missing = 'the connection itself, which something on this machine prevents';
      await pause(SEAL_PAUSE);
      continue;
    }
    for (let waited = 0; waited < 10 * slownessOf(options); waited += 1) {
      const signs = watch.missing(attempt.port, before);
      const time = watch.timeOf(attempt.port);
      if (signs.length === 0 && time !== null) return { attempt, time };
      missing = signs.join(', ');
      await pause(SEAL_PAUSE);
    }
  }
  const seconds = options.patience / 1000;
  throw new UserError(
    `the probes did not report a connection of our own over loopback within ${seconds} s: missing ${missing}`,
    { code: 'not-ready', exit: 1, remedy: 'see what this machine lacks with: trace-flow doctor' },
  );
}

async function readProbeFiles(folder: string): Promise<ProbeFile[]> {
  return Promise.all(
    PROBE_FILES.map(async (name) => ({ name, text: await readFile(`${folder}/${name}`, 'utf8') })),
  );
}
