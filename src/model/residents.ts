/** Finds which of the containers that share a namespace answers at a port. */
import type { Protocol } from './event.js';
import type { Container, Topology } from './topology.js';

/** Lists the containers that run in a namespace, without infra containers that only hold it for a pod. */
export function listResidents(
  { containers }: Pick<Topology, 'containers'>,
  namespace: number,
): Container[] {
  const there = containers.filter((one) => one.namespace === namespace && one.pid > 0);
  const working = there.filter(({ infra }) => infra !== true);
  return working.length > 0 ? working : there;
}

/** Null where several share the namespace and it is not known whose process listens. */
export function findResident(
  topology: Pick<Topology, 'containers' | 'listeners'>,
  namespace: number,
  { protocol, port }: { protocol: Protocol; port: number },
): Container | null {
  const [first, ...more] = listResidents(topology, namespace);
  if (more.length === 0) return first ?? null;
  const names = new Set(
    topology.listeners
      .filter(
        (one) =>
          one.namespace === namespace && one.protocol === protocol && one.local.port === port,
      )
      .map(({ container }) => container),
  );
  const [only] = names;
  if (names.size !== 1 || only === undefined) return null;
  return [first, ...more].find((one) => one?.name === only) ?? null;
}

/** The container that answers at a port of the address owner's namespace; the owner itself where that is not known. */
export function findServing(
  topology: Pick<Topology, 'containers' | 'listeners'>,
  owner: Container,
  at: { protocol: Protocol; port: number },
): Container {
  return (owner.namespace === null ? null : findResident(topology, owner.namespace, at)) ?? owner;
}
