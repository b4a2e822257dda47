/** Replaces tracepoints by raw tracepoints in probe files: the kernel does not skip one that interrupts another. */
import type { ProbeFile } from './probe-file.js';
import { isSince } from './version.js';

/** Stays set when the socket is unbound and its own port becomes 0. */
const SPORT = 'bswap(((struct inet_sock *)arg0)->inet_sport)';
const DPORT = 'bswap(((struct sock *)arg0)->__sk_common.skc_dport)';

/**
 * Arguments of raw tracepoints, by the fields of the tracepoint that the probe files read. Source: the TP_PROTO of each
 * in include/trace/events of Linux 5.17 to 6.18; kernels differ only in further arguments after these.
 */
const ARGUMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'net:netif_receive_skb': { skbaddr: 'arg0' },
  'net:net_dev_queue': { skbaddr: 'arg0' },
  'skb:kfree_skb': { skbaddr: 'arg0', location: 'arg1', reason: 'arg2' },
  'sock:inet_sock_set_state': {
    skaddr: 'arg0',
    oldstate: 'arg1',
    newstate: 'arg2',
    protocol: '((struct sock *)arg0)->sk_protocol',
    sport: SPORT,
    dport: DPORT,
  },
  'tcp:tcp_send_reset': { skaddr: 'arg0', skbaddr: 'arg1' },
  'tcp:tcp_retransmit_skb': {
    skaddr: 'arg0',
    skbaddr: 'arg1',
    state: '((struct sock *)arg0)->__sk_common.skc_state',
    sport: SPORT,
    dport: DPORT,
  },
};

/** The words of the arguments, which name types. */
export const RAW_WORDS = Object.values(ARGUMENTS).flatMap(Object.values).join('\n');

/** The first version whose raw tracepoints take `arg0` under the tracepoint's own name. */
const RAW_SINCE = [0, 23] as const;
/** The first version that reads the traceable functions from a file when the kernel has no list of them. */
const LIST_SINCE = [0, 27] as const;

export interface RawSupport {
  readonly raw: boolean;
  /** Whether it takes a list of the kernel's functions. */
  readonly list: boolean;
}

/** What this bpftrace can do with raw tracepoints; `version` is what `bpftrace --version` prints. */
export function rawSupportOf(version: string): RawSupport {
  return { raw: isSince(version, RAW_SINCE), list: isSince(version, LIST_SINCE) };
}

/** Kernel functions that bpftrace has to find in order to attach the raw tracepoints that `useRaw` uses. */
export const RAW_FUNCTIONS: readonly string[] = Object.keys(ARGUMENTS).map(
  (point) => `__traceiter_${nameOf(point)}`,
);

/** The probe that replaces a tracepoint (`category:name`) in a file from `useRaw`. */
export function toRawProbe(point: string): string {
  return point in ARGUMENTS ? `rawtracepoint:${nameOf(point)}` : `tracepoint:${point}`;
}

/** The file with raw tracepoints where their arguments are known. Throws RangeError if a probe reads another field. */
export function useRaw(file: ProbeFile): ProbeFile {
  const text = file.text.replaceAll(
    /^tracepoint:(\w+:\w+)\n((?:\/.*\n)?\{\n[\s\S]*?^\}\n)/gm,
    (block, point: string, body: string) => {
      const fields = ARGUMENTS[point];
      return fields ? `${toRawProbe(point)}\n${nameArguments(body, fields, file.name)}` : block;
    },
  );
  return { name: file.name, text };
}

function nameArguments(body: string, fields: Readonly<Record<string, string>>, file: string) {
  return body.replaceAll(/\bargs->(\w+)/g, (_, field: string) => {
    const argument = fields[field];
    if (argument === undefined) throw new RangeError(`${file}: no raw argument for ${field}`);
    return argument;
  });
}

function nameOf(point: string): string {
  return point.split(':')[1] ?? '';
}
