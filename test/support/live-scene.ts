/** Events of one connection as the kernel would tell them, written by hand: what is true of it is known by construction. */
import type { Endpoint } from '../../src/model/address.js';
import {
  CONNTRACK,
  type ConntrackView,
  type CounterEvent,
  type DropEvent,
  type PacketEvent,
  type Protocol,
  type StateEvent,
  type TraceEvent,
} from '../../src/model/event.js';
import type { Connection } from '../../src/model/report.js';
import type { Trace, TraceTail } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { readSample } from './samples.js';

const { header, tail } = readSample('dnat-outside');
const { host, namespaces } = header.topology;
const deviceOf = (namespace: number, name: string): number => {
  const place = namespaces.find(({ inode }) => inode === namespace);
  const found = place?.devices.find((device) => device.name === name);
  if (!found) throw new Error(`no device ${name}`);
  return found.ifindex;
};
const server = namespaces.find(({ name }) => name === 'redis')?.inode ?? 0;
const veth = namespaces
  .find(({ inode }) => inode === host)
  ?.devices.find(({ peerNamespace }) => peerNamespace === server);

export const CLIENT: Endpoint = { address: '198.51.100.2', port: 40_000 };
export const PUBLISHED: Endpoint = { address: '198.51.100.1', port: 8080 };
export const CONTAINER: Endpoint = { address: '172.17.0.2', port: 6379 };

interface Place {
  readonly namespace: number;
  readonly ifindex: number;
}
const EXT: Place = { namespace: host, ifindex: deviceOf(host, 'ext0') };
const BRIDGE: Place = { namespace: host, ifindex: deviceOf(host, 'docker0') };
const VETH: Place = { namespace: host, ifindex: veth?.ifindex ?? 0 };
const ETH: Place = { namespace: server, ifindex: deviceOf(server, 'eth0') };

/** Where a packet dies, and of what. */
export type Death = Pick<DropEvent, 'reason' | 'function'> & {
  /** How many places it is seen at before; 0 for one that dies before any device. */
  readonly after: number;
  readonly mtu?: number;
  /** Status of the conntrack entry that it carries as it dies, where it had none at the last place. */
  readonly status?: number;
};

export interface Segment {
  readonly flags: number;
  readonly seq: number;
  readonly ack?: number;
  readonly length?: number;
  readonly dies?: Death;
  /** Sent by a socket of its own (an abortive close), and not by a rule. */
  readonly socket?: string;
}

const MS = 1_000_000;

/** `dnat`: a client outside, a published port, a container. `host`: the host's own address, nothing rewritten. */
export class LiveScene {
  readonly events: TraceEvent[] = [];
  #time = 0;
  #skb = 0;

  constructor(
    readonly way: 'dnat' | 'host' = 'dnat',
    readonly protocol: Protocol = 'tcp',
  ) {}

  wait(milliseconds: number): this {
    this.#time += milliseconds * MS;
    return this;
  }

  /** A packet of the client's side, at each place that it passes. */
  request(segment: Segment): this {
    return this.#send(segment, true);
  }

  reply(segment: Segment): this {
    return this.#send(segment, false);
  }

  /** A reset that the host makes in the server's name. */
  forged({ flags, seq, ack = 0 }: Segment): this {
    const ends = { source: PUBLISHED, destination: CLIENT, conntrack: this.#view };
    this.#skb += 1;
    this.#push(this.#packet({ flags, seq, ack }, { ...EXT, direction: 'out', ...ends }));
    return this;
  }

  /** The server's socket changes its state. */
  state(from: number, to: number, more: Partial<StateEvent> = {}): this {
    const local = this.way === 'host' ? PUBLISHED : CONTAINER;
    const ends = { socket: 'ff01', local, remote: CLIENT };
    const task = { pid: 0, tid: 0, command: 'swapper' };
    const namespace = this.way === 'host' ? host : server;
    this.#push({ kind: 'state', ...this.#next(), namespace, ...task, ...ends, from, to, ...more });
    return this;
  }

  /** Packets of one side at the outer device that were only counted. */
  counted(request: boolean, packets = 3): this {
    const event: CounterEvent = {
      kind: 'counter',
      ...this.#next(),
      ...EXT,
      direction: request ? 'in' : 'out',
      protocol: this.protocol,
      source: request ? CLIENT : PUBLISHED,
      destination: request ? PUBLISHED : CLIENT,
      packets,
      bytes: 0,
    };
    this.#push(event);
    return this;
  }

  /** Any event, at the scene's time. */
  add(event: (base: { id: number; time: number }) => TraceEvent): this {
    this.#push(event(this.#next()));
    return this;
  }

  trace(change: Partial<TraceTail> = {}): Trace {
    const port = PUBLISHED.port;
    const target = { ...header.target, protocol: 'all' as const, asked: [port] };
    const whole = { ...tail, lostEvents: 0, sealed: true, truncated: false, notes: [] };
    return {
      source: 'live',
      header: { ...header, client: null, target },
      events: this.events,
      tail: { ...whole, skippedRuns: undefined, ...change },
    };
  }

  /** The one connection of the report. */
  tell(change: Partial<TraceTail> = {}): Connection {
    const { connections } = analyse(this.trace(change));
    const [one, ...more] = connections;
    if (!one || more.length > 0) throw new Error(`${connections.length} connections`);
    return one;
  }

  get #view(): ConntrackView {
    const reply = this.way === 'dnat' ? CONTAINER : PUBLISHED;
    return {
      id: 'ffff0001',
      status: 0x188 | (this.way === 'dnat' ? CONNTRACK.DST_NAT : 0),
      original: { source: CLIENT, destination: PUBLISHED },
      reply: { source: reply, destination: CLIENT },
    };
  }

