/** Finds port drivers of rootless engines among the host's processes, with the namespaces that they lead to. */
import { isPortDriver } from '../model/port-drivers.js';
import type { PortDriver } from '../model/topology.js';
import type { Ancestry } from './ancestry.js';
import {
  listFolder,
  parseNamespaceLink,
  readArguments,
  readCommandName,
  readLink,
  readNumbers,
  type ProcessEntry,
} from './procfs.js';

export interface DriverInput {
  readonly proc: string;
  /** Inode of the host's namespace. */
  readonly host: number;
  readonly processes: readonly ProcessEntry[];
  readonly ancestry: Ancestry;
  /** Inodes by the namespace paths that containers were started with. */
  readonly paths: ReadonlyMap<string, number>;
}

/**
 * A driver leads to the namespaces of its children (rootlesskit, rootlessport), or to those that its arguments name
 * (pasta, slirp4netns).
 */
export function listDrivers(input: DriverInput): PortDriver[] {
  const { proc, host, processes, ancestry } = input;
  return processes.flatMap(({ pid, namespace }) => {
    const command = readCommandName(proc, pid);
    if (command === null || !isPortDriver({ command })) return [];
    // rootlessport's first thread is in the other namespace, while its other threads listen on the host.
    const threads = namespace === host ? [namespace] : listThreads(proc, pid);
    if (!threads.includes(host)) return [];
    const words = readArguments(proc, pid) ?? [];
    const children = ancestry.childrenOf(pid).map((child) => child.namespace);
    const named = listNamed(pid, words, input);
    const namespaces = [...new Set([namespace, ...children, ...named])].filter(
      (inode) => inode !== host,
    );
    const ports = command.startsWith('pasta') ? readPastaPorts(words) : [];
    return [{ pid, command, namespaces, ports }];
  });
}

/** Namespaces of a process's threads. */
function listThreads(proc: string, pid: number): number[] {
  return listFolder(`${proc}/${pid}/task`).flatMap(
    (thread) => parseNamespaceLink(readLink(`${proc}/${pid}/task/${thread}/ns/net`) ?? '') ?? [],
  );
}

/** Namespaces that arguments name by path or by the pid of a process: PATH or PID of slirp4netns and pasta. */
function listNamed(own: number, words: readonly string[], input: DriverInput): number[] {
  const { paths } = input;
  const known = listNumbered(own, input);
  return words.slice(1).flatMap((word, index) => {
    const path = word.startsWith('--netns=') ? word.slice('--netns='.length) : word;
    const byPath = path.startsWith('/') ? paths.get(path) : undefined;
    // A number may also be the value of an option before it.
    const isOperand = !/^-[^=]*$/.test(words[index] ?? '');
    const byPid = isOperand ? known.get(word) : undefined;
    return byPath ?? byPid ?? [];
  });
}

/** Namespaces by the numbers that processes have for this one, which may be in a process namespace with others. */
function listNumbered(own: number, { proc, processes }: DriverInput): Map<string, number> {
  const seen = readNumbers(proc, own);
  if (seen === null || seen.inner === own) {
    return new Map(processes.map(({ pid, namespace }) => [String(pid), namespace]));
  }
  return new Map(
    processes.flatMap(({ pid, namespace }) => {
      const other = readNumbers(proc, pid);
      return other?.space === seen.space ? [[String(other.inner), namespace] as const] : [];
    }),
  );
}

/**
 * Reads `-t 20379-20379:6379-6379` and `-u 198.51.100.1/53:53`, several with commas. Exclusions, `auto` and `all` are
 * left out.
 */
export function readPastaPorts(words: readonly string[]): PortDriver['ports'] {
  const ports: PortDriver['ports'][number][] = [];
  for (const [index, word] of words.entries()) {
    const protocol = /^(-t|--tcp-ports)$/.test(word)
      ? 'tcp'
      : /^(-u|--udp-ports)$/.test(word)
        ? 'udp'
        : null;
    if (protocol === null) continue;
    for (const spec of (words[index + 1] ?? '').split(',')) {
      const match = /^(?:.*\/)?(\d+)(?:-(\d+))?(?::(\d+)(?:-(\d+))?)?$/.exec(spec);
      if (!match) continue;
      const first = Number(match[1]);
      const last = Number(match[2] ?? first);
      const inner = Number(match[3] ?? first);
      for (let port = first; port <= last && ports.length < MOST_PORTS; port += 1) {
        ports.push({ protocol, hostPort: port, containerPort: inner + port - first });
      }
    }
  }
  return ports;
}

/** More than a kernel's filter takes; a range of all ports need not be written out. */
const MOST_PORTS = 1_000;
