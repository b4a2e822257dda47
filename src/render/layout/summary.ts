/** Groups many connections for a table, and chooses the few that are worth a ladder. */
import type { Connection } from '../../model/report.js';
import { printable } from '../text.js';
import type { SummaryGroup } from './scene.js';

/** With more groups than this, clients are distinguished by namespace only. */
const MAX_GROUPS = 12;

/** Groups connections by path, proof, outcome, client and container; the odd ones first, then the largest. */
export function summarise(connections: readonly Connection[]): SummaryGroup[] {
  const fine = groupBy(connections, clientOf);
  const groups = fine.length <= MAX_GROUPS ? fine : groupBy(connections, namespaceOf);
  return groups.sort(
    (a, b) => oddness(b) - oddness(a) || b.count - a.count || (a.ids[0] ?? 0) - (b.ids[0] ?? 0),
  );
}

/** Ids of the connections to draw: one of each group, the odd ones first, then more of the odd ones. */
export function chooseConnections(groups: readonly SummaryGroup[], most: number): Set<number> {
  const firsts = groups.flatMap(({ ids }) => ids.slice(0, 1));
  const more = groups.filter((group) => oddness(group) > 0).flatMap(({ ids }) => ids.slice(1));
  return new Set([...firsts, ...more].slice(0, Math.max(0, most)));
}

function groupBy(
  connections: readonly Connection[],
  nameClient: (c: Connection) => string,
): SummaryGroup[] {
  const groups = new Map<string, SummaryGroup & { count: number; bytes: number; ids: number[] }>();
  for (const connection of connections) {
    const { path, proof, outcome, id, bytes } = connection;
    const [from, to] = [nameClient(connection), targetOf(connection)];
    const key = JSON.stringify([path, proof, outcome, from, to]);
    const group = groups.get(key) ?? {
      count: 0,
      path,
      proof,
      outcome,
      from,
      to,
      bytes: 0,
      ids: [],
    };
    group.count++;
    group.bytes += bytes.fromClient + bytes.fromServer;
    group.ids.push(id);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function clientOf({ clientNamespace, client, processes }: Connection): string {
  const place = clientNamespace ?? client.address;
  return printable(processes.client ? `${processes.client.command} in ${place}` : place);
}

function namespaceOf({ clientNamespace }: Connection): string {
  return printable(clientNamespace ?? 'outside');
}

function targetOf({ container, server }: Connection): string {
  return printable(container?.name ?? server?.address ?? 'unknown');
}

/** Ranks a group by interest: failed ones first, then uncertain ones, then the rest. */
function oddness({ outcome, proof }: SummaryGroup): number {
  return (outcome === 'answered' ? 0 : 4) + (proof === 'proven' ? 0 : proof === 'likely' ? 1 : 2);
}
