/** Ways of a connection over two hosts: who dials, what the first host does with it, and what the second does. */

import type { Endpoint } from '../../../src/model/address.js';
import { TCP, type TuplePair } from '../../../src/model/event.js';
import {
  at,
  BRIDGE,
  CONTAINER,
  ETH,
  EXT,
  HOST,
  INSIDE,
  LINK,
  ON_OVERLAY,
  OVERLAY,
  PORT,
  VXLAN,
  WIRE,
  type Place,
  type TwoHosts,
  type Way,
  type Who,
} from './two-hosts.js';

/** `container`, `masked`: of a's container, as it is or with a's own address. `router`, `dnat`: from outside through a. */
export const NEAR = ['container', 'masked', 'router', 'dnat', 'overlay'] as const;
/** Where it goes on b: into the container, rewritten first, or to a process of the host, which answers or hands it on. */
export const FAR = ['container', 'dnat', 'relay', 'host'] as const;

export interface Kind {
  readonly near: (typeof NEAR)[number];
  readonly far: (typeof FAR)[number];
}

const RELAY: Who = { pid: 30, command: 'socat' };
const NGINX: Who = { pid: 50, command: 'nginx' };
const SERVER: Who = { pid: 20, command: 'redis-server' };
export const ASKED = [6379, 8080];

export interface Made {
  readonly way: Way;
  /** The relay's own connection to the container. */
  readonly upstream: Way | null;
  readonly client: Endpoint;
  readonly dialled: Endpoint;
  readonly places: readonly Place[];
  readonly path: 'dnat' | 'relay' | 'direct' | 'host';
  readonly kind: Kind;
  readonly port: number;
}

export interface MakeOptions {
  readonly port: number;
  readonly seq: number;
  readonly delay: () => number;
  /** Answers pass a by. */
  readonly asymmetric?: boolean;
}

const tuple = (source: Endpoint, destination: Endpoint): TuplePair => ({ source, destination });

export function makeWay(world: TwoHosts, kind: Kind, options: MakeOptions): Made {
  const { port, seq, delay, asymmetric = false } = options;
  const { near, far } = kind;
  const inner = at(`${near === 'overlay' ? ON_OVERLAY.b : INSIDE.b}#6379`);
  const goal = far === 'container' ? inner : at(`${WIRE.b}#8080`);
  const outside = near === 'router' || near === 'dnat';
  const home = near === 'overlay' ? ON_OVERLAY.a : INSIDE.a;
  const client = at(`${outside ? '198.51.100.2' : home}#${port}`);
  const dialled = near === 'dnat' ? at('198.51.100.1#8080') : goal;
  const onWire = near === 'masked' ? at(`${WIRE.a}#${port}`) : client;
  const places: Place[] = [];
  const a = { host: 'a' } as const;
  const b = { host: 'b' } as const;
  if (near === 'overlay') {
    const ends = { client, server: goal };
    places.push(
      { ...a, namespace: CONTAINER, ifindex: ETH, direction: 'out', ...ends },
      { ...a, namespace: OVERLAY, ifindex: PORT, direction: 'in', ...ends },
      { ...a, namespace: OVERLAY, ifindex: VXLAN, direction: 'out', ...ends },
      { ...b, namespace: OVERLAY, ifindex: VXLAN, direction: 'in', ...ends },
      { ...b, namespace: OVERLAY, ifindex: PORT, direction: 'out', ...ends },
      { ...b, namespace: CONTAINER, ifindex: ETH, direction: 'in', ...ends },
    );
  } else {
    const entry = { original: tuple(client, dialled), reply: tuple(goal, onWire) };
    const ends = { client, server: dialled };
    if (outside) places.push({ ...a, namespace: HOST, ifindex: EXT, direction: 'in', ...ends });
    else {
      places.push(
        { ...a, namespace: CONTAINER, ifindex: ETH, direction: 'out', ...ends },
        { ...a, namespace: HOST, ifindex: BRIDGE, direction: 'in', ...ends },
      );
    }
    const wire = { client: onWire, server: goal };
    places.push(
      { ...a, namespace: HOST, ifindex: LINK, direction: 'out', ...wire, entry },
      { ...b, namespace: HOST, ifindex: LINK, direction: 'in', ...wire },
    );
    if (far === 'container' || far === 'dnat') {
      const there = { original: tuple(onWire, goal), reply: tuple(inner, onWire) };
      const last = { client: onWire, server: inner };
      places.push(
        { ...b, namespace: HOST, ifindex: BRIDGE, direction: 'out', ...last, entry: there },
        { ...b, namespace: CONTAINER, ifindex: ETH, direction: 'in', ...last },
      );
    }
  }
  const oneWay = ({ host }: Place): boolean => asymmetric && outside && host === 'a';
  const way = world.way({ places, seq, delay, oneWay, sockets: [`c${port}`, `s${port}`] });
  const gateway = at(`${INSIDE.b.replace(/2$/, '1')}#${port + 1}`);
  const own = { original: tuple(gateway, inner), reply: tuple(inner, gateway) };
  const step = { client: gateway, server: inner };
  const upstream =
    far === 'relay'
      ? world.way({
          places: [
            { ...b, namespace: HOST, ifindex: BRIDGE, direction: 'out', ...step, entry: own },
            { ...b, namespace: CONTAINER, ifindex: ETH, direction: 'in', ...step },
          ],
          seq: (seq + 77) >>> 0,
          delay,
          sockets: [`u${port}`, `t${port}`],
        })
      : null;
  const path =
    far === 'relay'
      ? 'relay'
      : near === 'dnat' || far === 'dnat'
        ? 'dnat'
        : far === 'host'
          ? 'host'
          : 'direct';
  return { way, upstream, client, dialled, places, path, kind, port };
}

