/** Traces written as stories: a client dials, a rule rewrites, a process accepts, a container answers; the truth is what was told. */
import type { Endpoint } from '../../src/model/address.js';
import {
  CONNTRACK,
  TCP,
  TCP_STATE,
  type AcceptEvent,
  type AsideEvent,
  type ConntrackView,
  type CopyEvent,
  type DropEvent,
  type MoveEvent,
  type PacketEvent,
  type StateEvent,
  type TraceEvent,
} from '../../src/model/event.js';
import type { Device, Topology } from '../../src/model/topology.js';
import { WITNESSES, type Trace, type TraceTail } from '../../src/model/trace.js';

export const HOST = 1;
export const CONTAINER = 2;
export const CLIENT = 3;

/** `address#port` */
export function at(text: string): Endpoint {
  const [address = '', port = '0'] = text.split('#');
  return { address, port: Number(port) };
}

export const PUBLISHED = '198.51.100.1#8080';
export const TARGET = '172.17.0.2#6379';

export interface Process {
  readonly pid: number;
  readonly command: string;
  readonly namespace?: number;
}

export const CURL: Process = { pid: 10, command: 'curl', namespace: CLIENT };
export const SERVER: Process = { pid: 20, command: 'redis-server', namespace: CONTAINER };
export const SOCAT: Process = { pid: 30, command: 'socat' };
export const PROXY: Process = { pid: 40, command: 'docker-proxy' };
export const NGINX: Process = { pid: 50, command: 'nginx' };

/** One place that a packet passes. */
interface Hop {
  readonly namespace: number;
  readonly ifindex: number;
  readonly direction: 'in' | 'out';
  /** Where it bears the address behind NAT. */
  readonly rewritten?: boolean;
  /** Where it carries its conntrack entry. */
  readonly tracked?: boolean;
}

const EXT = 2;
const BRIDGE = 3;
const ETH = 4;

export const WAYS = {
  /** From elsewhere through the host into the container. */
  through: [
    { namespace: CLIENT, ifindex: 2, direction: 'out' },
    { namespace: HOST, ifindex: EXT, direction: 'in' },
    { namespace: HOST, ifindex: BRIDGE, direction: 'out', rewritten: true, tracked: true },
    { namespace: CONTAINER, ifindex: ETH, direction: 'in', rewritten: true },
  ],
  /** From elsewhere to the host. */
  toHost: [
    { namespace: CLIENT, ifindex: 2, direction: 'out' },
    { namespace: HOST, ifindex: EXT, direction: 'in', tracked: true },
  ],
  /** From the host into the container. */
  fromHost: [
    { namespace: HOST, ifindex: BRIDGE, direction: 'out', rewritten: true, tracked: true },
    { namespace: CONTAINER, ifindex: ETH, direction: 'in', rewritten: true },
  ],
} satisfies Record<string, readonly Hop[]>;

export interface TalkOptions {
  readonly client: string;
  /** What the client dials. */
  readonly server: string;
  /** Where NAT leads it; as dialled without NAT. */
  readonly target?: string;
  readonly way: readonly Hop[];
  /** Sequence number of the client's SYN. */
  readonly seq?: number;
  /** Kernel addresses of both sockets. */
  readonly sockets?: readonly [client: string, server: string];
}

/** One TCP connection, packet by packet, at every hop of its way. */
export class Talk {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly target: Endpoint;
  readonly sockets: readonly [string, string];
  /** The next byte of either side. */
  readonly #next: { client: number; server: number };

  constructor(
    private readonly story: Story,
    private readonly options: TalkOptions,
  ) {
    const { client, server, target = server, seq = 1000 } = options;
    this.client = at(client);
    this.server = at(server);
    this.target = at(target);
    this.sockets = options.sockets ?? [`c${client}`, `s${client}`];
    this.#next = { client: seq, server: seq + 500_000 };
  }

  /** SYN, SYN+ACK and ACK. */
  handshake(): this {
    this.send('client', { flags: TCP.SYN });
    this.send('server', { flags: TCP.SYN | TCP.ACK });
    return this.send('client', { flags: TCP.ACK });
  }

  /** Bytes of the client, acknowledged. */
  request(length: number): this {
    this.send('client', { flags: TCP.ACK, length });
    return this.send('server', { flags: TCP.ACK });
  }

  /** Bytes of the server, acknowledged. */
  reply(length: number): this {
    this.send('server', { flags: TCP.ACK, length });
    return this.send('client', { flags: TCP.ACK });
  }

  close(): this {
    this.send('client', { flags: TCP.ACK | TCP.FIN });
    this.send('server', { flags: TCP.ACK | TCP.FIN });
    return this.send('client', { flags: TCP.ACK });
  }

