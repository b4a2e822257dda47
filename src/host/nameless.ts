/** Names namespaces on the host's bridges that have no known container, by the ids in CNI's rules. */
import type { Container, Device } from '../model/topology.js';

export interface Nameless {
  readonly host: number;
  readonly devices: ReadonlyMap<number, readonly Device[]>;
  readonly containers: readonly Container[];
  /** One process of each namespace that has any. */
  readonly pids: ReadonlyMap<number, number>;
}

/** Namespaces that a veth connects to a bridge of the host and that have no container. */
export function listNameless({ host, devices, containers }: Nameless): number[] {
  const known = new Set(containers.map(({ namespace }) => namespace));
  const own = devices.get(host) ?? [];
  const bridges = new Set(
    own.filter(({ kind }) => kind === 'bridge').map(({ ifindex }) => ifindex),
  );
  return own.flatMap(({ kind, master, peerNamespace }) =>
    kind === 'veth' &&
    master !== null &&
    bridges.has(master) &&
    peerNamespace !== null &&
    !known.has(peerNamespace)
      ? [peerNamespace]
      : [],
  );
}

/**
 * Containers for namespaces with an address that a rule gives an id. No container is made when a namespace's addresses
 * have different ids, or when an id or an address belongs to several namespaces.
 */
export function nameByRules(
  nameless: Nameless,
  ids: ReadonlyMap<string, string>,
  names: ReadonlyMap<number, string>,
): Container[] {
  const { host, devices, pids } = nameless;
  const found = listNameless(nameless).flatMap((namespace) => {
    const own = (devices.get(namespace) ?? []).filter(({ kind }) => kind === 'veth');
    const told = new Set(
      own.flatMap(({ addresses }) =>
        addresses.flatMap((text) => ids.get(text.split('/')[0] ?? '') ?? []),
      ),
    );
    const [id] = told;
    return told.size === 1 && id !== undefined ? [{ namespace, own, id }] : [];
  });
  const bridges = devices.get(host) ?? [];
  return found
    .filter(({ id }) => found.filter((other) => other.id === id).length === 1)
    .map(({ namespace, own, id }): Container => {
      const networks = own.map((device) => {
        const port = bridges.find(({ ifindex }) => ifindex === device.peerIfindex);
        const bridge = bridges.find(({ ifindex }) => ifindex === port?.master);
        return {
          name: bridge?.name ?? device.name,
          bridge: bridge?.name ?? null,
          addresses: device.addresses
            .flatMap((text) => text.split('/')[0] ?? [])
            .filter((address) => !/^fe[89ab]/.test(address)),
          gateway: bridge?.addresses[0]?.split('/')[0] ?? null,
        };
      });
      // A name that somebody chose is more useful than an id of 64 digits.
      const name = /^[0-9a-f]{64}$/.test(id) ? (names.get(namespace) ?? id.slice(0, 12)) : id;
      const pid = pids.get(namespace) ?? 0;
      const known = { id, name, pid, namespace, networks };
      return { ...known, networkMode: 'bridge', published: [], engine: 'unknown' };
    });
}
