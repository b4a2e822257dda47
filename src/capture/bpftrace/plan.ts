/** Decides which probe files a trace uses, from what the kernel offers and what there is to see. */
import { useFentry, type FentryWord } from './fentry.js';
import { WITNESSES, type Witness } from '../../model/trace.js';
import {
  functionsOf,
  tracepointsOf,
  withoutFunctions,
  withoutTracepoints,
  type ProbeFile,
} from './program.js';

export interface PlanInput {
  readonly files: readonly ProbeFile[];
  /** Tracepoints of this kernel, as `category:name`. */
  readonly available: ReadonlySet<string>;
  /** Functions that kprobes can be set on; empty for a trace by tracepoints alone. */
  readonly functions?: ReadonlySet<string>;
  /** Probes functions by fentry, which bpftrace calls so, instead of kprobes. */
  readonly fentry?: FentryWord;
  /** True where a listener other than docker-proxy may hand bytes on by read and write. */
  readonly copyingRelays: boolean;
}

export interface Plan {
  readonly files: readonly ProbeFile[];
  /** Probes by their bpftrace name, e.g. `tracepoint:net:net_dev_queue`. */
  readonly attached: readonly string[];
  readonly missing: readonly string[];
  /** By what functions of the kernel are probed beside its tracepoints, if they are. */
  readonly profile: 'tracepoint' | 'kprobe' | 'fentry';
  readonly witnesses: readonly Witness[];
}

interface PlannedFile {
  readonly name: string;
  readonly wanted: (input: PlanInput) => boolean;
  /** Its tracepoints are of calls that some kernels do not have: there is nothing to miss then. */
  readonly optional?: true;
}

/** Probe files that each witness needs. */
const WITNESSED: Readonly<Record<Witness, readonly string[]>> = {
  accepts: ['tcp-states.bt', 'relay.bt'],
  copies: ['relay-copy.bt'],
  asides: ['relay-copy.bt', 'relay-aside.bt', 'relay.bt'],
};

/**
 * Files in the order of the program. The first and the last hold probes that the seal makes fire: as bpftrace
 * attaches in order, one way or the other, those in between (splice, which the seal cannot make fire) are
 * attached when both have reported. Without the hops nothing can be proved.
 */
const ORDER: readonly PlannedFile[] = [
  { name: 'hops-out.bt', wanted: always },
  { name: 'hops-in.bt', wanted: always },
  { name: 'drops.bt', wanted: always },
  { name: 'tcp-states.bt', wanted: always },
  { name: 'tcp-resets.bt', wanted: always },
  { name: 'tcp-retransmits.bt', wanted: always },
  { name: 'nat-hooks.bt', wanted: hasFunctions },
  { name: 'functions.bt', wanted: hasFunctions },
  { name: 'functions-bridge.bt', wanted: hasFunctions },
  { name: 'functions-hooks.bt', wanted: hasFunctions },
  { name: 'relay-copy.bt', wanted: (input) => input.copyingRelays },
  { name: 'relay-aside.bt', wanted: (input) => input.copyingRelays, optional: true },
  { name: 'relay.bt', wanted: always },
];

/** Names of all probe files, for whoever reads them from disk. */
export const PROBE_FILES: readonly string[] = ORDER.map(({ name }) => name);

export function planProbes(input: PlanInput): Plan {
  const chosen: ProbeFile[] = [];
  const attached = new Set<string>();
  const missing = new Set<string>();
  let profile: Plan['profile'] = 'tracepoint';
  const { fentry } = input;
  const deep = fentry === undefined ? 'kprobe' : 'fentry';
  const call = (name: string): string => `${deep}:${name}`;
  for (const { name, wanted, optional } of ORDER) {
    const found = input.files.find((candidate) => candidate.name === name);
    if (!found || !wanted(input)) continue;
    const file = optional ? withoutMissing(found, input.available) : found;
    const points = tracepointsOf(file);
    const absent = points.filter((point) => !input.available.has(point));
    for (const point of absent) missing.add(`tracepoint:${point}`);
    if (absent.length > 0) continue;
    const functions = functionsOf(file);
    const lacking = functions.filter((one) => !input.functions?.has(one));
    for (const one of lacking) missing.add(call(one));
    // A function may be inlined, or in a module that is not loaded: the others still tell something.
    if (functions.length > 0 && lacking.length === functions.length) continue;
    const whole = lacking.length > 0 ? withoutFunctions(file, lacking) : file;
    chosen.push(fentry !== undefined && functions.length > 0 ? useFentry(whole, fentry) : whole);
    if (functions.length > 0) profile = deep;
    for (const point of points) attached.add(`tracepoint:${point}`);
    for (const one of functions) if (!lacking.includes(one)) attached.add(call(one));
  }
  return {
    files: chosen,
    attached: [...attached],
    missing: [...missing],
    profile,
    witnesses: WITNESSES.filter((witness) =>
      WITNESSED[witness].every((name) => chosen.some((file) => file.name === name)),
    ),
  };
}

/** What io_uring is asked for, and its name before 6.3; without either the call tells that it is asked for something. */
const RING_REQUEST = 'io_uring:io_uring_submit_req';
const EARLIER_RING_REQUEST = 'io_uring:io_uring_submit_sqe';
const RING_CALL = 'syscalls:sys_enter_io_uring_enter';

/** Where the kernel tells of calls at all, one without a tracepoint is one that it does not have. */
function withoutMissing(found: ProbeFile, available: ReadonlySet<string>): ProbeFile {
  if (!available.has('syscalls:sys_enter_read')) return found;
  const earlier = !available.has(RING_REQUEST) && available.has(EARLIER_RING_REQUEST);
  const file = earlier
    ? { name: found.name, text: found.text.replaceAll(RING_REQUEST, EARLIER_RING_REQUEST) }
    : found;
  const told = earlier || available.has(RING_REQUEST);
  const absent = tracepointsOf(file).filter(
    (point) => !available.has(point) || (told && point === RING_CALL),
  );
  return absent.length === 0 ? file : withoutTracepoints(file, absent);
}

function hasFunctions({ functions }: PlanInput): boolean {
  return functions !== undefined && functions.size > 0;
}

function always(): boolean {
  return true;
}
