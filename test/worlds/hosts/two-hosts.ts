/** Two hosts and the wire between them, packet by packet: each records by its own clock, and the truth is known. */

import type { Endpoint } from '../../../src/model/address.js';
import {
  CONNTRACK,
  TCP,
  TCP_STATE,
  type ConntrackView,
  type PacketEvent,
  type TraceEvent,
  type TuplePair,
} from '../../../src/model/event.js';
import type { Device, Topology } from '../../../src/model/topology.js';
import { WITNESSES, type Trace, type TraceTail } from '../../../src/model/trace.js';
import { at } from '../../support/story.js';

/** Namespaces; both hosts use the same numbers, as the first namespaces of two kernels do. */
export const HOST = 1;
export const CONTAINER = 2;
export const OVERLAY = 3;

export const WIRE = { a: '198.18.0.1', b: '198.18.0.2' } as const;
export const INSIDE = { a: '172.17.0.2', b: '172.20.0.2' } as const;
export const ON_OVERLAY = { a: '10.0.1.4', b: '10.0.1.2' } as const;

/** Devices: what leads outside, the bridge, the container's own, the wire between both hosts, and in the overlay's namespace. */
export const EXT = 2;
export const BRIDGE = 3;
export const ETH = 4;
export const LINK = 5;
export const PORT = 16;
export const VXLAN = 12;

export type Name = 'a' | 'b';

/** A place on the way of the client's packets, with the ends that they bear there. */
export interface Place {
  readonly host: Name;
  readonly namespace: number;
  readonly ifindex: number;
  readonly direction: 'in' | 'out';
  readonly client: Endpoint;
  readonly server: Endpoint;
  /** The entry that they carry there: the original and the reply tuple. */
  readonly entry?: { readonly original: TuplePair; readonly reply: TuplePair };
}

export interface Sending {
  readonly from: 'client' | 'server';
  readonly flags: number;
  readonly length?: number;
  /** Lost on the wire between both hosts. */
  readonly lost?: boolean;
  /** Sent again: with the numbers of the one before. */
  readonly again?: boolean;
}

export interface WayOptions {
  readonly places: readonly Place[];
  /** Places that answers do not pass. */
  readonly oneWay?: (place: Place) => boolean;
  readonly seq: number;
  /** Kernel addresses of the client's and the server's socket. */
  readonly sockets: readonly [string, string];
  /** Nanoseconds between both hosts, each way. */
  readonly delay: () => number;
}

export class TwoHosts {
  readonly events: Record<Name, TraceEvent[]> = { a: [], b: [] };
  readonly #ahead: Record<Name, number>;
  #time = 1_000_000_000;
  #id = 0;
  #skb = 0;

  /** @param ahead nanoseconds that each clock is ahead of the true time */
  constructor(ahead: Record<Name, number>) {
    this.#ahead = ahead;
  }

  get now(): number {
    return this.#time;
  }

  wait(nanoseconds: number): void {
    this.#time += nanoseconds;
  }

