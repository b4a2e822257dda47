/** Finds listening sockets of network namespaces, with their owners. */
import type { Listener } from '../model/topology.js';
import type { RunCommand } from './command.js';
import { readCommandName, readSocketInodes, readText, type ProcessEntry } from './procfs.js';
import { parseListeners, SOCKET_TABLES, type SocketRow } from './sockets.js';

/** A namespace to read: by one of its processes, or by its file when it has none. */
export interface ListenerPlace {
  readonly inode: number;
  readonly pid: number | null;
  readonly path: string;
}

export interface ListenerReader {
  readonly proc: string;
  readonly run: RunCommand;
  /** Every process, to find the owners. */
  readonly processes: readonly ProcessEntry[];
  /** Pids to check first: a relay owns its socket, rather than the engine that handed it over. */
  readonly relays: ReadonlySet<number>;
  /** Time of performance.now() after which nothing more is read. */
  readonly deadline: number;
}

interface Found extends SocketRow {
  readonly namespace: number;
}

/**
 * @returns the listeners, the namespaces whose listeners are not known, those of them (`unread`) that could not be
 * read, and whether the time was enough for all others and for the owners.
 */
export async function readListeners(
  reader: ListenerReader,
  places: readonly ListenerPlace[],
): Promise<{ listeners: Listener[]; unheard: number[]; unread: number[]; complete: boolean }> {
  const found: Found[] = [];
  const late: number[] = [];
  const unread: number[] = [];
  for (const place of places) {
    if (performance.now() > reader.deadline) {
      late.push(place.inode);
      continue;
    }
    const rows = await readTables(reader, place);
    if (rows === null) {
      unread.push(place.inode);
      continue;
    }
    found.push(...rows.map((row) => ({ ...row, namespace: place.inode })));
    // Each kernel table takes milliseconds to read: let others run in between.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const owners = findOwners(reader, found);
  const listeners = found.map(({ inode, protocol, local, namespace }) => {
    const pid = owners.pids.get(inode) ?? null;
    const command = pid === null ? null : readCommandName(reader.proc, pid);
    return { namespace, protocol, local, pid, command };
  });
  return {
    listeners,
    unheard: [...late, ...unread],
    unread,
    complete: late.length === 0 && owners.complete,
  };
}

/** Null when the IPv4 tables could not be read: every namespace has them. */
async function readTables(
  reader: ListenerReader,
  place: ListenerPlace,
): Promise<SocketRow[] | null> {
  if (place.pid === null) {
    const text = await readByNsenter(reader.run, place.path);
    return ALWAYS.every((table) => HEADER.test(text.split(`@ ${table}\n`)[1] ?? ''))
      ? parseJoinedTables(text)
      : null;
  }
  const folder = `${reader.proc}/${place.pid}/net`;
  const texts = SOCKET_TABLES.map((table) => [table, readText(`${folder}/${table}`)] as const);
  const known = ALWAYS.every((table) =>
    texts.some(([name, text]) => name === table && HEADER.test(text ?? '')),
  );
  return known ? texts.flatMap(([table, text]) => parseListeners(table, text ?? '')) : null;
}

const ALWAYS = ['tcp', 'udp'] as const;
/** The start of each kernel table, with two or three spaces. */
const HEADER = /^ +sl /;

/** Prints every table after a line `@ NAME`; /proc/self is the process that reads it. */
const PRINT_TABLES = `for t in ${SOCKET_TABLES.join(' ')}; do echo "@ $t"; cat /proc/self/net/$t; done`;

async function readByNsenter(run: RunCommand, path: string): Promise<string> {
  const { stdout } = await run('nsenter', [`--net=${path}`, 'sh', '-c', PRINT_TABLES], {
    timeout: 1_000,
  });
  return stdout;
}

/** Splits what {@link PRINT_TABLES} printed. */
export function parseJoinedTables(text: string): SocketRow[] {
  return text.split(/^@ /m).flatMap((part) => {
    const table = SOCKET_TABLES.find((name) => part.startsWith(`${name}\n`));
    return table ? parseListeners(table, part) : [];
  });
}

function findOwners(
  reader: ListenerReader,
  found: readonly Found[],
): { pids: Map<number, number>; complete: boolean } {
  const wanted = new Set(found.map((row) => row.inode));
  const namespaces = new Set(found.map((row) => row.namespace));
  const pids = new Map<number, number>();
  for (const { pid } of orderOwners(reader, namespaces)) {
    if (wanted.size === 0) break;
    if (performance.now() > reader.deadline) return { pids, complete: false };
    for (const inode of readSocketInodes(reader.proc, pid) ?? []) {
      if (wanted.delete(inode)) pids.set(inode, pid);
    }
  }
  return { pids, complete: true };
}

/** Relays first, then the processes inside these namespaces, then all others (a socket may be held from outside). */
function orderOwners(reader: ListenerReader, namespaces: ReadonlySet<number>): ProcessEntry[] {
  const rank = ({ pid, namespace }: ProcessEntry): number =>
    reader.relays.has(pid) ? 0 : namespaces.has(namespace) ? 1 : 2;
  return [...reader.processes].sort((a, b) => rank(a) - rank(b));
}
