/** Chooses what the host's map shows of devices, addresses and sockets; text and picture draw the same. */
import type { Explanation } from '../../model/explain.js';

/** Names of devices other than bridges, with those of their addresses that tell something. */
export function listDevices({ host }: Explanation): { name: string; addresses: string[] }[] {
  return host.devices
    .filter(({ kind }) => kind !== 'bridge')
    .map(({ name, addresses }) => ({ name, addresses: listGlobal(addresses) }))
    .filter(({ addresses }) => addresses.length > 0);
}

/** Link-local addresses are on every device and tell nothing. */
export function listGlobal(addresses: readonly string[]): string[] {
  return addresses.filter((address) => !/^fe80:/i.test(address));
}

/** The host's listening sockets other than those of relays. */
export function listOwnSockets({ sockets, relays }: Explanation): Explanation['sockets'][number][] {
  const known = new Set(relays.map(({ pid }) => pid));
  return sockets.filter(
    ({ namespace, pid }) => namespace === 'host' && !(pid !== null && known.has(pid)),
  );
}
