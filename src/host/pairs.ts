/** Finds the other end of every veth: by ifindex and by namespace, because ifindexes repeat between namespaces. */
import type { Device } from '../model/topology.js';
import type { DeviceLink } from './links.js';
import type { NamespaceReading } from './survey.js';

export type Readings = ReadonlyMap<number, NamespaceReading>;

/** Devices of every namespace that was read, with each veth's other end where it is certain. */
export function pairDevices(readings: Readings): Map<number, Device[]> {
  const neighbours = resolveNeighbours(readings);
  return new Map(
    [...readings].map(([inode, { links }]) => [
      inode,
      links.map((link) => toDevice(link, findPeerNamespace(inode, link, readings, neighbours))),
    ]),
  );
}

/**
 * Namespaces with a veth whose other end is unknown because the kernel was not asked for it: worth a second look.
 * @param devices as {@link pairDevices} made them from these readings.
 */
export function listUnresolved(
  readings: Readings,
  devices: ReadonlyMap<number, readonly Device[]>,
): number[] {
  return [...readings.keys()].filter(
    (inode) =>
      readings.get(inode)?.named === 'none' &&
      devices
        .get(inode)
        ?.some(({ kind, peerNamespace }) => kind === 'veth' && peerNamespace === null),
  );
}

function toDevice(link: DeviceLink, peerNamespace: number | null): Device {
  const { ifindex, name, kind, addresses, master, linkIfindex, tunnel, tap } = link;
  const peerIfindex = isVeth(link) ? linkIfindex : null;
  const device = { ifindex, name, kind, addresses, master, peerIfindex, peerNamespace };
  return { ...device, ...(tunnel && { tunnel }), ...(tap && { tap }) };
}

function findPeerNamespace(
  inode: number,
  link: DeviceLink,
  readings: Readings,
  neighbours: ReadonlyMap<string, number>,
): number | null {
  if (!isVeth(link) || link.linkIfindex === null) return null;
  if (link.linkNamespaceId === null) return holdsMate(readings, inode, link) ? inode : null;
  const other = neighbours.get(key(inode, link.linkNamespaceId));
  if (other === undefined) return null;
  // A namespace that was not read cannot contradict; one that was read must point back.
  return !readings.has(other) || holdsMate(readings, other, link) ? other : null;
}

/**
 * (namespace, number) → the namespace that the number means. The kernel's answer comes first. Where the kernel could
 * not be asked, it is the one namespace whose veths point back with the same two indexes for every veth with that
 * number.
 */
function resolveNeighbours(readings: Readings): Map<string, number> {
  const resolved = new Map<string, number>();
  for (const [inode, { ids }] of readings) {
    for (const [id, other] of ids) if (other !== null) resolved.set(key(inode, id), other);
  }
  for (const [inode, reading] of readings) {
    const taken = new Set([...reading.ids.values(), inode]);
    for (const [id, links] of groupByNeighbour(reading)) {
      if (resolved.has(key(inode, id))) continue;
      const candidates = [...readings.keys()].filter(
        (other) =>
          !taken.has(other) && links.every((link) => pointsBack(readings, other, link, inode)),
      );
      const [only] = candidates;
      if (candidates.length === 1 && only !== undefined) resolved.set(key(inode, id), only);
    }
  }
  return resolved;
}

function pointsBack(readings: Readings, other: number, link: DeviceLink, inode: number): boolean {
  const mate = findMate(readings, other, link);
  const reading = readings.get(other);
  if (!mate || !reading || mate.linkNamespaceId === null) return false;
  const back = reading.ids.get(mate.linkNamespaceId) ?? null;
  // Equal indexes alone are a guess, made only when the kernel cannot be asked on either side.
  return back === null
    ? reading.named === 'some' && readings.get(inode)?.named === 'some'
    : back === inode;
}

function groupByNeighbour(reading: NamespaceReading): Map<number, DeviceLink[]> {
  const groups = new Map<number, DeviceLink[]>();
  for (const link of reading.links) {
    if (!isVeth(link) || link.linkNamespaceId === null) continue;
    groups.set(link.linkNamespaceId, [...(groups.get(link.linkNamespaceId) ?? []), link]);
  }
  return groups;
}

function holdsMate(readings: Readings, inode: number, link: DeviceLink): boolean {
  return findMate(readings, inode, link) !== undefined;
}

/** The veth in that namespace whose index is this one's peer and whose peer is this one's index. */
function findMate(readings: Readings, inode: number, link: DeviceLink): DeviceLink | undefined {
  return readings
    .get(inode)
    ?.links.find(
      (mate) =>
        isVeth(mate) && mate.ifindex === link.linkIfindex && mate.linkIfindex === link.ifindex,
    );
}

function isVeth(link: DeviceLink): boolean {
  return link.kind === 'veth';
}

function key(inode: number, id: number): string {
  return `${inode}/${id}`;
}
