/** Reads from tracefs the kernel's tracepoints, the functions that kprobes can be set on, and names of drop reasons. */

/**
 * Shell script that prints every tracepoint's `category/name`, `kprobe NAME` for each of the functions $2 … that a
 * kprobe can be set on, `listed` when the kernel lists its functions, a blank line, and the format of skb:kfree_skb.
 */
export const FORMATS_SCRIPT =
  'cd "$1/events" || exit 1; for d in net/* skb/* sock/* tcp/* syscalls/* sched/sched_process_fork; do ' +
  '[ -f "$d/format" ] && echo "$d"; done; ' +
  // In older kernels this tracepoint lacks the opcode.
  'for d in io_uring/io_uring_submit_*; do grep -q "u8 opcode" "$d/format" 2>/dev/null && echo "$d"; done; shift; ' +
  'if [ $# -gt 0 ] && [ -e ../kprobe_events ]; then cut -d" " -f1 ../available_filter_functions 2>/dev/null | ' +
  'grep -Fx "$(printf "%s\\n" "$@")" | sort -u | sed "s/^/kprobe /"; fi; ' +
  // On some kernels the file exists but cannot be read.
  'head -c 1 ../available_filter_functions 2>/dev/null | grep -q . && echo listed; ' +
  'echo; cat skb/kfree_skb/format 2>/dev/null || true';

export interface Formats {
  readonly tracepoints: ReadonlySet<string>;
  /** Those of the requested functions that kprobes can be set on; empty when the kernel has no kprobes. */
  readonly functions: ReadonlySet<string>;
  /** Whether this kernel has a list of the functions that can be traced. */
  readonly listed: boolean;
  /** Drop reason by number; empty when the kernel does not report reasons (before 5.17). */
  readonly dropReasons: ReadonlyMap<number, string>;
}

export function parseFormats(output: string): Formats {
  const gap = output.indexOf('\n\n');
  const list = gap < 0 ? output : output.slice(0, gap);
  const format = gap < 0 ? '' : output.slice(gap);
  const tracepoints = new Set(
    list
      .split('\n')
      .filter((line) => /^\w+\/\w+$/.test(line))
      .map((line) => line.replace('/', ':')),
  );
  const functions = new Set(
    list.split('\n').flatMap((line) => /^kprobe (\w+)$/.exec(line)?.[1] ?? []),
  );
  // Before 5.17 the event has no reason; drops.bt reads that field, so the event counts as absent.
  if (!/field:.*\breason;/.test(format)) tracepoints.delete('skb:kfree_skb');
  const symbols = /__print_symbolic\(REC->reason,(.*)\)/.exec(format)?.[1] ?? '';
  const dropReasons = new Map(
    [...symbols.matchAll(/\{\s*(\d+|0x[0-9a-f]+),\s*"(\w+)"\s*\}/g)].map((match) => [
      Number(match[1]),
      (match[2] ?? '').replace(/^SKB_DROP_REASON_/, ''),
    ]),
  );
  const listed = list.split('\n').includes('listed');
  return { tracepoints, functions, listed, dropReasons };
}
