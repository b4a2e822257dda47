/** Checks whether to ignore SIGHUP, as `nohup` asks for. Node does not: it resets signals that its caller ignores. */
import { readFileSync } from 'node:fs';

/** Set by bin/trace-flow, which still sees what Node resets. */
const MARK = 'TRACE_FLOW_NOHUP';

let ignored: boolean | null = null;

/** True when the caller ignores SIGHUP; from then on this process survives it. Cheap after the first call. */
export function isHangupIgnored(): boolean {
  if (ignored !== null) return ignored;
  ignored =
    process.env[MARK] === '1' || startedByNohup(process.env['_']) || ignoresHangup(process.ppid);
  delete process.env[MARK];
  if (ignored) process.on('SIGHUP', () => undefined);
  return ignored;
}

/** Shells set `$_` to the program that they start, and `nohup` does not change it. */
function startedByNohup(program: string | undefined): boolean {
  return program !== undefined && /(^|\/)nohup$/.test(program);
}

/** A parent that ignores SIGHUP has passed that on to us. */
function ignoresHangup(pid: number): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false; // no Linux
  }
}
