/** The verdict over all connections of a trace. */
import type { Connection, Verdict } from '../model/report.js';
import type { TraceTail } from '../model/trace.js';
import { PROOFS, type Path } from '../model/verdict.js';

const WORDS: Readonly<Record<Path, string>> = {
  dnat: 'by DNAT',
  'docker-proxy': 'through docker-proxy',
  relay: 'through a user-space relay',
  direct: 'directly at the container’s address',
  host: 'at the host itself',
};

export function sumUp(
  connections: readonly Connection[],
  tail: Pick<TraceTail, 'sealed' | 'notes'>,
): Verdict {
  if (connections.length === 0) {
    const trouble = tail.sealed ? '' : ` (${tail.notes[0] ?? 'the trace is not sealed'})`;
    return {
      path: 'none',
      proof: 'inconclusive',
      reason: `no matching traffic was seen${trouble}`,
    };
  }
  const counts = new Map<Path, number>();
  let unknown = 0;
  for (const { path } of connections) {
    if (path === 'unknown') unknown += 1;
    else counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  const weakest = Math.max(...connections.map(({ proof }) => PROOFS.indexOf(proof)));
  const proof = PROOFS[weakest] ?? 'inconclusive';
  const [first, ...others] = [...counts.keys()];
  const path = first === undefined ? 'none' : others.length > 0 || unknown > 0 ? 'mixed' : first;
  const [only] = connections;
  const reason =
    connections.length === 1 && only ? only.reason : describeCounts(counts, unknown, connections);
  return { path, proof, reason };
}

function describeCounts(
  counts: ReadonlyMap<Path, number>,
  unknown: number,
  connections: readonly Connection[],
): string {
  const parts = [...counts].map(
    ([path, count]) => `${count} ${WORDS[path]}${describeHooks(path, connections)}`,
  );
  if (unknown > 0) parts.push(`${unknown} inconclusive`);
  return `${connections.length} connections: ${parts.join(', ')}`;
}

function describeHooks(path: Path, connections: readonly Connection[]): string {
  if (path !== 'dnat') return '';
  const hooks = new Set(
    connections.flatMap((one) => (one.path === 'dnat' ? (one.nat?.hook ?? []) : [])),
  );
  return hooks.size > 0 ? ` in ${[...hooks].sort().join(' and ')}` : '';
}
