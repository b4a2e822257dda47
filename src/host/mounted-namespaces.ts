/** Finds network namespaces without processes, kept by a mount that only some processes see (an engine's overlays). */
import { parseNamespaceLink, readLink, readText, type ProcessEntry } from './procfs.js';
import type { NamespaceFile } from './namespaces.js';

/** The most mount namespaces that are read. */
const MOST = 64;

/** Network namespaces that processes of the host's network namespace have mounted, each once. */
export function listMountedNamespaces(
  proc: string,
  processes: readonly ProcessEntry[],
  host: number,
): NamespaceFile[] {
  const views = new Map<string, number>();
  for (const { pid, namespace } of processes) {
    if (namespace !== host) continue;
    const view = readLink(`${proc}/${pid}/ns/mnt`);
    if (view !== null && !views.has(view)) views.set(view, pid);
    if (views.size === MOST) break;
  }
  const found = new Map<number, NamespaceFile>();
  for (const pid of views.values()) {
    for (const { inode, mountPoint } of parseMounts(readText(`${proc}/${pid}/mountinfo`) ?? '')) {
      const path = `${proc}/${pid}/root${mountPoint}`;
      if (!found.has(inode)) found.set(inode, { inode, path, pid: null, name: null });
    }
  }
  return [...found.values()];
}

/** Lines of proc(5)'s mountinfo that show a network namespace; the kernel escapes blanks in a path as `\\040`. */
function parseMounts(text: string): { inode: number; mountPoint: string }[] {
  return text.split('\n').flatMap((line) => {
    const [, , , root = '', mountPoint = ''] = line.split(' ');
    const inode = parseNamespaceLink(root);
    if (inode === null || !mountPoint.startsWith('/')) return [];
    return [{ inode, mountPoint: unescape(mountPoint) }];
  });
}

function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