  #send(segment: Segment, request: boolean): this {
    this.#skb += 1;
    const { dies } = segment;
    const all = this.#sights(request);
    const sights = all.slice(0, dies?.after ?? all.length);
    for (const sight of sights) this.#push(this.#packet(segment, sight));
    if (!dies) return this;
    const { conntrack: seen, ...last } = sights.at(-1) ?? this.#start(request);
    // It may have been rewritten behind the last place that it was seen at.
    const next = all[dies.after];
    const rewritten = next?.namespace === last.namespace ? next : { ...last, conntrack: seen };
    const { reason, function: place, mtu = null, status } = dies;
    const { source, destination } = rewritten;
    const conntrack = status === undefined ? rewritten.conntrack : { ...this.#view, status };
    const fields = this.#fields(segment, { ...last, source, destination, conntrack });
    this.#push({ kind: 'drop', ...fields, reason, function: place, mtu });
    return this;
  }

  /** A packet that a process of the host sends has no device yet. */
  #start(request: boolean): Pick<PacketEvent, 'source' | 'destination' | 'conntrack'> & {
    namespace: number;
    ifindex: number | null;
  } {
    const [source, destination] = request ? [CLIENT, PUBLISHED] : [PUBLISHED, CLIENT];
    return { namespace: host, ifindex: null, source, destination, conntrack: this.#view };
  }

  #sights(request: boolean): Sight[] {
    const [source, destination] = request ? [CLIENT, PUBLISHED] : [PUBLISHED, CLIENT];
    const outer = { ...EXT, source, destination };
    const conntrack = this.#view;
    if (this.way === 'host') {
      return [
        { ...outer, direction: request ? 'in' : 'out', conntrack: request ? null : conntrack },
      ];
    }
    const inner = request ? { source, destination: CONTAINER } : { source: CONTAINER, destination };
    return request
      ? [
          { ...outer, direction: 'in', conntrack: null },
          { ...BRIDGE, ...inner, direction: 'out', conntrack },
          { ...VETH, ...inner, direction: 'out', conntrack },
          { ...ETH, ...inner, direction: 'in', conntrack: null },
        ]
      : [
          { ...ETH, ...inner, direction: 'out', conntrack: null },
          { ...VETH, ...inner, direction: 'in', conntrack: null },
          { ...BRIDGE, ...inner, direction: 'in', conntrack },
          { ...outer, direction: 'out', conntrack },
        ];
  }

  #packet(segment: Segment, { direction, ...sight }: Sight): PacketEvent {
    return { kind: 'packet', ...this.#fields(segment, sight), direction };
  }

  #fields({ flags, seq, ack = 0, length = 0, socket }: Segment, sight: Omit<Sight, 'direction'>) {
    return {
      ...this.#next(),
      ...sight,
      skb: `ffff88${this.#skb.toString(16).padStart(4, '0')}`,
      socket: socket ?? null,
      protocol: this.protocol,
      seq: seq % 2 ** 32,
      ack: ack % 2 ** 32,
      flags,
      length,
    };
  }

  #next(): { id: number; time: number } {
    this.#time += 10_000;
    return { id: this.events.length + 1, time: this.#time };
  }

  #push(event: TraceEvent): void {
    this.events.push(event);
  }
}

type Sight = Pick<
  PacketEvent,
  'namespace' | 'ifindex' | 'direction' | 'source' | 'destination' | 'conntrack'
>;
