/** Namespaces on the host's bridges that nobody keeps a container in: CNI's rules may tell their ids. */
import type { Container, Device } from '../model/topology.js';

export interface Nameless {
  readonly host: number;
  readonly devices: ReadonlyMap<number, readonly Device[]>;
  readonly containers: readonly Container[];
  /** One process of each namespace that has any. */
  readonly pids: ReadonlyMap<number, number>;
}

/** Those that a veth ties to a bridge of the host, without a container. */
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
 * Containers for those whose address a rule gives an id. A namespace whose addresses have different ids, and an id or an address that
 * belongs to several namespaces, name nobody.
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
      // The name that somebody gave it says more than an id of 64 digits.
      const name = /^[0-9a-f]{64}$/.test(id) ? (names.get(namespace) ?? id.slice(0, 12)) : id;
      const pid = pids.get(namespace) ?? 0;
      return { id, name, pid, namespace, networkMode: 'bridge', networks, published: [] };
    });
}
