/**
 * A small Docker host in memory: connections over every path as its devices would show them, with the truth of each.
 */
import { ipPacket, type End, type Segment, type Shot } from './wire-packets.js';

const FLAG = { FIN: 0x11, SYN: 0x02, SYN_ACK: 0x12, RST: 0x14, ACK: 0x10, PUSH: 0x18 } as const;
/** The sender's on each link: a container's own, else the host's or the outside client's. */
const HARDWARE = { host: '02:42:00:00:00:01', outside: '02:00:00:00:00:02' } as const;
const STEP = 5_000;

/** One device on the way of the requests; replies pass it the other way round. */
interface Hop {
  readonly device: string;
  readonly way: 'in' | 'out';
  readonly from: End;
  readonly to: End;
  /** How many routers were before and, for replies, after it. */
  readonly routed: 0 | 1;
}

/** What is true of one connection, under every pair of ends by which its client may be seen. */
export interface Truth {
  readonly protocol: 'tcp' | 'udp';
  readonly client: End;
  readonly path: 'dnat' | 'relay' | 'direct' | 'host';
  /** The relay's own end, where there is a relay. */
  readonly upstream: End | null;
  readonly container: End | null;
  /** The source as it is after masquerading. */
  readonly masqueraded: End | null;
}

export type Kind =
  | 'dnat'
  | 'relay-outside'
  | 'relay-loopback'
  | 'relay-bridge'
  | 'routed'
  | 'bridged'
  | 'own-address'
  | 'from-host'
  | 'host'
  | 'hairpin';

export const KINDS: readonly Kind[] = [
  ...(['dnat', 'relay-outside', 'relay-loopback', 'relay-bridge', 'routed'] as const),
  ...(['bridged', 'own-address', 'from-host', 'host', 'hairpin'] as const),
];

export interface Exchange {
  readonly kind: Kind;
  /** Nanoseconds. */
  readonly at: number;
  readonly protocol: 'tcp' | 'udp';
  readonly turns: readonly { readonly request: Buffer; readonly reply: Buffer | null }[];
  readonly clientPort: number;
  /** Number of the container behind it, its port and the published one. */
  readonly container: number;
  readonly port: number;
  readonly published: number;
  /** `refused`: the container answers with a reset. */
  readonly end?: 'closed' | 'open' | 'refused';
  /** Senders without timestamps or identification, as some are. */
  readonly bare?: boolean;
  /** TCP starts that are the same in several connections. */
  readonly isn?: number;
}

const OUTSIDE = '198.51.100.2';
const HOST = '198.51.100.1';
const GATEWAY = '172.17.0.1';
const APP = '172.17.0.9';

export class World {
  readonly shots: Shot[] = [];
  readonly truths: Truth[] = [];
  readonly #random: (below: number) => number;
  #dialled: number;

  /** @param dialled the port from which on relays dial */
  constructor(random: (below: number) => number, dialled = 40_000) {
    this.#random = random;
    this.#dialled = dialled;
  }

  add(exchange: Exchange): Truth {
    const { kind, container, port, published, clientPort, protocol } = exchange;
    const behind: End = { address: `172.17.0.${container}`, port };
    const own: End = { address: GATEWAY, port: this.#dialled++ };
    const end = (address: string, at: number): End => ({ address, port: at });
    const client: Record<Kind, string> = {
      dnat: OUTSIDE,
      'relay-outside': OUTSIDE,
      routed: OUTSIDE,
      host: OUTSIDE,
      'relay-loopback': '127.0.0.1',
      'relay-bridge': APP,
      bridged: APP,
      hairpin: APP,
      'own-address': HOST,
      'from-host': GATEWAY,
    };
    const from = end(client[kind], clientPort);
    const hop = (
      device: string,
      way: 'in' | 'out',
      to: End,
      routed: 0 | 1,
      sender = from,
    ): Hop => ({
      device,
      way,
      from: sender,
      to,
      routed,
    });
    const veth = `veth${container}`;
    const into = (sender: End, routed: 0 | 1): Hop[] => [
      hop('docker0', 'out', behind, routed, sender),
      hop(veth, 'out', behind, routed, sender),
    ];
    const public_ = end(HOST, published);
    const gateway = end(GATEWAY, published);
    const truth = (path: Truth['path'], more: Partial<Truth> = {}): Truth => {
      const made = { protocol, client: from, path, upstream: null, container: behind };
      const whole = { ...made, masqueraded: null, ...more };
      this.truths.push(whole);
      return whole;
    };
    const relay = (first: Hop[]): Truth => {
      this.#relay(first, into(own, 0), exchange);
      return truth('relay', { upstream: own });
    };
    switch (kind) {
      case 'dnat':
        this.#talk([hop('ext0', 'in', public_, 0), ...into(from, 1)], exchange);
        return truth('dnat');
      case 'hairpin':
        this.#talk(
          [hop('veth9', 'in', gateway, 0), hop('docker0', 'in', behind, 0), ...into(own, 1)],
          exchange,
        );
        return truth('dnat', { masqueraded: own });
      case 'relay-outside':
        return relay([hop('ext0', 'in', public_, 0)]);
      case 'relay-loopback':
        return relay([hop('lo', 'in', end('127.0.0.1', published), 0)]);
      case 'relay-bridge':
        return relay([hop('veth9', 'in', gateway, 0), hop('docker0', 'in', gateway, 0)]);
      case 'routed':
        this.#talk([hop('ext0', 'in', behind, 0), ...into(from, 1)], exchange);
        return truth('direct');
      case 'bridged':
        this.#talk([hop('veth9', 'in', behind, 0), hop(veth, 'out', behind, 0)], exchange);
        return truth('direct');
      case 'own-address':
        this.#talk(into(from, 0), exchange);
        return truth('dnat');
      case 'from-host':
        this.#talk(into(from, 0), exchange);
        return truth('direct');
      case 'host':
        this.#talk([hop('ext0', 'in', public_, 0)], exchange);
        return truth('host', { container: null });
    }
  }

