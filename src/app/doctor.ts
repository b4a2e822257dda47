/** Checks what this machine can do: reads its state, runs the probes once, and says how to fix what is missing. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readCapabilities } from '../host/capabilities.js';
import {
  checkNeeds,
  checkSurroundings,
  checkTrial,
  NEEDED_PROGRAMS,
  RULE_PROGRAMS,
  summarize,
  type HostFacts,
  type Trial,
} from '../host/checks.js';
import { runCommand } from '../host/command.js';
import { readUserlandProxy } from '../host/relays.js';
import { readTopology } from '../host/topology.js';
import { endTracer, findStrayTracers } from '../host/tracers.js';
import type { Check, DoctorReport } from '../model/doctor.js';
import { UserError } from '../model/errors.js';
import { createPaint } from '../render/terminal/paint.js';

export interface DoctorRequest {
  readonly netns: string | undefined;
  readonly bpftrace: string;
  /** Ends stray tracers and removes stale labs. */
  readonly clean: boolean;
}

const PROBES = fileURLToPath(new URL('../../../probes', import.meta.url));

/** Milliseconds until the trial's probes must be live. */
const TRIAL_PATIENCE = 60_000;
/** The trial traces a port that nobody uses. */
const TRIAL_PORT = 1;

/** Runs all checks. Throws only UserError for a `netns` that does not exist, and the signal's reason. */
export async function examine(request: DoctorRequest, signal: AbortSignal): Promise<DoctorReport> {
  const facts = await readFacts(request, signal);
  signal.throwIfAborted();
  const checks = checkNeeds(facts);
  if (checks.every(({ status }) => status !== 'missing')) {
    checks.push(checkTrial(await tryProbes(request.bpftrace, signal)));
  }
  checks.push(...checkSurroundings(facts));
  const cleaned = request.clean ? await clean(facts) : { tracers: [], labs: [] };
  return composeReport(facts, checks, cleaned);
}

async function readFacts(request: DoctorRequest, signal: AbortSignal): Promise<HostFacts> {
  const tracepoints = await listTracepoints();
  const linux = process.platform === 'linux';
  const [capabilities, topology, staleLabs] = await Promise.all([
    readCapabilities({
      run: runCommand,
      bpftrace: request.bpftrace,
      programs: [...Object.keys(NEEDED_PROGRAMS), ...RULE_PROGRAMS],
      tracepoints,
    }),
    linux ? readTopology({ netns: request.netns, signal }) : null,
    linux ? listStaleLabs() : [],
  ]);
  const strayTracers = linux ? findStrayTracers() : [];
  const userlandProxy = topology ? readUserlandProxy('/proc', topology) : null;
  return { capabilities, tracepoints, topology, userlandProxy, strayTracers, staleLabs };
}

/** Every tracepoint that a probe file attaches to. */
async function listTracepoints(): Promise<string[]> {
  const [{ PROBE_FILES }, { tracepointsOf }] = await Promise.all([
    import('../capture/bpftrace/plan.js'),
    import('../capture/bpftrace/probe-file.js'),
  ]);
  const lists = await Promise.all(
    PROBE_FILES.map(async (name) =>
      tracepointsOf({ name, text: await readFile(`${PROBES}/${name}`, 'utf8') }),
    ),
  );
  return [...new Set(lists.flat())].sort();
}

/** Runs a real trace on a port that nobody uses. It works if the trace is sealed at both ends. */
async function tryProbes(bpftrace: string, signal: AbortSignal): Promise<Trial> {
  const start = performance.now();
  try {
    const { startTracer } = await import('../capture/bpftrace/tracer.js');
    const tracer = await startTracer({
      ports: [TRIAL_PORT],
      budget: 1,
      relays: [],
      copyingRelays: false,
      probes: PROBES,
      bpftrace,
      patience: TRIAL_PATIENCE,
      signal,
      onEvent: () => undefined,
      onLost: () => undefined,
    });
    const milliseconds = Math.round(performance.now() - start);
    const { sealed, notes, closed } = await tracer.finish();
    await closed;
    if (sealed) return { ok: true, milliseconds };
    const remedy = 'try again when the machine is less busy';
    return { ok: false, why: notes.join(' ') || 'its end was not seen', remedy };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    return { ok: false, why: error.message, remedy: error.remedy ?? 'see the message' };
  }
}

async function listStaleLabs(): Promise<string[]> {
  const [{ listLabs, readState }, { readPidWorld }, { isAlive }] = await Promise.all([
    import('../lab/state.js'),
    import('../lab/stale.js'),
    import('../lab/processes.js'),
  ]);
  const [world, { ids }] = await Promise.all([readPidWorld(), listLabs()]);
  const stale = await Promise.all(
    ids.map(async (id) => {
      const state = await readState(id);
      if (!state) return true;
      if (state.bootId !== world.bootId) return true;
      return state.pidNamespace === world.pidNamespace && !(await isAlive(state.owner));
    }),
  );
  return ids.filter((_, index) => stale[index]);
}

async function clean(facts: HostFacts): Promise<DoctorReport['cleaned']> {
  const ended = await Promise.all(
    facts.strayTracers.map(async (tracer) => ((await endTracer(tracer)) ? [tracer.pid] : [])),
  );
  if (facts.staleLabs.length === 0) return { tracers: ended.flat(), labs: [] };
  const { cleanStale } = await import('../lab/index.js');
  return { tracers: ended.flat(), labs: await cleanStale() };
}

function composeReport(
  facts: HostFacts,
  checks: Check[],
  cleaned: DoctorReport['cleaned'],
): DoctorReport {
  const { capabilities, topology } = facts;
  const { tracing } = capabilities;
  const engine = topology?.engine ?? null;
  return {
    schema: 'trace-flow/doctor/1',
    canTrace: checks.every(({ status }) => status !== 'missing'),
    summary: summarize(facts, checks),
    machine: {
      platform: capabilities.platform,
      architecture: capabilities.architecture,
      kernel: capabilities.kernel,
      bpftrace: capabilities.bpftrace.version,
      lockdown: tracing.lockdown,
      kprobes: tracing.kprobes,
      conntrack: capabilities.conntrack,
      missingTracepoints: facts.tracepoints.filter((name) => !tracing.tracepoints.has(name)),
    },
    engine: engine && {
      version: engine.version,
      product: engine.product ?? null,
      address: engine.address ?? null,
      userlandProxy: facts.userlandProxy,
      relays: topology?.relays.map(({ pid }) => pid) ?? [],
    },
    checks,
    strayTracers: facts.strayTracers.map(({ pid }) => pid),
    staleLabs: [...facts.staleLabs],
    cleaned,
  };
}

const MARKS = { ok: '✔', warning: '!', missing: '✘' } as const;
const ROLES = { ok: 'good', warning: 'unsure', missing: 'bad' } as const;

/** The report for people: the summary, then a line for each check with its remedy beneath. */
export function renderDoctor(report: DoctorReport, color: boolean): string {
  const paint = createPaint(color);
  const lines = report.checks.flatMap(({ status, finding, remedy }) => [
    `${paint(ROLES[status], MARKS[status])} ${finding.replaceAll('\n', '\n    ')}`,
    ...(remedy === null ? [] : [`    ${paint('dim', '→')} ${remedy}`]),
  ]);
  const { tracers, labs } = report.cleaned;
  const cleaned = [
    ...tracers.map((pid) => `Ended the stray tracer ${pid}.`),
    ...labs.map((id) => `Removed the lab ${id}.`),
  ];
  return [paint('strong', report.summary), '', ...lines, ...cleaned, ''].join('\n');
}
