/** Reads, at the end of a trace, the kernel's counters of the sockets that are still open. */
import type { StateEvent, Unnumbered } from '../model/event.js';

/** Milliseconds for all namespaces. */
const PATIENCE = 2_000;

/** What is known about the events. */
export interface SeenSoFar {
  readonly lastTime: number;
  /** Inodes of the namespaces that they came from. */
  readonly namespaces: ReadonlySet<number>;
}

/**
 * Reads the open sockets of the traced ports in every namespace that events came from. Their counters stand in for
 * packets that the budget left out. Returns nothing for sockets that cannot be read.
 */
export async function readOpenSums(
  { lastTime: time, namespaces: seen }: SeenSoFar,
  ports: readonly number[],
): Promise<Unnumbered<StateEvent>[]> {
  if (seen.size === 0) return [];
  const { listProcesses } = await import('../host/procfs.js');
  const { findNamespaces } = await import('../host/namespaces.js');
  const { readOpenSockets } = await import('../host/open-sockets.js');
  const { runCommand } = await import('../host/command.js');
  const places = [...findNamespaces('/proc', listProcesses('/proc')).values()];
  const touched = places.filter(({ inode }) => seen.has(inode));
  const sockets = await readOpenSockets(runCommand, touched, ports, PATIENCE);
  return sockets.map(({ namespace, state, local, remote, sums }) => ({
    kind: 'state',
    time,
    namespace,
    pid: 0,
    tid: 0,
    command: '',
    socket: '',
    local,
    remote,
    from: state,
    to: state,
    sums,
  }));
}
