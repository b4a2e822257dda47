/** Runs the live trace: maps the host, starts the probes, lets the traffic run, seals, judges, reports. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbeProfile, Tracer } from '../capture/bpftrace/tracer.js';
import { compareClocks, readClocks } from '../host/clocks.js';
import { readRights } from '../host/rights.js';
import { UserError } from '../model/errors.js';
import type { TraceEvent } from '../model/event.js';
import type { Connection, Report } from '../model/report.js';
import { resolvePorts, type TargetQuery } from '../model/target.js';
import type { Topology } from '../model/topology.js';
import type { Trace } from '../model/trace.js';
import { HOPS } from '../prove/analyse.js';
import { runInNamespace } from './command.js';
import { Intake } from './intake.js';
import { isKnown, mergeTopologies } from './merge.js';
import { hasCopyingRelay, listRelays } from './listening.js';
import { probesFolder } from './places.js';
import { readOpenSums } from './open-sums.js';
import type { Progress } from './progress.js';
import type { Recorder } from './recorder.js';
import { RuleTracing } from './rule-tracing.js';
import { ConnectionTally } from './tally.js';
import { makeTail, numberRemainder } from './trace-end.js';

export interface TraceRequest {
  readonly query: TargetQuery;
  readonly client: string | null;
  readonly netns: string;
  readonly dockerHost: string | undefined;
  /** Seconds; undefined for no limit. */
  readonly duration: number | undefined;
  /** The trace ends when this many connections have ended. */
  readonly connections: number | undefined;
  /** Runs during the trace; the trace ends with it. */
  readonly command: readonly string[];
  readonly budget: number;
  /** Hops per connection in the report; null for all. */
  readonly hops: number | null;
  readonly bpftrace: string;
  /** Which probes; `auto` unless given. */
  readonly profile?: ProbeProfile;
  /** Lets nftables report which rules first packets meet. This adds a table of our own to the host. */
  readonly traceRules?: boolean;
  /** Passes the caller's environment to bpftrace, BPFTRACE_* included. */
  readonly passEnvironment?: boolean;
  /** Milliseconds that the probes may take until they are live; a minute unless given. */
  readonly patience?: number;
  readonly program: string;
}

/** Default values of a request. */
export const DEFAULT_REQUEST: TraceRequest = {
  query: {},
  client: null,
  netns: 'self',
  dockerHost: undefined,
  duration: undefined,
  connections: undefined,
  command: [],
  budget: 16,
  hops: HOPS,
  bpftrace: 'bpftrace',
  program: 'trace-flow',
};

export interface TraceEffects {
  readonly progress: Progress;
  /** For streams: called with every event as it arrives, and every connection as it ends, possibly more than once. */
  readonly onEvent: ((event: TraceEvent) => void) | null;
  readonly onConnection: ((connection: Connection) => void) | null;
  /** Called once with every connection that is released while the trace runs; the others come with the report. */
  readonly onOver?: ((connection: Connection) => void) | undefined;
  /** Called with the number of events that are known to be lost by now. */
  readonly onLost?: ((total: number) => void) | undefined;
  /** Released connections are not kept for the report, because nothing uses it. */
  readonly forgets?: boolean | undefined;
  /** Connections are drawn before they end, too. */
  readonly watches: boolean;
  /** Keeps every event in memory, because an output needs them all. */
  readonly wholeTrace: boolean;
  /** Records every event as it arrives, if asked for. */
  readonly recorder: Recorder | null;
  /** Ends the trace, which still reports. */
  readonly stop: AbortSignal;
  /** Called as soon as the report can be made, most of a second before everything is closed. */
  readonly onReport: (report: Report, trace: Trace, rest: readonly Connection[]) => Promise<void>;
}

export interface TraceResult {
  readonly report: Report;
  /** Why tracing itself failed half-way, if it did. */
  readonly trouble: string | null;
  /** Number of released connections that are not in the report. */
  readonly forgotten: number;
}

