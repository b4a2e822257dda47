/** Runs the live trace: maps the host, starts the probes, lets the traffic run, seals, judges, reports. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tracer } from '../capture/bpftrace/tracer.js';
import { readClocks } from '../host/clocks.js';
import { readRights } from '../host/rights.js';
import { UserError } from '../model/errors.js';
import type { TraceHeader } from '../model/trace.js';
import { CommandBeside } from './command.js';
import { Intake } from './intake.js';
import { hasCopyingRelay, listRelays } from './listening.js';
import { probesFolder } from './places.js';
import { prepare, type Prepared } from './prepare.js';
import { RuleTracing } from './rule-tracing.js';
import { ConnectionTally, type TallyOptions } from './tally.js';
import { collect } from './trace-end.js';
import {
  PATIENCE,
  type TraceEffects,
  type TraceRequest,
  type TraceResult,
} from './trace-request.js';

/** Milliseconds that open connections get to close after the command's end. */
const LINGER = 300;
const TICK = 100;
/** Milliseconds between two checks of the space for the probes' output. */
const LOOK = 500;
export async function runTrace(request: TraceRequest, effects: TraceEffects): Promise<TraceResult> {
  checkMachine((text) => effects.progress.warn(text));
  const rules = new RuleTracing();
  try {
    return await traceBeside(rules, request, effects);
  } finally {
    await rules.stop();
  }
}

async function traceBeside(
  rules: RuleTracing,
  request: TraceRequest,
  effects: TraceEffects,
): Promise<TraceResult> {
  const probes = await prepareProbes(request);
  const prepared = await prepare(rules, request, effects);
  const { topology, target } = prepared;
  const intake = new Intake(topology, {
    onEvent: (event) => {
      effects.recorder?.add(event);
      effects.onEvent?.(event);
    },
    readTopology: async () => prepared.readTopology(undefined),
  });
  const parts = { intake, topology, target, probes };
  const { tracer, IncrementalAnalysis } = await startProbes(request, effects, parts);
  const survey = await prepared.surveying;
  const header = makeHeader(request, tracer, prepared);
  const wholeTrace = effects.wholeTrace || request.traceRules === true;
  const { analysis, early } = intake.begin(header, {
    analyse: (...args) => new IncrementalAnalysis(...args),
    hops: request.hops,
    wholeTrace,
    forgets: effects.forgets === true,
    checkpoints: tracer.checkpoints,
  });
  await effects.recorder?.begin(header, early);
  const clocks = readClocks();
  // Where checkpoints make connections final, none is told before. Where everything is kept, none is let go.
  const isFinalOnly = tracer.checkpoints && !wholeTrace;
  const tally = openTally(effects, { analysis, intake, isFinalOnly });
  const from = timeSince(tracer.epoch);
  effects.progress.ready(target.asked, tracer.plan.missing);

  const shortage = await waitForEnd(request, effects, tracer, { tally, intake });
  const { end, last } = await collect(effects, {
    rules,
    prepared,
    intake,
    tracer,
    survey,
    header,
    clocks,
    from,
    shortage,
  });
  // The recording comes first: it is kept even if the report fails.
  await effects.recorder?.finish(last);
  const { report, trace, rest } = analysis.finish({ source: 'live', ...last });
  await effects.onReport(report, trace, rest);
  await end.closed;
  const forgotten = effects.forgets === true ? analysis.settled : 0;
  return { report, trouble: end.died ?? shortage, forgotten };
}

/** What the probes need beside the topology is read while the code that maps the host is loaded. */
async function prepareProbes({ bpftrace, profile = 'auto' }: TraceRequest) {
  const { readGround } = await import('../capture/bpftrace/ground.js');
  const ground = readGround({ probes: probesFolder, bpftrace, profile });
  // Awaited later: until then a failure is nobody's.
  ground.catch(() => undefined);
  return { ground };
}

interface ProbeStart extends Pick<Prepared, 'topology' | 'target'> {
  readonly intake: Intake;
  readonly probes: Awaited<ReturnType<typeof prepareProbes>>;
}

