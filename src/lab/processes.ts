/** Identifies processes by pid and start time, because the kernel reuses a pid alone. */
import { readFile } from 'node:fs/promises';

export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat; as text because it may outgrow a double. */
  startTime: string;
}

/**
 * Takes the start time from the text of /proc/PID/stat; null for a zombie, which has ended and only waits to be reaped.
 * The command in parentheses may itself contain spaces and parentheses: fields are counted after the last `)`.
 */
export function parseStartTime(stat: string): string | null {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? null : (fields[19] ?? null);
}

/** @returns the process that has this pid now, or null when there is none. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => null);
  const startTime = stat === null ? null : parseStartTime(stat);
  return startTime === null ? null : { pid, startTime };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(identity.pid);
  return now?.startTime === identity.startTime;
}

/** Sends SIGKILL if the pid still belongs to the same process. */
export async function killProcess(identity: ProcessIdentity): Promise<void> {
  if (await isAlive(identity)) sendSignal(identity.pid, 'SIGKILL');
}

/** Sends a signal; a process that has already ended is no error. */
function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
