/** The places of a published port: a client outside, the host, its bridge, and two containers; a DNAT rule leads to the first. */
import { CONNTRACK, type ConntrackView } from '../../src/model/event.js';
import type { Device, NamespaceInfo, Topology } from '../../src/model/topology.js';

const OUTSIDE = 1;
export const HOST = 10;
const REDIS = 20;
const WEB = 21;

export const CLIENT = { address: '198.51.100.2', port: 40_000 };
export const PUBLISHED = { address: '198.51.100.1', port: 8080 };
export const CONTAINER = { address: '172.17.0.2', port: 6379 };

/** The entry of the host's conntrack. */
export const VIEW: ConntrackView = {
  id: 'c',
  status: CONNTRACK.DST_NAT,
  original: { source: CLIENT, destination: PUBLISHED },
  reply: { source: CONTAINER, destination: CLIENT },
};

/** A device of a namespace, passed one way. */
export interface Place {
  readonly namespace: number;
  readonly ifindex: number;
  readonly direction: 'in' | 'out';
  /** The packet bears the addresses behind the DNAT rule here. */
  readonly behind: boolean;
}

const out = (namespace: number, ifindex: number, behind: boolean): Place => {
  return { namespace, ifindex, direction: 'out', behind };
};
const into = (namespace: number, ifindex: number, behind: boolean): Place => {
  return { namespace, ifindex, direction: 'in', behind };
};

/** The way of a request; the first place behind NAT is the bridge. */
export const THERE: readonly Place[] = [
  out(OUTSIDE, 2, false),
  into(HOST, 3, false),
  out(HOST, 4, true),
  out(HOST, 5, true),
  into(REDIS, 2, true),
];

/** The way of a reply; NAT is undone before it leaves the host. */
export const BACK: readonly Place[] = [
  out(REDIS, 2, true),
  into(HOST, 5, true),
  into(HOST, 4, true),
  out(HOST, 3, false),
  into(OUTSIDE, 2, false),
];

/** Where a bridge that does not know the container's port sends a copy. */
export const FLOOD: readonly Place[] = [out(HOST, 6, true), into(WEB, 2, true)];

const device = (
  [ifindex, name, kind]: readonly [number, string, Device['kind']],
  addresses: readonly string[],
  peer: readonly [number, number] | null = null,
): Device => {
  const [peerNamespace, peerIfindex] = peer ?? [null, null];
  return { ifindex, name, kind, addresses, master: null, peerIfindex, peerNamespace };
};

const namespaces: readonly NamespaceInfo[] = [
  {
    inode: OUTSIDE,
    name: 'client',
    role: 'other',
    devices: [device([2, 'eth0', 'veth'], ['198.51.100.2/24'], [HOST, 3])],
  },
  {
    inode: HOST,
    name: 'host',
    role: 'host',
    devices: [
      device([3, 'ext0', 'veth'], ['198.51.100.1/24'], [OUTSIDE, 2]),
      device([4, 'docker0', 'bridge'], ['172.17.0.1/16']),
      device([5, 'vethA', 'veth'], [], [REDIS, 2]),
      device([6, 'vethB', 'veth'], [], [WEB, 2]),
    ],
  },
  {
    inode: REDIS,
    name: 'redis',
    role: 'container',
    devices: [device([2, 'eth0', 'veth'], ['172.17.0.2/16'], [HOST, 5])],
  },
  {
    inode: WEB,
    name: 'web',
    role: 'container',
    devices: [device([2, 'eth0', 'veth'], ['172.17.0.3/16'], [HOST, 6])],
  },
];

export const TOPOLOGY: Topology = {
  host: HOST,
  namespaces,
  containers: [],
  relays: [],
  listeners: [],
  engine: null,
  problems: [],
};