/** Milliseconds that open connections get to close after the command's end. */
const LINGER = 300;
const TICK = 100;
/** Milliseconds between two checks of the space for the probes' output. */
const LOOK = 500;
/** Milliseconds until the probes must be live: two seconds are usual, a slow or busy machine takes many times that. */
const PATIENCE = 60_000;
/** Milliseconds for the engine's answer, and for looking into all namespaces. */
const DOCKER_PATIENCE = 2_000;
const TOPOLOGY_PATIENCE = 5_000;

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
  const { progress, stop } = effects;
  const topologyOf = await openTopology(request);
  const { startSurvey } = await import('./survey.js');
  const surveyor = startSurvey(request.netns, stop, (text) => progress.warn(text));
  const before = await topologyOf(stop);
  for (const problem of before.problems) progress.warn(problem);
  const mappings = await surveyor.mappings(before);
  const target = resolvePorts(before, { ...request.query, mappings });

  const intake = new Intake(before, {
    onEvent: (event) => {
      effects.recorder?.add(event);
      effects.onEvent?.(event);
    },
    readTopology: async () => topologyOf(undefined),
  });
  const { startTracer } = await import('../capture/bpftrace/tracer.js');
  const surveying = surveyor.before(target.ports);
  if (request.traceRules) {
    await surveying; // so that it does not find our own table
    await rules.start(request.netns, target, (text) => progress.warn(text));
  }
  const tracer = await startTracer({
    ports: target.ports,
    budget: request.budget,
    relays: listRelays(before, target),
    copyingRelays: hasCopyingRelay(before, target),
    probes: probesFolder,
    bpftrace: request.bpftrace,
    patience: request.patience ?? PATIENCE,
    profile: request.profile ?? 'auto',
    passEnvironment: request.passEnvironment,
    signal: stop,
    onLost: (count) => {
      progress.lost(count);
      intake.noteLost(count);
      effects.onLost?.(count);
    },
    onEvent: (event) => intake.take(event),
    onCheckpoint: (checkpoint) => {
      intake.noteCheckpoint(checkpoint);
      effects.recorder?.addCheckpoint(checkpoint);
    },
  });
  const survey = await surveying;
  const header = {
    program: request.program,
    epoch: tracer.epoch,
    target,
    client: request.client,
    topology: before,
    probes: {
      attached: tracer.plan.attached,
      missing: tracer.plan.missing,
      profile: tracer.plan.profile,
      witnesses: tracer.plan.witnesses,
    },
    budget: request.budget,
  };
  const wholeTrace = effects.wholeTrace || request.traceRules === true;
  const { analysis, early } = intake.begin(header, {
    hops: request.hops,
    wholeTrace,
    forgets: effects.forgets === true,
    checkpoints: tracer.checkpoints,
  });
  await effects.recorder?.begin(header, early);
  const clocks = readClocks();
  // Where checkpoints make connections final, none is told before. Where everything is kept, none is let go.
  const isFinalOnly = tracer.checkpoints && !wholeTrace;
  const tally = new ConnectionTally({
    analysis,
    clock: () => intake.now(),
    wanted: effects.watches
      ? 'all'
      : isFinalOnly || effects.onConnection === null
        ? 'none'
        : 'ended',
    isFinalOnly,
    onEnded: (connection) => effects.onConnection?.(connection),
    onOver: (connection) => effects.onOver?.(connection),
  });
  const from = timeSince(tracer.epoch);
  progress.ready(target.asked, tracer.plan.missing);

  const shortage = await waitForEnd(request, effects, tracer, { tally, intake });
  progress.stopping();
  // By the monotonic clock, as the events' own times: setting the wall clock lengthens no span.
  const span = { from, to: from + Math.floor((readClocks().awake - clocks.awake) * 1e6) };
  // Before the last seal, because a socket that closes meanwhile reports its sums itself.
  const open = await readOpenSums(intake, target.ports);
  const [end, [met, surveyed]] = await Promise.all([
    tracer.finish(),
    rules
      .stop()
      .then(async (met) => [met, survey && (await surveyor.after(survey, target.ports))] as const),
  ]);
  progress.finished(end.lost);
  const topology = isKnown(before, intake.namespaces)
    ? before
    : mergeTopologies(intake.topology, await topologyOf(undefined).catch(() => intake.topology));
  const last = {
    header: { ...header, topology, ...(surveyed && { survey: surveyed }) },
    sums: numberRemainder([...end.remainder, ...open], intake.lastId),
    tail: {
      ...makeTail(end, intake.full, met, [
        ...(shortage === null ? [] : [shortage]),
        ...compareClocks(clocks, readClocks()),
      ]),
      ...(end.sealed && { span }),
      ...(intake.complete.length > 0 && { complete: intake.complete }),
    },
  };
  // The recording comes first: it is kept even if the report fails.
  await effects.recorder?.finish(last);
  const { report, trace, rest } = analysis.finish({ source: 'live', ...last });
  await effects.onReport(report, trace, rest);
  await end.closed;
  const forgotten = effects.forgets === true ? analysis.settled : 0;
  return { report, trouble: end.died ?? shortage, forgotten };
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

async function openTopology(
  request: TraceRequest,
): Promise<(signal: AbortSignal | undefined) => Promise<Topology>> {
  const { readTopology } = await import('../host/topology.js');
  const { netns, dockerHost, patience = PATIENCE } = request;
  // Users give the probes more time on a slow machine, where everything else takes longer too.
  const slow = Math.max(1, patience / PATIENCE);
  const limits = { dockerTimeout: DOCKER_PATIENCE * slow, budget: TOPOLOGY_PATIENCE * slow };
  return async (signal) => readTopology({ netns, dockerHost, signal, ...limits });
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
  let commandEnded: number | null = null;
  void tracer.died.then(() => (over = true));
  const enough = new AbortController();
  const command =
    request.command.length > 0
      ? runInNamespace(request.netns, request.command, AbortSignal.any([stop, enough.signal])).then(
          (end) => {
            commandEnded = performance.now();
            if (end.how !== null) progress.warn(`the command ${end.how}`);
          },
        )
      : null;
  command?.catch(() => (over = true));
  while (!over && !stop.aborted && !intake.full) {
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
    if (commandEnded !== null) {
      const settled = count.connections > 0 && count.ended === count.connections;
      if (settled || now - commandEnded >= LINGER) break;
    }
  }
  // Whatever ended the trace, the command ends with it.
  enough.abort();
  // If the command cannot be run, its error is thrown after the probes are gone.
  if (command) {
    try {
      await command;
    } catch (error) {
      const end = await tracer.finish();
      await end.closed;
      throw error;
    }
  }
  return shortage;
}

/** The trace's time now, in nanoseconds, exact to the millisecond. */
function timeSince(epoch: bigint): number {
  return Number(BigInt(Date.now()) * 1_000_000n - epoch);
}
