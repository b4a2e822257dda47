/** A whole trace: what was asked, what the host looked like, what was seen, and how complete that is. */
import type { ReadonlyOf } from './address-schemas.js';
import type { CaptureFacts } from './conversation.js';
import type { TraceEvent } from './event.js';
import type { WITNESSES } from './kernel-names.js';
import type { RuleSurvey } from './survey.js';
import type { checkpointSchema, headerSchema, tailSchema } from './trace-schemas.js';

export { WITNESSES } from './kernel-names.js';

export type Witness = (typeof WITNESSES)[number];

export interface TraceHeader extends ReadonlyOf<typeof headerSchema> {
  /** Wall-clock nanoseconds since 1970 of event time 0. */
  readonly epoch: bigint;
  /** Left out where the rules were not read; then nothing is predicted. */
  readonly survey?: RuleSurvey;
}

/** A part of a trace of which every event has come. */
export type Checkpoint = ReadonlyOf<typeof checkpointSchema>;

export type TraceTail = ReadonlyOf<typeof tailSchema>;

/** The same trace with another header. Lazy fields stay lazy. */
export function withHeader(trace: Trace, header: TraceHeader): Trace {
  const fields = Object.getOwnPropertyDescriptors(trace);
  const own = { ...fields, header: { value: header, enumerable: true } };
  return Object.defineProperties({}, own) as Trace;
}

export interface Trace {
  readonly source: 'live' | 'capture' | 'recording';
  readonly header: TraceHeader;
  /** In order of time. */
  readonly events: readonly TraceEvent[];
  readonly tail: TraceTail;
  /** Some events were freed: what they showed is only in the report. */
  readonly partial?: true;
  /** What a capture shows in addition to its packets; only for captures. */
  readonly capture?: CaptureFacts | undefined;
}