  /** One packet over all hops. @param change of every sighting, or of one. */
  send(
    from: 'client' | 'server',
    fields: Partial<PacketEvent>,
    change: (packet: PacketEvent, hop: number) => PacketEvent | null = (packet) => packet,
  ): this {
    const { way } = this.options;
    const request = from === 'client';
    const flags = fields.flags ?? TCP.ACK;
    const skb = this.story.newSkb();
    const seq = this.#next[from];
    const ack = (flags & TCP.ACK) === 0 ? 0 : this.#next[request ? 'server' : 'client'];
    const hops = request ? way : [...way].reverse();
    for (const [index, hop] of hops.entries()) {
      const far = hop.rewritten ? this.target : this.server;
      const packet = this.story.makePacket({
        namespace: hop.namespace,
        ifindex: hop.ifindex,
        direction: request === (hop.direction === 'in') ? 'in' : 'out',
        source: request ? this.client : far,
        destination: request ? far : this.client,
        conntrack: hop.tracked ? this.view() : null,
        // The kernel takes the socket off where the packet leaves its namespace.
        socket: index === 0 ? this.sockets[request ? 0 : 1] : null,
        skb,
        seq,
        ack,
        flags,
        length: 0,
        ...fields,
      });
      const changed = change(packet, index);
      if (changed) this.story.events.push(changed);
    }
    const length = fields.length ?? 0;
    this.#next[from] += length + ((flags & (TCP.SYN | TCP.FIN)) === 0 ? 0 : 1);
    return this;
  }

  /** The host's conntrack entry. */
  view(): ConntrackView {
    const { client, server, target } = this;
    const rewritten = server.address !== target.address || server.port !== target.port;
    return {
      id: `ct${client.address}${client.port}`,
      status: 0x188 | (rewritten ? CONNTRACK.DST_NAT : 0),
      original: { source: client, destination: server },
      reply: { source: target, destination: client },
    };
  }

  /** The client's process dials. */
  dial(process: Process, more: Partial<StateEvent> = {}): this {
    this.story.tell({
      ...this.story.stamp(),
      kind: 'state',
      ...this.story.actor(process),
      socket: this.sockets[0],
      local: { ...this.client, port: 0 },
      remote: this.server,
      from: TCP_STATE.CLOSE,
      to: TCP_STATE.SYN_SENT,
      ...more,
    });
    return this;
  }

  /** The server's process accepts. */
  accept(process: Process, more: Partial<AcceptEvent> = {}): this {
    this.story.tell({
      ...this.story.stamp(),
      kind: 'accept',
      ...this.story.actor(process),
      socket: this.sockets[1],
      local: this.target,
      remote: this.client,
      fd: 5,
      ...more,
    });
    return this;
  }

  /** A process reads from or writes to its end of the connection. */
  call(
    process: Process,
    end: 'client' | 'server',
    operation: 'read' | 'write',
    bytes: number,
    more: Partial<CopyEvent> = {},
  ): this {
    const ends = this.ends(end);
    const key = `${ends.socket}|${operation}`;
    this.story.tell({
      ...this.story.stamp(),
      kind: 'copy',
      protocol: 'tcp',
      ...this.story.actor(process),
      ...ends,
      operation,
      fd: end === 'client' ? 6 : 5,
      bytes,
      total: this.story.count(key, bytes),
      calls: this.story.count(`${key}|calls`, 1),
      buffer: 'b0',
      mark: bytes,
      tail: 0,
      life: 1,
      ...more,
    });
    return this;
  }

  /** The socket of one end, as its process has it. */
  ends(end: 'client' | 'server'): Pick<CopyEvent, 'socket' | 'local' | 'remote'> {
    return end === 'client'
      ? { socket: this.sockets[0], local: this.client, remote: this.server }
      : { socket: this.sockets[1], local: this.target, remote: this.client };
  }
}

const MICROSECOND = 1000;

export class Story {
  readonly events: TraceEvent[] = [];
  readonly #counts = new Map<string, number>();
  #time = 1_000_000_000;
  #id = 0;
  #skb = 0;

  talk(options: TalkOptions): Talk {
    return new Talk(this, options);
  }

  /** Lets nanoseconds pass. */
  wait(nanoseconds: number): this {
    this.#time += nanoseconds;
    return this;
  }

  tell(event: TraceEvent): this {
    this.events.push(event);
    return this;
  }

