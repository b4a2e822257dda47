/** Makes model containers of those that only a keeper process reveals; addresses come from their devices. */
import { runtimeOf } from '../model/runtime.js';
import type { Container, Device } from '../model/topology.js';
import type { KeptContainer } from './keepers.js';

export interface Adoption {
  /** Inode of the host's namespace. */
  readonly host: number;
  readonly devices: ReadonlyMap<number, readonly Device[]>;
  /** Ids that an engine has reported. */
  readonly told: ReadonlySet<string>;
}

/** Of containers that share a namespace only the first gets the addresses, as engines report it. */
export function adoptContainers(kept: readonly KeptContainer[], adoption: Adoption): Container[] {
  const { host, told } = adoption;
  const owners = new Map<number, KeptContainer>();
  const inOrder = [...kept].sort((a, b) => Number(b.infra) - Number(a.infra) || a.pid - b.pid);
  for (const one of inOrder) if (!owners.has(one.namespace)) owners.set(one.namespace, one);
  return kept
    .filter(({ id }) => !told.has(id))
    .map((one) => {
      const { id, name, pid, namespace, pod, infra, compose, product, user } = one;
      const owner = owners.get(namespace);
      const joins = namespace !== host && owner !== undefined && owner !== one;
      const networks = namespace === host || joins ? [] : listNetworks(namespace, adoption);
      return {
        id,
        name,
        pid,
        namespace,
        networkMode:
          namespace === host
            ? 'host'
            : joins
              ? `container:${owner.name}`
              : networks.length > 0
                ? 'bridge'
                : 'none',
        networks,
        published: [],
        ...(pod !== null && { pod }),
        ...(infra && { infra }),
        ...(compose && { compose }),
        ...runtimeOf({ engine: product, user }),
      };
    });
}

/**
 * Leaves out an address that another namespace has too: tap devices of rootless engines have the host's, or all have
 * the same one.
 */
function listNetworks(namespace: number, { devices }: Adoption): Container['networks'] {
  const taken = new Set(
    [...devices].flatMap(([inode, list]) =>
      inode === namespace ? [] : list.flatMap(listAddresses),
    ),
  );
  return (devices.get(namespace) ?? []).flatMap((device) => {
    const addresses = listAddresses(device).filter((address) => !taken.has(address));
    if (device.kind === 'loopback' || addresses.length === 0) return [];
    const bridge = findBridge(device, devices);
    const gateway = bridge?.addresses[0]?.split('/')[0] ?? null;
    return [
      { name: bridge?.name ?? device.name, bridge: bridge?.name ?? null, addresses, gateway },
    ];
  });
}

function listAddresses({ addresses }: Device): string[] {
  return addresses.flatMap((text) => text.split('/')[0] ?? []).filter(isOfNetwork);
}

/** Whether the address is neither link-local nor loopback. */
function isOfNetwork(address: string): boolean {
  return !/^(fe[89ab]|127\.|::1$)/.test(address);
}

/** The bridge that the other end of a veth is plugged into. */
function findBridge(
  { peerIfindex, peerNamespace }: Device,
  devices: ReadonlyMap<number, readonly Device[]>,
): Device | undefined {
  const there = peerNamespace === null ? [] : (devices.get(peerNamespace) ?? []);
  const port = there.find(({ ifindex }) => ifindex === peerIfindex);
  return there.find(({ ifindex, kind }) => kind === 'bridge' && ifindex === port?.master);
}
