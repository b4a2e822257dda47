/** How a packet's way ended, as far as the places show where it was last. */
import { isLoopback } from '../../model/address.js';
import type { DropEvent } from '../../model/event.js';
import type { Device, NamespaceInfo, Topology } from '../../model/topology.js';
import type { JourneyEnd, Sight } from './journey.js';

export interface EndContext {
  readonly topology: Topology;
  /** Drops that end no way: of another host's copy, or of what had been received. */
  readonly isInnocent: (drop: DropEvent) => boolean;
}

/** @param goal the address that the packet is for in the end: the one that it bears now may still be rewritten */
export function findJourneyEnd(
  sights: readonly Sight[],
  goal: string,
  context: EndContext,
): JourneyEnd {
  const last = sights.at(-1);
  if (last?.kind === 'drop' && !context.isInnocent(last)) return 'dropped';
  const packet = sights.findLast((sight) => sight.kind === 'packet');
  if (packet === undefined || packet.wire !== undefined) return 'unknown';
  const { namespaces } = context.topology;
  const place = namespaces.find(({ inode }) => inode === packet.namespace);
  if (place === undefined) return 'unknown';
  if (packet.direction === 'in') return hasAddress(place, goal) ? 'delivered' : 'unknown';
  const device = place.devices.find(({ ifindex }) => ifindex === packet.ifindex);
  return device && isWayOut(device, namespaces) ? 'left' : 'unknown';
}

function hasAddress({ devices }: NamespaceInfo, address: string): boolean {
  if (isLoopback(address)) return true;
  return devices.some(({ addresses }) =>
    addresses.some((own) => own.slice(0, own.lastIndexOf('/')) === address),
  );
}

/** Its other end is in no namespace that is traced. */
function isWayOut(device: Device, namespaces: readonly NamespaceInfo[]): boolean {
  if (device.kind === 'bridge' || device.kind === 'loopback') return false;
  return !namespaces.some(({ inode }) => inode === device.peerNamespace);
}
