/** A process group: signal it, and see whether anything in it still lives. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** @returns whether the group exists; zombies count, as for kill(2). Signal 0 only asks. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

/** @returns whether a process of the group lives; a zombie that nobody has reaped yet does not. */
export function isGroupAlive(group: number): boolean {
  if (!signalGroup(group, 0)) return false;
  if (!existsSync('/proc/self/stat')) return true;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.some((pid) => {
    const { state, pgrp } = readStat(pid);
    return pgrp === group && state !== 'Z' && state !== 'X';
  });
}

function readStat(pid: string): { state: string; pgrp: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8'); // pid (command) state ppid pgrp …
    const [state = 'X', , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, pgrp: Number(pgrp) };
  } catch {
    return { state: 'X', pgrp: 0 };
  }
}
