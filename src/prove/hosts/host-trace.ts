/** One host of several: its trace, told in the clock and the numbers of all of them, and what was found in it. */
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

/** One host's view of a connection, judged alone. */
export interface JudgedPart {
  readonly part: Part;
  readonly host: HostTrace;
  readonly facts: ConnectionFacts;
  readonly judged: Judged;
  readonly connection: Connection;
}
