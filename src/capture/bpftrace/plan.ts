/** Decides which probe files a trace uses, from what the kernel offers and what the trace has to see. */
import { useFentry, type FentryWord } from './fentry.js';
import { WITNESSES, type Witness } from '../../model/trace.js';
import { toRawProbe, useRaw } from './raw.js';
import { functionsOf, tracepointsOf, withoutFunctions, type ProbeFile } from './probe-file.js';
import { PROBES, type Condition } from './probes/index.js';

export interface PlanInput {
  readonly files: readonly ProbeFile[];
  /** Tracepoints of this kernel, as `category:name`. */
  readonly available: ReadonlySet<string>;
  /** Functions that kprobes can be set on; empty for a trace that uses only tracepoints. */
  readonly functions?: ReadonlySet<string>;
  /** Probes functions by fentry instead of kprobes; the word is bpftrace's name for it. */
  readonly fentry?: FentryWord;
  /** Uses raw tracepoints where possible: the kernel does not skip them while another probe runs. */
  readonly raw?: boolean;
  /** True when a listener other than docker-proxy may relay bytes by read and write. */
  readonly copyingRelays: boolean;
}

export interface ProbePlan {
  readonly files: readonly ProbeFile[];
  /** Probes by their bpftrace name, e.g. `tracepoint:net:net_dev_queue`. */
  readonly attached: readonly string[];
  readonly missing: readonly string[];
  /** How kernel functions are probed; `tracepoint` when only tracepoints are used. */
  readonly profile: 'tracepoint' | 'kprobe' | 'fentry';
  readonly witnesses: readonly Witness[];
}

const HOLDS: Readonly<Record<Condition, (input: PlanInput) => boolean>> = {
  always: () => true,
  functions: ({ functions }) => functions !== undefined && functions.size > 0,
  'copying-relays': ({ copyingRelays }) => copyingRelays,
};

/** Names of all probe files, to read them from disk. */
export const PROBE_FILES: readonly string[] = PROBES.map(({ file }) => file);

export function planProbes(input: PlanInput): ProbePlan {
  const chosen: ProbeFile[] = [];
  const attached = new Set<string>();
  const missing = new Set<string>();
  let profile: ProbePlan['profile'] = 'tracepoint';
  const { fentry } = input;
  const deep = fentry === undefined ? 'kprobe' : 'fentry';
  const call = (name: string): string => `${deep}:${name}`;
  for (const slice of PROBES) {
    const found = input.files.find((candidate) => candidate.name === slice.file);
    if (!found || !HOLDS[slice.when](input)) continue;
    const file = slice.adapt?.(found, input.available) ?? found;
    const points = tracepointsOf(file);
    const absent = points.filter((point) => !input.available.has(point));
    for (const point of absent) missing.add(`tracepoint:${point}`);
    if (absent.length > 0) continue;
    const functions = functionsOf(file);
    const lacking = functions.filter((one) => !input.functions?.has(one));
    for (const one of lacking) missing.add(call(one));
    // A function may be inlined, or be in a module that is not loaded: the others are still useful.
    if (functions.length > 0 && lacking.length === functions.length) continue;
    const whole = lacking.length > 0 ? withoutFunctions(file, lacking) : file;
    const quick = input.raw ? useRaw(whole) : whole;
    chosen.push(fentry !== undefined && functions.length > 0 ? useFentry(quick, fentry) : quick);
    if (functions.length > 0) profile = deep;
    for (const point of points) {
      attached.add(input.raw ? toRawProbe(point) : `tracepoint:${point}`);
    }
    for (const one of functions) if (!lacking.includes(one)) attached.add(call(one));
  }
  return {
    files: chosen,
    attached: [...attached],
    missing: [...missing],
    profile,
    witnesses: WITNESSES.filter((witness) =>
      PROBES.filter(({ witnesses }) => witnesses.includes(witness)).every((slice) =>
        chosen.some(({ name }) => name === slice.file),
      ),
    ),
  };
}
