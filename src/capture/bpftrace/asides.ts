/** Names the calls of a process elsewhere that the probes report (see relay-copy.bt and relay-aside.bt). */
import { ASIDES, type AsideEvent, type AsideKind } from '../../model/event.js';

type Task = Pick<AsideEvent, 'pid' | 'tid' | 'command'>;

/** Names the number that the programs print; null for an unknown one. */
export function nameAside(code: number): AsideKind | null {
  return ASIDES[code - 1] ?? null;
}

/** A call whose bytes no probe follows. */
export function describeCall(
  what: AsideKind,
  { pid, tid, command }: Task,
  calls: number,
): Omit<AsideEvent, 'id' | 'time'> {
  const nowhere = { fd: null, bytes: 0, object: '0', peer: '0', local: null, remote: null };
  return { kind: 'aside', what, operation: 'call', pid, tid, command, calls, ...nowhere };
}

const OPERATIONS = ['read', 'write', 'call'] as const;

/** Reads one key of @asides and its count, which includes calls that were not printed one by one. */
export function readAsideKey(
  keys: readonly bigint[],
  calls: number,
): Omit<AsideEvent, 'id' | 'time'> | null {
  const [pid, object, kind] = keys;
  if (pid === undefined || object === undefined || kind === undefined) return null;
  const what = nameAside(Number(kind >> 4n));
  const operation = OPERATIONS[Number(kind & 15n) - 1];
  if (what === null || operation === undefined) return null;
  const task = { pid: Number(pid), tid: Number(pid), command: '' };
  const told = describeCall(what, task, calls);
  return { ...told, operation, object: object.toString(16), sum: true };
}
