/** Reads the network devices of one namespace from iproute2's JSON. */
import { canonicalAddress } from '../model/address.js';
import type { Device } from '../model/topology.js';
import type { TUNNELS } from '../model/kernel-names.js';

/** A device as `ip` shows it, before its other end is resolved. */
export interface DeviceLink extends Omit<Device, 'peerIfindex' | 'peerNamespace'> {
  /** ifindex of what it is linked to (a veth's other end, a VLAN's parent); null for none. */
  readonly linkIfindex: number | null;
  /** This namespace's id (nsid) of the linked device's namespace; null when that is this one, or not known. */
  readonly linkNamespaceId: number | null;
}

/**
 * Reads the output of `ip -j -d addr`. Unknown fields are ignored, and so are devices without index or name.
 * Throws SyntaxError for text that is not a JSON list.
 */
export function parseLinks(text: string): DeviceLink[] {
  const list = parseOdd(text);
  if (!Array.isArray(list)) throw new SyntaxError('expected a list of devices');
  const raw = list.filter(isRecord);
  const byName = new Map(raw.map((device) => [device['ifname'], toIndex(device['ifindex'])]));
  return raw.flatMap((device) => {
    const ifindex = toIndex(device['ifindex']);
    const name = device['ifname'];
    if (ifindex === null || typeof name !== 'string') return [];
    return [
      {
        ifindex,
        name,
        kind: findKind(device),
        addresses: readAddresses(device['addr_info']),
        master: byName.get(device['master']) ?? null,
        // ip prints the name of a linked device in the same namespace, its index when it is in another.
        linkIfindex: toIndex(device['link_index']) ?? byName.get(device['link']) ?? null,
        linkNamespaceId: toCount(device['link_netnsid']),
        ...findTunnel(device),
        ...(infoKind(device) === 'tun' && { tap: true }),
      },
    ];
  });
}

/**
 * Reads the output of one or more `ip -j netns list-id`, one JSON list a line: number of a namespace → name under which
 * `ip` found it (null without). Throws SyntaxError for a line that is not a JSON list.
 */
export function parseNamespaceIds(text: string): Map<number, string | null> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const entries = lines.flatMap((line) => {
    const list = parseOdd(line);
    if (!Array.isArray(list)) throw new SyntaxError('expected a list of namespace numbers');
    return list.filter(isRecord);
  });
  return new Map(
    entries.flatMap((entry) => {
      const id = toCount(entry['nsid']);
      const name = entry['name'];
      return id === null ? [] : [[id, typeof name === 'string' ? name : null] as const];
    }),
  );
}

/**
 * JSON as `ip` writes it. A device's name may hold any byte but a space, a slash and a colon: iproute2 writes control
 * characters as they are and an apostrophe as `\\'`, neither of which is JSON.
 */
function parseOdd(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.trim().replace(/\\(.)|[\u0000-\u001f]/gs, repair));
  }
}

function repair(found: string, escaped: string | undefined): string {
  if (escaped === undefined) return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  if (escaped === "'") return "'";
  return '"\\/bfnrtu'.includes(escaped) ? found : `\\\\${escaped}`;
}

function findKind(device: Record<string, unknown>): Device['kind'] {
  const info = infoKind(device);
  if (info === 'veth' || info === 'bridge') return info;
  const flags = device['flags'];
  const loopback = device['link_type'] === 'loopback' || includes(flags, 'LOOPBACK');
  return loopback ? 'loopback' : 'other';
}

function infoKind(device: Record<string, unknown>): unknown {
  return isRecord(device['linkinfo']) ? device['linkinfo']['info_kind'] : undefined;
}

/** iproute2's names of devices that encapsulate packets. */
const TUNNEL_KINDS: Readonly<Record<string, (typeof TUNNELS)[number]>> = {
  vxlan: 'vxlan',
  geneve: 'geneve',
  ipip: 'ipip',
  gre: 'gre',
  gretap: 'gre',
  ip6gre: 'gre',
  ip6gretap: 'gre',
  wireguard: 'wireguard',
};

function findTunnel(device: Record<string, unknown>): Pick<Device, 'tunnel'> {
  const info = isRecord(device['linkinfo']) ? device['linkinfo'] : {};
  const { info_kind: name, info_data: data } = info;
  const kind = typeof name === 'string' ? TUNNEL_KINDS[name] : undefined;
  if (kind === undefined) return {};
  return { tunnel: { kind, id: isRecord(data) ? toCount(data['id']) : null } };
}

function readAddresses(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  // The kernel does not use an IPv6 address that failed duplicate address detection.
  const used = list.filter(isRecord).filter(({ dadfailed }) => dadfailed !== true);
  return used.flatMap((entry) => {
    const address = typeof entry['local'] === 'string' ? canonicalAddress(entry['local']) : null;
    const length = toCount(entry['prefixlen']);
    return address === null || length === null ? [] : [`${address}/${length}`];
  });
}

function includes(list: unknown, word: string): boolean {
  return Array.isArray(list) && list.includes(word);
}

function toIndex(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : null;
}

function toCount(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
