/** Reads facts about processes from /proc: network namespace, name, arguments, environment, open sockets. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessEntry {
  readonly pid: number;
  /** Inode of its network namespace. */
  readonly namespace: number;
}

/** Inode in the text of a namespace link, `net:[4026531840]`; null for anything else. */
export function parseNamespaceLink(text: string): number | null {
  const match = /^net:\[(\d+)\]$/.exec(text);
  return match ? Number(match[1]) : null;
}

/** Inode in the text of a socket link, `socket:[112451]`; null for anything else. */
function parseSocketLink(text: string): number | null {
  const match = /^socket:\[(\d+)\]$/.exec(text);
  return match ? Number(match[1]) : null;
}

/** Splits a NUL-separated list (cmdline, environ); the last NUL ends the list. */
export function parseNulList(text: string): string[] {
  if (text === '') return [];
  return text.replace(/\0$/, '').split('\0');
}

/** Every process whose network namespace may be read, in order of pid; without root, only the user's own processes. */
export function listProcesses(proc: string): ProcessEntry[] {
  return listPids(proc).flatMap((pid) => {
    const namespace = parseNamespaceLink(readLink(`${proc}/${pid}/ns/net`) ?? '');
    return namespace === null ? [] : [{ pid, namespace }];
  });
}

/** Every pid, in order; empty when there is no such file system. */
export function listPids(proc: string): number[] {
  return listFolder(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * The number that a process has in the innermost process namespace that it is in, and that namespace; null when it
 * cannot be read.
 */
export function readNumbers(
  proc: string,
  pid: number,
): { readonly inner: number; readonly space: string } | null {
  const numbers = /^NSpid:\s+(.*)$/m.exec(readText(`${proc}/${pid}/status`) ?? '')?.[1];
  const inner = Number(numbers?.trim().split(/\s+/).at(-1));
  const space = readLink(`${proc}/${pid}/ns/pid`);
  return Number.isInteger(inner) && space !== null ? { inner, space } : null;
}

/** The program's name (the kernel cuts it to 15 characters), or null when the process is gone. */
export function readCommandName(proc: string, pid: number): string | null {
  const name = readText(`${proc}/${pid}/comm`)?.trimEnd() ?? null;
  return name === null ? null : nameProgram(proc, pid, name);
}

/** Node.js gives its main thread this name, which says nothing about the program. */
const RUNTIME_THREAD = 'MainThread';

/** A task's name as the kernel reports it; when a runtime has put a thread's name there, the started program's name. */
export function nameProgram(proc: string, pid: number, name: string): string {
  if (name !== RUNTIME_THREAD) return name;
  const started = readArguments(proc, pid)?.[0] ?? '';
  return started.slice(started.lastIndexOf('/') + 1) || name;
}

/** The process's arguments, its own name first; null when it is gone or not readable. */
export function readArguments(proc: string, pid: number): string[] | null {
  const text = readText(`${proc}/${pid}/cmdline`);
  return text === null ? null : parseNulList(text);
}

/** Inodes of the sockets that a process holds; null when they may not be read. */
export function readSocketInodes(proc: string, pid: number): number[] | null {
  const folder = `${proc}/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((fd) => {
      const inode = parseSocketLink(readLink(`${folder}/${fd}`) ?? '');
      return inode === null ? [] : [inode];
    });
  } catch {
    return null;
  }
}

/** A file's text, or null when it cannot be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** A link's target, or null when it cannot be read. */
export function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** Names in a folder, sorted; empty when it cannot be read. */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

/** The process that started this one, or took it over; null when it is gone. */
export function readParent(proc: string, pid: number): number | null {
  const text = readText(`${proc}/${pid}/stat`);
  // The name in parentheses may itself contain parentheses and spaces.
  const match = text === null ? null : /^ \S (\d+)/.exec(text.slice(text.lastIndexOf(')') + 1));
  return match ? Number(match[1]) : null;
}