  #talk(path: readonly Hop[], exchange: Exchange): void {
    const talk = new Talk(this.shots, path, exchange, this.#random);
    let at = talk.open(exchange.at);
    if (exchange.end === 'refused') return;
    for (const { request, reply } of exchange.turns) {
      at = talk.send(at, 0, request);
      if (reply) at = talk.send(at, 1, reply);
    }
    if (exchange.end !== 'open') talk.close(at);
  }

  #relay(path: readonly Hop[], upstream: readonly Hop[], exchange: Exchange): void {
    const outer = new Talk(this.shots, path, { ...exchange, end: 'open' }, this.#random);
    const inner = new Talk(this.shots, upstream, exchange, this.#random);
    const accepted = outer.open(exchange.at) + this.#random(40) * 1000;
    let at = inner.open(accepted);
    if (exchange.end === 'refused') {
      if (exchange.protocol === 'tcp') outer.close(at);
      else for (const { request } of exchange.turns) outer.send(at, 0, request);
      return;
    }
    for (const { request, reply } of exchange.turns) {
      at = outer.send(at, 0, request) + this.#random(30) * 1000;
      at = inner.send(at, 0, request);
      if (!reply) continue;
      at = inner.send(at, 1, reply) + this.#random(30) * 1000;
      at = outer.send(at, 1, reply);
    }
    if (exchange.end === 'open') return;
    at = outer.close(at);
    inner.close(at);
  }
}

/** One transport connection on its way past the devices. */
class Talk {
  readonly #shots: Shot[];
  readonly #path: readonly Hop[];
  readonly #exchange: Exchange;
  readonly #numbers: [number, number];
  readonly #ids: [number, number];
  readonly #stamps: [number, number];

  constructor(
    shots: Shot[],
    path: readonly Hop[],
    exchange: Exchange,
    random: (below: number) => number,
  ) {
    this.#shots = shots;
    this.#path = path;
    this.#exchange = exchange;
    const isn = exchange.isn ?? random(2 ** 32);
    this.#numbers = [isn, exchange.isn === undefined ? random(2 ** 32) : isn + 5];
    this.#ids = [random(60_000) + 1, random(60_000) + 1];
    this.#stamps = [random(2 ** 31), random(2 ** 31)];
  }

  open(at: number): number {
    if (this.#exchange.protocol === 'udp') return at;
    let time = this.#emit(at, 0, FLAG.SYN);
    if (this.#exchange.end === 'refused') return this.#emit(time, 1, FLAG.RST);
    time = this.#emit(time, 1, FLAG.SYN_ACK);
    return this.#emit(time, 0, FLAG.ACK);
  }

  send(at: number, way: 0 | 1, payload: Buffer): number {
    if (this.#exchange.protocol === 'udp') return this.#emit(at, way, 0, payload);
    const time = this.#emit(at, way, FLAG.PUSH, payload);
    return this.#emit(time, way === 0 ? 1 : 0, FLAG.ACK);
  }

  close(at: number): number {
    if (this.#exchange.protocol === 'udp') return at;
    let time = this.#emit(at, 0, FLAG.FIN);
    time = this.#emit(time, 1, FLAG.FIN);
    return this.#emit(time, 0, FLAG.ACK);
  }

  #emit(at: number, way: 0 | 1, flags: number, payload: Buffer = Buffer.alloc(0)): number {
    const { protocol, bare } = this.#exchange;
    const other = way === 0 ? 1 : 0;
    const id = bare ? 0 : this.#ids[way]++ & 0xffff;
    const common: Omit<Segment, 'source' | 'destination'> = {
      protocol,
      flags,
      payload,
      id,
      seq: this.#numbers[way] >>> 0,
      ack: flags === FLAG.SYN ? 0 : this.#numbers[other] >>> 0,
      stamp: bare ? null : this.#stamps[way] + Math.floor(at / 1e6),
    };
    this.#numbers[way] += payload.length + ((flags & 3) !== 0 ? 1 : 0);
    const most = Math.max(...this.#path.map(({ routed }) => routed));
    const hops = way === 0 ? this.#path : [...this.#path].reverse();
    let time = at;
    for (const { device, way: direction, from, to, routed } of hops) {
      time += STEP;
      const ttl = 64 - (way === 0 ? routed : most - routed);
      const [source, destination] = way === 0 ? [from, to] : [to, from];
      const turned = direction === 'in' ? 'out' : 'in';
      this.#shots.push({
        time,
        device,
        way: way === 0 ? direction : turned,
        hardware: hardwareOf(device, way === 0 ? direction : turned, source),
        bytes: ipPacket({ ...common, source, destination, ttl }),
      });
    }
    return time;
  }
}

function hardwareOf(device: string, way: 'in' | 'out', { address }: End): string {
  if (device === 'lo') return '00:00:00:00:00:00';
  if (way === 'out') return HARDWARE.host;
  if (!address.startsWith('172.17.0.') || address === GATEWAY) return HARDWARE.outside;
  const last = Number(address.split('.')[3]);
  return `02:42:ac:11:00:${last.toString(16).padStart(2, '0')}`;
}
