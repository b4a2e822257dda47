/** Names the namespaces in which an engine keeps an overlay's bridge and tunnel after the network of its containers. */
import type { Container, Device } from '../model/topology.js';

/** Inode of such an overlay namespace → `overlay-NETWORK`. */
export function nameOverlays(
  devices: ReadonlyMap<number, readonly Device[]>,
  containers: readonly Container[],
): Map<number, string> {
  const names = new Map<number, string>();
  for (const { namespace, networks } of containers) {
    for (const { peerNamespace, addresses } of devices.get(namespace ?? -1) ?? []) {
      if (peerNamespace === null || peerNamespace === namespace) continue;
      if (!devices.get(peerNamespace)?.some(({ tunnel }) => tunnel)) continue;
      const own = new Set(addresses.map((text) => text.split('/')[0] ?? ''));
      const network = networks.find((one) => one.addresses.some((address) => own.has(address)));
      if (network) names.set(peerNamespace, `overlay-${network.name}`);
    }
  }
  return names;
}
