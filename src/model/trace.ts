/** A whole trace: what was asked, what the host looked like, what was seen, and how complete that is. */
import type { CaptureFacts } from './conversation.js';
import type { TraceEvent } from './event.js';
import type { RuleTrace } from './rule-trace.js';
import type { Survey } from './survey.js';
import type { Target } from './target.js';
import type { Topology } from './topology.js';

/**
 * What the probes would have reported if it had happened, which a claim that it did not rests on: `accepts` and dials of
 * processes of the host, `copies` (what they read and write on the flow's sockets), `asides` (what they read and write
 * elsewhere meanwhile, and calls that no probe follows).
 */
export const WITNESSES = ['accepts', 'copies', 'asides'] as const;

export type Witness = (typeof WITNESSES)[number];

export interface TraceHeader {
  /** Version of the program that took it. */
  readonly program: string;
  /** Wall-clock nanoseconds since 1970 of event time 0. */
  readonly epoch: bigint;
  readonly target: Target;
  /** Only connections of this client, if one was named. */
  readonly client: string | null;
  readonly topology: Topology;
  readonly probes: {
    readonly attached: readonly string[];
    readonly missing: readonly string[];
    readonly profile?: 'tracepoint' | 'kprobe' | 'fentry' | undefined;
    /** Left out by recordings before version 0.2: nobody told then. */
    readonly witnesses?: readonly Witness[] | undefined;
  };
  /**
   * Packets listed per direction and device of a TCP connection; later ones but SYN, FIN and RST are left out, uncounted.
   * Missing in captures, and in recordings before 0.2, which count the packets that they leave out.
   */
  readonly budget?: number | undefined;
  /** Left out where the rules were not read; then nothing is predicted. */
  readonly survey?: Survey;
}

export interface TraceTail {
  readonly lostEvents: number;
  /** Runs of packet probes that the kernel left out while another probe ran on that processor; only where there were any. */
  readonly skippedRuns?: number | undefined;
  readonly unparsedPackets: number;
  /** The source ended before its end. */
  readonly truncated: boolean;
  /** Both seals held, see docs/how-it-works.md. */
  readonly sealed: boolean;
  /** What else limits the trace, one sentence each. */
  readonly notes: readonly string[];
  /** Rules that first packets met; only where they were traced. */
  readonly rules?: readonly RuleTrace[] | undefined;
}

/** The same trace with another header. What of it is made when it is looked at is not made by this. */
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
  /** What a capture tells beside its packets; only there. */
  readonly capture?: CaptureFacts | undefined;
}
