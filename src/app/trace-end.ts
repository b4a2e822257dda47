/** Makes what a recording and a report say of a live trace's end. */
import type { TracerEnd } from '../capture/bpftrace/tracer.js';
import type { RuleTraceEnd } from '../capture/nftrace/rule-tracer.js';
import type { TraceEvent, Unnumbered } from '../model/event.js';
import type { TraceTail } from '../model/trace.js';
import { MAX_EVENTS } from './intake.js';

/** Numbers what was read at the end, after the last event. */
export function numberRemainder(remainder: readonly Unnumbered[], last: number): TraceEvent[] {
  let id = last;
  return remainder.map((event) => ({ ...event, id: (id += 1) }));
}

export function makeTail(
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
