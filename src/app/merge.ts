/** Joins the host's topology from before a trace with the one from its end. */
import type { Topology } from '../model/topology.js';

/** Whether the topology has all of these namespaces. */
export function isKnown(topology: Topology, namespaces: ReadonlySet<number>): boolean {
  const known = new Set(topology.namespaces.map(({ inode }) => inode));
  return [...namespaces].every((inode) => known.has(inode));
}

/** Everything of `before`, and what only `after` has: a container that ended in between keeps its name. */
export function mergeTopologies(before: Topology, after: Topology): Topology {
  return {
    ...before,
    namespaces: unite(before.namespaces, after.namespaces, ({ inode }) => inode),
    containers: unite(before.containers, after.containers, ({ id }) => id),
    relays: unite(before.relays, after.relays, ({ pid }) => pid),
    listeners: unite(before.listeners, after.listeners, (listener) => JSON.stringify(listener)),
    ...(before.listened === true || after.listened === true ? { listened: true } : {}),
    ...(before.unheard || after.unheard ? { unheard: listUnheard(before, after) } : {}),
    problems: unite(before.problems, after.problems, (problem) => problem),
  };
}

/** Namespaces whose listeners neither topology knows. */
function listUnheard(before: Topology, after: Topology): number[] {
  const isHeard = ({ namespaces, unheard = [] }: Topology, inode: number): boolean =>
    namespaces.some((one) => one.inode === inode) && !unheard.includes(inode);
  const missed = new Set([...(before.unheard ?? []), ...(after.unheard ?? [])]);
  return [...missed].filter((inode) => !isHeard(before, inode) && !isHeard(after, inode));
}

function unite<T>(first: readonly T[], second: readonly T[], key: (item: T) => unknown): T[] {
  const known = new Set(first.map(key));
  return [...first, ...second.filter((item) => !known.has(key(item)))];
}
