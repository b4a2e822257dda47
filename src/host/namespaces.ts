/** Finds the network namespaces of the machine: by the processes in them, and by the files that keep them. */
import { closeSync, openSync, statSync } from 'node:fs';
import { UserError } from '../model/errors.js';
import { listFolder, parseNamespaceLink, readLink, type ProcessEntry } from './procfs.js';

export interface NamespaceFile {
  readonly inode: number;
  /** A file that refers to it: /proc/PID/ns/net, or a file in one of the folders. */
  readonly path: string;
  /** One of its processes; null when it has none. */
  readonly pid: number | null;
  /** Its name under /run/netns; null without. */
  readonly name: string | null;
}

/** Folders in which `ip netns`, CNI, Podman and Docker keep namespaces; only names in the first one are meaningful. */
export const NAMESPACE_FOLDERS = [
  '/run/netns',
  '/var/run/netns',
  '/var/run/docker/netns',
  '/run/docker/netns',
];
const NAMED_FOLDERS = 2;

/** Every namespace that has a process or a file, by inode. */
export function findNamespaces(
  proc: string,
  processes: readonly ProcessEntry[],
  folders: readonly string[] = NAMESPACE_FOLDERS,
): Map<number, NamespaceFile> {
  const found = new Map<number, NamespaceFile>();
  for (const { pid, namespace } of processes) {
    if (found.has(namespace)) continue;
    const path = `${proc}/${pid}/ns/net`;
    found.set(namespace, { inode: namespace, path, pid, name: null });
  }
  for (const [index, folder] of folders.entries()) {
    for (const entry of listFolder(folder)) {
      const path = `${folder}/${entry}`;
      const inode = readNamespaceInode(path, proc);
      if (inode === null) continue;
      const known = found.get(inode) ?? { inode, path, pid: null, name: null };
      const isNamed = index < NAMED_FOLDERS || folder.endsWith('/run/netns');
      const name = known.name ?? (isNamed ? entry : null);
      found.set(inode, { ...known, name });
    }
  }
  return found;
}

/**
 * Finds the namespace that `--netns` names: a name under /run/netns, a path, `pid:N`, or `self`.
 * Throws UserError when there is none (exit 2), or when there is no right to read it (exit 1).
 */
export function resolveNamespace(
  text: string,
  proc = '/proc',
  folders: readonly string[] = NAMESPACE_FOLDERS,
): { inode: number; path: string } {
  for (const path of listPaths(text, proc, folders)) {
    const inode = readNamespaceInode(path, proc);
    if (inode !== null) return { inode, path };
    if (isDenied(path)) throw describeDenied(text);
  }
  const names = [...new Set(folders.slice(0, NAMED_FOLDERS).flatMap(listFolder))];
  throw new UserError(`There is no network namespace "${text}".`, {
    code: 'no-such-netns',
    exit: 2,
    remedy:
      names.length > 0
        ? `Give one of ${names.join(', ')}, the path of a namespace such as /proc/PID/ns/net, or pid:PID.`
        : 'Give the path of a namespace such as /proc/PID/ns/net, or pid:PID; `lsns -t net` lists them.',
  });
}

function describeDenied(text: string): UserError {
  return new UserError(`The network namespace "${text}" may not be looked at.`, {
    code: 'netns-denied',
    exit: 1,
    remedy: 'Run trace-flow as root.',
  });
}

/** Whether a file exists, or may exist, and only the right to read it is missing. */
function isDenied(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM';
  }
}

function listPaths(text: string, proc: string, folders: readonly string[]): string[] {
  if (text === 'self' || text === '') return [`${proc}/self/ns/net`];
  const pid = /^pid:(\d+)$/.exec(text)?.[1];
  if (pid !== undefined) return [`${proc}/${pid}/ns/net`];
  if (text.includes('/')) return [text];
  return folders.map((folder) => `${folder}/${text}`);
}

/** Inode of the network namespace behind a file; null when the file is something else or cannot be read. */
function readNamespaceInode(path: string, proc: string): number | null {
  const link = readLink(path);
  if (link !== null && /^[a-z_]+:\[\d+\]$/.test(link)) return parseNamespaceLink(link);
  try {
    // All namespaces are on one device of their own; a file that a deleted namespace left behind is not.
    const { dev, ino } = statSync(path);
    return dev === statSync(`${proc}/self/ns/net`).dev ? ino : null;
  } catch {
    return null;
  }
}

/** A namespace that is held open: it stays while it is read, and is reachable from any mount namespace. */
export interface OpenNamespace extends NamespaceFile {
  readonly fd: number;
  /** Path for children of this process. */
  readonly handle: string;
}

/** Opens namespaces; those that went away or may not be opened are left out. Close with {@link closeNamespaces}. */
export function openNamespaces(files: Iterable<NamespaceFile>): OpenNamespace[] {
  return [...files].flatMap((file) => {
    try {
      const fd = openSync(file.path, 'r');
      return [{ ...file, fd, handle: `/proc/${process.pid}/fd/${fd}` }];
    } catch {
      return [];
    }
  });
}

export function closeNamespaces(open: readonly OpenNamespace[]): void {
  for (const { fd } of open) closeSync(fd);
}
