/** Seals a live trace and puts together what is known only at its end. */
import type { Tracer, TracerEnd } from '../capture/bpftrace/tracer.js';
import type { RuleTraceEnd } from '../capture/nftrace/rule-tracer.js';
import { compareClocks, readClocks, type ClockReading } from '../host/clocks.js';
import type { TraceEvent, Unnumbered } from '../model/event.js';
import type { RuleSurvey } from '../model/survey.js';
import type { TraceHeader, TraceTail } from '../model/trace.js';
import { MAX_EVENTS, type Intake } from './intake.js';
import { isKnown, mergeTopologies } from './merge.js';
import { readOpenSums } from './open-sums.js';
import type { Prepared } from './prepare.js';
import type { RecordingEnd } from './recorder.js';
import type { RuleTracing } from './rule-tracing.js';
import type { TraceEffects } from './trace-request.js';

/** What the running trace hands over. */
export interface Ending {
  readonly rules: RuleTracing;
  readonly prepared: Prepared;
  readonly intake: Intake;
  readonly tracer: Tracer;
  readonly survey: RuleSurvey | null;
  readonly header: TraceHeader;
  /** The clocks when the probes were live, and the trace's time then. */
  readonly clocks: ClockReading;
  readonly from: number;
  readonly shortage: string | null;
}

/** Seals the trace and puts together what is known only at its end. */
export async function collect(
  { progress }: TraceEffects,
  { rules, prepared, intake, tracer, survey, header, clocks, from, shortage }: Ending,
): Promise<{ readonly end: TracerEnd; readonly last: RecordingEnd }> {
  const { topology: before, readTopology, target, surveyor } = prepared;
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
    : mergeTopologies(intake.topology, await readTopology(undefined).catch(() => intake.topology));
  const notes = [...(shortage === null ? [] : [shortage]), ...compareClocks(clocks, readClocks())];
  const last = {
    header: { ...header, topology, ...(surveyed && { survey: surveyed }) },
    sums: numberRemainder([...end.remainder, ...open], intake.lastId),
    tail: {
      ...makeTail(end, intake.full, met, notes),
      ...(end.sealed && { span }),
      ...(intake.complete.length > 0 && { complete: intake.complete }),
    },
  };
  return { end, last };
}

/** Numbers what was read at the end, after the last event. */
function numberRemainder(remainder: readonly Unnumbered[], last: number): TraceEvent[] {
  let id = last;
  return remainder.map((event) => ({ ...event, id: (id += 1) }));
}

function makeTail(
  end: TracerEnd,
  truncated: boolean,
  met: RuleTraceEnd | null,
  more: readonly string[],
): TraceTail {
  const full = truncated ? [`the trace ended by itself after ${MAX_EVENTS} events`] : [];
  return {
    lostEvents: end.lost,
    ...(end.skipped !== null && end.skipped > 0 && { skippedRuns: end.skipped }),
    unparsedPackets: 0,
    truncated,
    sealed: end.sealed,
    notes: [...end.notes, ...full, ...more, ...(met?.notes ?? [])],
    ...(met && { rules: met.traces }),
  };
}
