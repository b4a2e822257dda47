/** Names namespaces and devices for a report. */
import { nameUnnamed, type Device, type Topology } from '../../model/topology.js';

export interface Places {
  namespace(inode: number | null): string;
  device(inode: number | null, ifindex: number | null): string;
}

/** A namespace without a name of its own is called `outside`. */
export function namePlaces(topology: Topology): Places {
  const names = new Map([
    ...topology.namespaces.map(({ inode, name }) => [inode, name] as const),
    ...nameUnnamed(topology.namespaces),
  ]);
  const devices = new Map<string, Device>();
  for (const { inode, devices: own } of topology.namespaces) {
    for (const device of own) devices.set(`${inode}:${device.ifindex}`, device);
  }
  return {
    namespace: (inode) => (inode === null ? 'unknown' : (names.get(inode) ?? `netns-${inode}`)),
    device: (inode, ifindex) =>
      ifindex === null
        ? 'unknown'
        : (devices.get(`${inode}:${ifindex}`)?.name ?? `device-${ifindex}`),
  };
}
