/** Finds how a packet's journey ended, from the place where it was last seen. */
import { isLoopback } from '../../model/address.js';
import type { DropEvent } from '../../model/event.js';
import type { Device, NamespaceInfo, Topology } from '../../model/topology.js';
import type { JourneyEnd, Sight } from './journey.js';

export interface EndContext {
  readonly topology: Topology;
  /** Whether a drop ends no journey: it concerns another host's copy, or a packet that had been received. */
  readonly isInnocent: (drop: DropEvent) => boolean;
}

/** @param goal the packet's final address: the one that it bears now may still be rewritten */
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

/** Whether the other end of a device is in no traced namespace. */
function isWayOut(device: Device, namespaces: readonly NamespaceInfo[]): boolean {
  if (device.kind === 'bridge' || device.kind === 'loopback') return false;
  return !namespaces.some(({ inode }) => inode === device.peerNamespace);
}