  stamp(): { id: number; time: number } {
    this.#id += 1;
    this.#time += MICROSECOND;
    return { id: this.#id, time: this.#time };
  }

  newSkb(): string {
    this.#skb += 1;
    return `skb${this.#skb}`;
  }

  /** @returns the sum so far. */
  count(key: string, more: number): number {
    const sum = (this.#counts.get(key) ?? 0) + more;
    this.#counts.set(key, sum);
    return sum;
  }

  actor({ pid, command, namespace = HOST }: Process): {
    namespace: number;
    pid: number;
    tid: number;
    command: string;
  } {
    return { namespace, pid, tid: pid, command };
  }

  makePacket(
    fields: Partial<PacketEvent> & Pick<PacketEvent, 'source' | 'destination'>,
  ): PacketEvent {
    return {
      ...this.stamp(),
      kind: 'packet',
      namespace: HOST,
      ifindex: EXT,
      direction: 'in',
      skb: null,
      socket: null,
      protocol: 'tcp',
      seq: 0,
      ack: 0,
      flags: TCP.ACK,
      length: 0,
      conntrack: null,
      ...fields,
    };
  }

  /** The last packet is thrown away where it was last seen. */
  drop(reason: string, at: string, more: Partial<DropEvent> = {}): this {
    const packet = this.events.findLast((event) => event.kind === 'packet');
    if (!packet) throw new RangeError('no packet to drop');
    const { protocol, source, destination, seq, ack, flags, length, namespace, ifindex } = packet;
    const fields = { protocol, source, destination, seq, ack, flags, length, namespace, ifindex };
    const { skb, socket, conntrack } = packet;
    return this.tell({
      ...this.stamp(),
      kind: 'drop',
      ...fields,
      skb,
      socket,
      conntrack,
      reason,
      function: at,
      ...more,
    });
  }

  /** A process splices bytes from one end of a connection into an end of another. */
  splice(
    process: Process,
    [from, fromEnd]: readonly [Talk, 'client' | 'server'],
    [to, toEnd]: readonly [Talk, 'client' | 'server'],
    bytes: number,
    more: Partial<MoveEvent> = {},
  ): this {
    const { pid, tid, command } = this.actor(process);
    const key = `${from.ends(fromEnd).socket}>${to.ends(toEnd).socket}`;
    return this.tell({
      ...this.stamp(),
      kind: 'move',
      pid,
      tid,
      command,
      fds: [7, 8],
      bytes,
      from: from.ends(fromEnd),
      to: to.ends(toEnd),
      total: this.count(key, bytes),
      calls: this.count(`${key}|calls`, 1),
      ...more,
    });
  }

  /** A process does something beside its connections. */
  aside(process: Process, what: AsideEvent['what'], more: Partial<AsideEvent> = {}): this {
    const { pid, tid, command } = this.actor(process);
    return this.tell({
      ...this.stamp(),
      kind: 'aside',
      what,
      operation: 'write',
      pid,
      tid,
      command,
      fd: 9,
      bytes: 10,
      calls: 1,
      object: `o${what}`,
      peer: '0',
      local: null,
      remote: null,
      ...more,
    });
  }

  /** The whole trace, sealed and complete unless told otherwise. */
  trace({ tail = {}, topology = {} }: StoryFrame = {}): Trace {
    return {
      source: 'live',
      header: {
        program: 'test',
        epoch: 0n,
        target: {
          protocol: 'all',
          asked: [8080],
          ports: [6379, 8080],
          containers: ['redis'],
          addresses: [at(TARGET).address],
          mappings: [{ protocol: 'tcp', listens: at('0.0.0.0#8080'), target: at(TARGET) }],
        },
        client: null,
        topology: { ...makeTopology(), ...topology },
        probes: { attached: ['everything'], missing: [], witnesses: [...WITNESSES] },
      },
      events: this.events,
      tail: {
        lostEvents: 0,
        unparsedPackets: 0,
        truncated: false,
        sealed: true,
        notes: [],
        ...tail,
      },
    };
  }
}

export interface StoryFrame {
  readonly tail?: Partial<TraceTail>;
  readonly topology?: Partial<Topology>;
}

function makeTopology(): Topology {
  const device = (
    ifindex: number,
    name: string,
    kind: Device['kind'],
    ...addresses: string[]
  ): Device => ({
    ifindex,
    name,
    kind,
    addresses,
    master: null,
    peerIfindex: null,
    peerNamespace: null,
  });
  const lo = device(1, 'lo', 'loopback', '127.0.0.1/8');
  return {
    host: HOST,
    namespaces: [
      {
        inode: HOST,
        name: 'host',
        role: 'host',
        devices: [
          lo,
          device(EXT, 'ext0', 'veth', '198.51.100.1/24'),
          device(BRIDGE, 'docker0', 'bridge', '172.17.0.1/16'),
        ],
      },
      {
        inode: CONTAINER,
        name: 'redis',
        role: 'container',
        devices: [lo, device(ETH, 'eth0', 'veth', '172.17.0.2/16')],
      },
      {
        inode: CLIENT,
        name: 'client',
        role: 'other',
        devices: [lo, device(2, 'eth0', 'veth', '198.51.100.2/24')],
      },
    ],
    containers: [
      {
        id: 'c0ffee',
        name: 'redis',
        pid: SERVER.pid,
        namespace: CONTAINER,
        networkMode: 'bridge',
        networks: [
          { name: 'bridge', bridge: 'docker0', addresses: ['172.17.0.2'], gateway: '172.17.0.1' },
        ],
        published: [
          { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, containerPort: 6379 },
        ],
      },
    ],
    relays: [],
    listeners: [],
    engine: null,
    problems: [],
  };
}
