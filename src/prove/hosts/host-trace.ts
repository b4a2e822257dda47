/** Types for one host of several: its trace, with clock and event numbers common to all, and its judged connections. */
import type { Part } from '../../correlate/hosts/chains.js';
import type { ClockSetting } from '../../correlate/hosts/clocks.js';
import type { ConnectionFacts, Judged, TraceCoverage } from '../../model/judgement.js';
import type { Connection } from '../../model/report.js';
import type { Trace } from '../../model/trace.js';

export interface NamedTrace {
  readonly name: string;
  readonly trace: Trace;
}

export interface HostTrace extends NamedTrace {
  /** Null where no packet ties its clock to the first host's. */
  readonly clock: ClockSetting | null;
  readonly coverage: TraceCoverage;
}

/** One host's view of a connection, judged on its own. */
export interface JudgedPart {
  readonly part: Part;
  readonly host: HostTrace;
  readonly facts: ConnectionFacts;
  /** That by which it is judged: of the complete part of the trace that it lies in, else of the whole trace. */
  readonly coverage: TraceCoverage;
  readonly judged: Judged;
  readonly connection: Connection;
}