  stamp(host: Name): { id: number; time: number } {
    this.#id += 1;
    this.#time += 1_000;
    return { id: this.#id, time: this.#time + this.#ahead[host] };
  }

  nextSkb(): string {
    this.#skb += 1;
    // Each kernel has addresses of its own, which may well be the same.
    return `skb${this.#skb % 7}`;
  }

  way(options: WayOptions): Way {
    return new Way(this, options);
  }

  dial(host: Name, namespace: number, socket: string, local: Endpoint, remote: Endpoint): void {
    const { stamp } = { stamp: this.stamp(host) };
    this.events[host].push({
      ...stamp,
      kind: 'state',
      namespace,
      pid: 10,
      tid: 10,
      command: 'curl',
      socket,
      local: { ...local, port: 0 },
      remote,
      from: TCP_STATE.CLOSE,
      to: TCP_STATE.SYN_SENT,
    });
  }

  accept(
    host: Name,
    namespace: number,
    who: Who,
    socket: string,
    local: Endpoint,
    remote: Endpoint,
  ): void {
    const { pid, command } = who;
    this.events[host].push({
      ...this.stamp(host),
      kind: 'accept',
      namespace,
      pid,
      tid: pid,
      command,
      socket,
      local,
      remote,
      fd: 5,
    });
  }

  /** A process of the host reads or writes at its end. */
  call(host: Name, who: Who, ends: Ends, operation: 'read' | 'write', bytes: number): void {
    const { pid, command } = who;
    this.events[host].push({
      ...this.stamp(host),
      kind: 'copy',
      protocol: 'tcp',
      namespace: HOST,
      pid,
      tid: pid,
      command,
      ...ends,
      operation,
      fd: 5,
      bytes,
      total: bytes,
      calls: 1,
      buffer: 'b0',
      mark: bytes,
      tail: 0,
      life: 1,
    });
  }

  /** A relay of a host dials on. */
  dialOn(host: Name, who: Who, socket: string, local: Endpoint, remote: Endpoint): void {
    const { pid, command } = who;
    this.events[host].push({
      ...this.stamp(host),
      kind: 'state',
      namespace: HOST,
      pid,
      tid: pid,
      command,
      socket,
      local: { ...local, port: 0 },
      remote,
      from: TCP_STATE.CLOSE,
      to: TCP_STATE.SYN_SENT,
    });
  }

  splice(host: Name, who: Who, from: Ends, to: Ends, bytes: number): void {
    const { pid, command } = who;
    this.events[host].push({
      ...this.stamp(host),
      kind: 'move',
      pid,
      tid: pid,
      command,
      fds: [7, 8],
      bytes,
      from,
      to,
      total: bytes,
      calls: 1,
    });
  }

  /** What one host recorded, from the world's beginning to its end unless told otherwise. */
  trace(host: Name, ports: readonly number[], tail: Partial<TraceTail> = {}): Trace {
    const ahead = this.#ahead[host];
    const epoch = 1_790_000_000_000_000_000n;
    return {
      source: 'recording',
      header: {
        program: 'test',
        epoch,
        target: {
          protocol: 'all',
          asked: [...ports],
          ports: [...ports],
          containers: ['web'],
          addresses: [INSIDE[host], ON_OVERLAY[host]],
          mappings: [],
        },
        client: null,
        topology: makeTopology(host),
        probes: { attached: ['everything'], missing: [], witnesses: [...WITNESSES] },
      },
      events: this.events[host].map((event, index) => ({ ...event, id: index + 1 })),
      tail: {
        lostEvents: 0,
        unparsedPackets: 0,
        truncated: false,
        sealed: true,
        notes: [],
        span: { from: ahead, to: this.#time + ahead + 3_000_000_000 },
        ...tail,
      },
    };
  }
}

export interface Who {
  readonly pid: number;
  readonly command: string;
}

export interface Ends {
  readonly socket: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** One connection over all of its places. */
export class Way {
  readonly #next: { client: number; server: number };
  #last: { client: number; server: number };

  constructor(
    private readonly world: TwoHosts,
    private readonly options: WayOptions,
  ) {
    this.#next = { client: options.seq, server: (options.seq * 7919 + 12345) >>> 0 };
    this.#last = { ...this.#next };
  }

  send({ from, flags, length = 0, lost = false, again = false }: Sending): void {
    const { places, delay, oneWay = () => false } = this.options;
    const { world } = this;
    const request = from === 'client';
    const way = request ? places : [...places].reverse();
    const seq = again ? this.#last[from] : this.#next[from];
    const ack = (flags & TCP.ACK) === 0 ? 0 : this.#next[request ? 'server' : 'client'];
    let skb = world.nextSkb();
    let before = way[0]?.host;
    for (const [index, place] of way.entries()) {
      if (place.host !== before) {
        if (lost) break;
        world.wait(delay());
        skb = world.nextSkb();
        before = place.host;
      }
      if (!request && oneWay(place)) continue;
      // The kernel takes the socket off where the packet leaves its namespace.
      const socket = index === 0 ? this.options.sockets[request ? 0 : 1] : null;
      const fields = { skb, seq, ack, flags, length, socket };
      world.events[place.host].push(this.#show(place, request, fields));
    }
    if (again) return;
    this.#last[from] = seq;
    this.#next[from] = (seq + length + ((flags & (TCP.SYN | TCP.FIN)) === 0 ? 0 : 1)) >>> 0;
  }

  #show(
    place: Place,
    request: boolean,
    fields: Pick<PacketEvent, 'skb' | 'seq' | 'ack' | 'flags' | 'length' | 'socket'>,
  ): PacketEvent {
    const { host, namespace, ifindex, direction, client, server, entry } = place;
    return {
      ...this.world.stamp(host),
      kind: 'packet',
      protocol: 'tcp',
      namespace,
      ifindex,
      direction: request === (direction === 'in') ? 'in' : 'out',
      source: request ? client : server,
      destination: request ? server : client,
      conntrack: entry ? viewOf(entry) : null,
      ...fields,
    };
  }
}

function viewOf({ original, reply }: NonNullable<Place['entry']>): ConntrackView {
  const same = (a: Endpoint, b: Endpoint): boolean => a.address === b.address && a.port === b.port;
  const destination = same(original.destination, reply.source) ? 0 : CONNTRACK.DST_NAT;
  const source = same(original.source, reply.destination) ? 0 : CONNTRACK.SRC_NAT;
  const id = `ct${original.source.address}${original.source.port}`;
  return { id, status: 0x188 | destination | source, original, reply };
}

function device(
  ifindex: number,
  name: string,
  kind: Device['kind'],
  ...addresses: string[]
): Device {
  return { ifindex, name, kind, addresses, master: null, peerIfindex: null, peerNamespace: null };
}

function makeTopology(host: Name): Topology {
  const lo = device(1, 'lo', 'loopback', '127.0.0.1/8');
  const net = INSIDE[host].replace(/2$/, '1/16');
  return {
    host: HOST,
    namespaces: [
      {
        inode: HOST,
        name: 'host',
        role: 'host',
        devices: [
          lo,
          device(EXT, 'ext0', 'veth', host === 'a' ? '198.51.100.1/24' : '203.0.113.1/24'),
          device(BRIDGE, 'docker0', 'bridge', net),
          device(LINK, 'wire0', 'veth', `${WIRE[host]}/24`),
        ],
      },
      {
        inode: CONTAINER,
        name: 'web',
        role: 'container',
        devices: [lo, device(ETH, 'eth0', 'veth', `${INSIDE[host]}/16`, `${ON_OVERLAY[host]}/24`)],
      },
      {
        inode: OVERLAY,
        name: 'overlay-ov',
        role: 'other',
        devices: [
          device(PORT, 'veth0', 'veth'),
          { ...device(VXLAN, 'vxlan0', 'other'), tunnel: { kind: 'vxlan', id: 4097 } },
        ],
      },
    ],
    containers: [
      {
        id: `c0ffee${host}`,
        name: 'web',
        pid: 20,
        namespace: CONTAINER,
        networkMode: 'bridge',
        networks: [
          { name: 'bridge', bridge: 'docker0', addresses: [INSIDE[host]], gateway: null },
          { name: 'ov', bridge: null, addresses: [ON_OVERLAY[host]], gateway: null },
        ],
        published: [],
      },
    ],
    relays: [],
    listeners: [],
    engine: null,
    problems: [],
  };
}

export { at };
