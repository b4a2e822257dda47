/** Decides which probe files a trace uses, from what the kernel offers and what there is to see. */
import { useFentry, type FentryWord } from './fentry.js';
import { functionsOf, tracepointsOf, withoutFunctions, type ProbeFile } from './program.js';

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
}

/**
 * Files in the order of the program. The first and the last hold probes that the seal makes fire: as bpftrace
 * attaches in order, one way or the other, those in between (splice, which the seal cannot make fire) are
 * attached when both have reported. Without the hops nothing can be proved.
 */
const ORDER: readonly { name: string; wanted: (input: PlanInput) => boolean }[] = [
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
  for (const { name, wanted } of ORDER) {
    const file = input.files.find((candidate) => candidate.name === name);
    if (!file || !wanted(input)) continue;
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
  };
}

function hasFunctions({ functions }: PlanInput): boolean {
  return functions !== undefined && functions.size > 0;
}

function always(): boolean {
  return true;
}
