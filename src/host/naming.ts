/** Names for network namespaces: `host`, a container's name, the name under /run/netns, or `netns-INODE`. */
import { listResidents } from '../model/residents.js';
import type { Container, NamespaceInfo } from '../model/topology.js';

export interface NamingInput {
  readonly host: number;
  readonly containers: readonly Container[];
  /** Names under /run/netns, by inode. */
  readonly names: ReadonlyMap<number, string>;
}

/** Gives each of these namespaces a unique name and its role. */
export function nameNamespaces(
  inodes: readonly number[],
  input: NamingInput,
): Map<number, Pick<NamespaceInfo, 'name' | 'role'>> {
  const owners = findOwners(input.containers);
  const named = new Map<number, Pick<NamespaceInfo, 'name' | 'role'>>();
  const taken = new Set<string>();
  // The host and the containers first: a name under /run/netns must not take theirs.
  const rank = (inode: number): number => (inode === input.host ? 0 : owners.has(inode) ? 1 : 2);
  for (const inode of [...inodes].sort((a, b) => rank(a) - rank(b) || a - b)) {
    const owner = owners.get(inode);
    const isHost = inode === input.host;
    const wanted = isHost ? 'host' : (owner ?? input.names.get(inode) ?? `netns-${inode}`);
    const name = taken.has(wanted) ? `${wanted}-${inode}` : wanted;
    taken.add(name);
    named.set(inode, { name, role: isHost ? 'host' : owner === undefined ? 'other' : 'container' });
  }
  return named;
}

/** Namespace → name of the container that made it; when a pod's infra container made it, the name of those inside. */
function findOwners(containers: readonly Container[]): Map<number, string> {
  const owners = new Map<number, string>();
  const joins = (container: Container): boolean => container.networkMode.startsWith('container:');
  for (const container of [...containers].sort((a, b) => Number(joins(a)) - Number(joins(b)))) {
    const { namespace, infra, pod, name } = container;
    if (namespace === null || owners.has(namespace)) continue;
    owners.set(namespace, infra === true ? namePod(containers, namespace, pod) : name);
  }
  return owners;
}

/** The only container of a pod names it; several are named after the pod, or all of them if its name is unknown. */
function namePod(
  containers: readonly Container[],
  namespace: number,
  pod: string | undefined,
): string {
  const names = listResidents({ containers }, namespace).map(({ name }) => name);
  return names.length > 1 && pod !== undefined ? pod : names.sort().join('+');
}
