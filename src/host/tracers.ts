/** Finds and ends tracers that trace-flow lost: their environment has its mark, and their owner has ended. */
import { parseNulList, listPids, readCommandName, readLink, readText } from './procfs.js';

/** In a tracer's environment: `PID` or `PID:STARTTIME` of the trace-flow that owns it. */
const MARK = 'TRACE_FLOW_TRACER';

export interface StrayTracer {
  readonly pid: number;
  /** Clock ticks since boot: with the pid, the identity of the process. */
  readonly startTime: string;
  /** Pid that its owner had. */
  readonly owner: number;
}

/** Finds marked bpftrace processes whose owner has ended. Ignores other pid namespaces. */
export function findStrayTracers(proc = '/proc'): StrayTracer[] {
  const own = readLink(`${proc}/self/ns/pid`);
  return listPids(proc).flatMap((pid) => {
    if (readCommandName(proc, pid) !== 'bpftrace') return [];
    if (readLink(`${proc}/${pid}/ns/pid`) !== own) return [];
    const mark = parseMark(readText(`${proc}/${pid}/environ`) ?? '');
    const startTime = readStartTime(proc, pid);
    if (mark === null || startTime === null || isAlive(proc, mark)) return [];
    return [{ pid, startTime, owner: mark.pid }];
  });
}

interface Owner {
  readonly pid: number;
  readonly startTime: string | null;
}

/** The owner's mark in the text of /proc/PID/environ; null without one. */
export function parseMark(environ: string): Owner | null {
  const entry = parseNulList(environ).find((text) => text.startsWith(`${MARK}=`));
  const match = /=(\d+)(?::(\d+))?$/.exec(entry ?? '');
  return match ? { pid: Number(match[1]), startTime: match[2] ?? null } : null;
}

/** A mark without a start time fits any process with that pid: better to miss a stray than to end a live trace. */
function isAlive(proc: string, owner: Owner): boolean {
  const startTime = readStartTime(proc, owner.pid);
  return startTime !== null && (owner.startTime === null || owner.startTime === startTime);
}

/** Field 22 of /proc/PID/stat; null for a process that is gone or a zombie. */
function readStartTime(proc: string, pid: number): string | null {
  const stat = readText(`${proc}/${pid}/stat`) ?? '';
  // The name in parentheses may itself contain spaces and parentheses.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? null : (fields[18] ?? null);
}

/** Milliseconds that a tracer may take to end by itself. */
const PATIENCE = 2_000;

/** Ends a stray tracer if its pid still belongs to it. @returns whether it is gone */
export async function endTracer(tracer: StrayTracer, proc = '/proc'): Promise<boolean> {
  const isThere = (): boolean => readStartTime(proc, tracer.pid) === tracer.startTime;
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    if (!isThere()) return true;
    try {
      process.kill(tracer.pid, signal);
    } catch {
      return !isThere();
    }
    const end = performance.now() + PATIENCE;
    while (isThere() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return !isThere();
}