/** How the network treats a conversation: whether a packet is lost on the wire, asked anew for each. */
export interface Fate {
  readonly loses: (
    from: 'client' | 'server',
    packet: 'SYN' | 'SYN+ACK' | 'ACK' | 'data',
  ) => boolean;
}

export interface Told {
  readonly answered: boolean;
  /** Packets with a number of their own that were lost on the wire. */
  readonly lost: { readonly client: number; readonly server: number };
  /** Any packet of the client came to b. */
  readonly reached: boolean;
}

const TRIES = 3;
const SECOND = 1_000_000_000;

/** Plays it to its end, or until nothing comes through. */
export function converse(world: TwoHosts, made: Made, { loses }: Fate): Told {
  const { way, client, dialled, kind, port, upstream } = made;
  const lost = { client: 0, server: 0 };
  let reached = false;
  const push = (
    from: 'client' | 'server',
    packet: 'SYN' | 'SYN+ACK' | 'data',
    flags: number,
    length = 0,
  ): boolean => {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const gone = loses(from, packet);
      way.send({ from, flags, length, lost: gone, again: attempt > 0 });
      if (gone) lost[from] += 1;
      if (!gone) {
        if (from === 'client') reached = true;
        return true;
      }
      world.wait(SECOND);
    }
    return false;
  };
  const acknowledge = (from: 'client' | 'server'): void =>
    way.send({ from, flags: TCP.ACK, lost: loses(from, 'ACK') });
  const inside = kind.near !== 'router' && kind.near !== 'dnat';
  if (inside) world.dial('a', CONTAINER, `c${port}`, client, dialled);
  const end = (answered: boolean): Told => ({ answered, lost, reached });
  if (!push('client', 'SYN', TCP.SYN)) return end(false);
  if (!push('server', 'SYN+ACK', TCP.SYN | TCP.ACK)) return end(false);
  acknowledge('client');
  const onWire = made.places.findLast(({ host }) => host === 'b');
  const taken = onWire ?? { client, server: dialled };
  const near = { socket: `s${port}`, local: taken.server, remote: taken.client };
  if (kind.far === 'relay' || kind.far === 'host') {
    const who = kind.far === 'relay' ? RELAY : NGINX;
    world.accept('b', HOST, who, near.socket, near.local, near.remote);
  } else {
    world.accept('b', CONTAINER, SERVER, near.socket, near.local, near.remote);
  }
  const shake = upstream ? openUpstream(world, made, upstream) : null;
  if (!push('client', 'data', TCP.ACK, 14)) return end(false);
  acknowledge('server');
  if (shake && upstream) {
    world.splice('b', RELAY, near, shake.near, 14);
    upstream.send({ from: 'client', flags: TCP.ACK, length: 14 });
    upstream.send({ from: 'server', flags: TCP.ACK, length: 7 });
    world.splice('b', RELAY, shake.near, near, 7);
  }
  if (kind.far === 'host') {
    world.call('b', NGINX, near, 'read', 14);
    world.call('b', NGINX, near, 'write', 7);
  }
  if (!push('server', 'data', TCP.ACK, 7)) return end(false);
  acknowledge('client');
  for (const from of ['client', 'server'] as const) {
    way.send({ from, flags: TCP.ACK | TCP.FIN });
    upstream?.send({ from, flags: TCP.ACK | TCP.FIN });
  }
  way.send({ from: 'client', flags: TCP.ACK });
  return end(true);
}

function openUpstream(
  world: TwoHosts,
  { port }: Made,
  upstream: Way,
): { near: { socket: string; local: Endpoint; remote: Endpoint } } {
  const gateway = at(`${INSIDE.b.replace(/2$/, '1')}#${port + 1}`);
  const inner = at(`${INSIDE.b}#6379`);
  world.dialOn('b', RELAY, `u${port}`, gateway, inner);
  upstream.send({ from: 'client', flags: TCP.SYN });
  upstream.send({ from: 'server', flags: TCP.SYN | TCP.ACK });
  upstream.send({ from: 'client', flags: TCP.ACK });
  world.accept('b', CONTAINER, SERVER, `t${port}`, inner, gateway);
  return { near: { socket: `u${port}`, local: gateway, remote: inner } };
}
