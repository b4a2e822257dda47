/** What a live trace is asked to do, and whom it tells what it sees. */
import type { ProbeProfile } from '../capture/bpftrace/tracer.js';
import { HOPS } from '../model/default-hops.js';
import type { TraceEvent } from '../model/event.js';
import type { Connection, Report } from '../model/report.js';
import type { TargetQuery } from '../model/target.js';
import type { Trace } from '../model/trace.js';
import type { Progress } from './progress.js';
import type { Recorder } from './recorder.js';

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

/** Milliseconds until the probes must be live: two seconds are usual, a slow or busy machine takes many times that. */
export const PATIENCE = 60_000;