async function startProbes(
  request: TraceRequest,
  { progress, recorder, onLost, stop }: TraceEffects,
  { intake, topology, target, probes: { ground } }: ProbeStart,
) {
  const { startTracer } = await import('../capture/bpftrace/tracer.js');
  // bpftrace compiles for a second or two: then there is time to load what judges its events.
  let onStarted = (): void => undefined;
  const started = new Promise<void>((resolve) => (onStarted = resolve));
  const analysing = started.then(async () => import('../prove/incremental.js'));
  const tracer = await startTracer({
    ground,
    onStarted,
    ports: target.ports,
    budget: request.budget,
    relays: listRelays(topology, target),
    copyingRelays: hasCopyingRelay(topology, target),
    tunnels: topology.namespaces.some(({ devices }) => devices.some(({ tunnel }) => tunnel)),
    probes: probesFolder,
    bpftrace: request.bpftrace,
    patience: request.patience ?? PATIENCE,
    profile: request.profile ?? 'auto',
    passEnvironment: request.passEnvironment,
    signal: stop,
    onLost: (count) => {
      progress.lost(count);
      intake.noteLost(count);
      onLost?.(count);
    },
    onEvent: (event) => intake.take(event),
    onCheckpoint: (checkpoint) => {
      intake.noteCheckpoint(checkpoint);
      recorder?.addCheckpoint(checkpoint);
    },
  });
  const { IncrementalAnalysis } = await analysing;
  return { tracer, IncrementalAnalysis };
}

function makeHeader(
  { program, client, budget }: TraceRequest,
  { epoch, plan }: Tracer,
  { topology, target }: Prepared,
): TraceHeader {
  const { attached, missing, profile, witnesses } = plan;
  const probes = { attached, missing, profile, witnesses };
  return { program, epoch, target, client, topology, probes, budget };
}

function openTally(
  effects: TraceEffects,
  running: Pick<TallyOptions, 'analysis' | 'isFinalOnly'> & { readonly intake: Intake },
): ConnectionTally {
  const { analysis, isFinalOnly, intake } = running;
  const live = isFinalOnly || effects.onConnection === null ? 'none' : 'ended';
  return new ConnectionTally({
    analysis,
    clock: () => intake.now(),
    wanted: effects.watches ? 'all' : live,
    isFinalOnly,
    onEnded: (connection) => effects.onConnection?.(connection),
    onOver: (connection) => effects.onOver?.(connection),
  });
}

function checkMachine(warn: (text: string) => void): void {
  if (process.platform !== 'linux') {
    throw new UserError('live tracing works on Linux only', {
      code: 'not-linux',
      exit: 1,
      remedy: 'take the capture there, and read it here: trace-flow read FILE',
    });
  }
  const { refusal, limits } = readRights();
  if (refusal) {
    const { code, finding, remedy } = refusal;
    throw new UserError(finding, {
      code,
      exit: 1,
      remedy: `${remedy}; recordings are read without any right: trace-flow read FILE`,
    });
  }
  for (const { finding } of limits) warn(finding);
}

async function waitForEnd(
  request: TraceRequest,
  effects: TraceEffects,
  tracer: Tracer,
  { tally, intake }: { readonly tally: ConnectionTally; readonly intake: Intake },
): Promise<string | null> {
  const { progress, stop } = effects;
  const began = performance.now();
  let over = false;
  let looked = began;
  let shortage: string | null = null;
  void tracer.died.then(() => (over = true));
  const command = new CommandBeside(request.netns, request.command, effects);
  while (!over && !command.failed && !stop.aborted && !intake.full) {
    // The loop's condition handles the abort.
    await sleep(TICK, undefined, { signal: stop }).catch(() => undefined);
    const now = performance.now();
    const count = tally.update(now);
    progress.update(count);
    if (now - looked >= LOOK) {
      looked = now;
      shortage = tracer.shortage();
      if (shortage !== null) break;
    }
    if (request.duration !== undefined && now - began >= request.duration * 1000) break;
    if (request.connections !== undefined && count.ended >= request.connections) break;
    if (command.endedAt !== null) {
      const settled = count.connections > 0 && count.ended === count.connections;
      if (settled || now - command.endedAt >= LINGER) break;
    }
  }
  // Whatever ended the trace, the command ends with it.
  // If it cannot be run, its error is thrown after the probes are gone.
  try {
    await command.finish();
  } catch (error) {
    const end = await tracer.finish();
    await end.closed;
    throw error;
  }
  return shortage;
}

/** The trace's time now, in nanoseconds, exact to the millisecond. */
function timeSince(epoch: bigint): number {
  return Number(BigInt(Date.now()) * 1_000_000n - epoch);
}
