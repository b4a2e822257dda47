/** Finds what answers a packet where it arrives: a socket of the host, the relay behind it, or a container. */
import type { Protocol } from '../../model/event.js';
import type { Reason } from '../../model/reason.js';
import {
  familyOf,
  type World,
  type WorldContainer,
  type WorldRelay,
  type WorldSocket,
} from './world.js';

/** Returns the known sockets; null if it is unknown who listens on this port. */
export function listSocketsFor(
  { sockets, heard }: Pick<World, 'sockets' | 'heard'>,
  port: number,
): readonly WorldSocket[] | null {
  return heard && !heard.includes(port) ? null : sockets;
}

export interface SocketQuery {
  readonly protocol: Protocol;
  /** Null where it is not known. */
  readonly address: string | null;
  readonly port: number;
  readonly family: 4 | 6;
}

/** The socket that a packet to this address and port reaches; the most specific one wins. */
export function findSocket(
  sockets: readonly WorldSocket[],
  { protocol, address, port, family }: SocketQuery,
): WorldSocket | null {
  const fitting = sockets.filter((socket) => socket.protocol === protocol && socket.port === port);
  const any = family === 4 ? '0.0.0.0' : '::';
  return (
    fitting.find((socket) => socket.address === address) ??
    fitting.find((socket) => socket.address === any) ??
    // A socket on :: takes IPv4 too, but docker-proxy opens one for each family.
    (family === 4
      ? fitting.find((socket) => socket.address === '::' && socket.command !== 'docker-proxy')
      : undefined) ??
    null
  );
}

/** Whether a port is open only inside the namespace, on loopback. */
export function listensInsideOnly(
  sockets: readonly WorldSocket[],
  protocol: Protocol,
  port: number,
): boolean {
  const fitting = sockets.filter((socket) => socket.protocol === protocol && socket.port === port);
  return (
    fitting.length > 0 &&
    fitting.every(({ address }) => address === '::1' || address.startsWith('127.'))
  );
}

/** Finds the relay that owns a socket of the host, or the relay whose arguments name this address and port. */
export function findPortRelay(
  world: World,
  { protocol, address, port, family }: SocketQuery,
  socket: WorldSocket | null,
): WorldRelay | null {
  const own = socket?.pid == null ? undefined : world.relays.find(({ pid }) => pid === socket.pid);
  if (own) return own;
  // Up to Docker 27 each relay opens its own socket. Arguments decide only if the owner is unknown or is dockerd.
  if (socket !== null && socket.pid !== null && socket.command !== 'dockerd') return null;
  const any = family === 4 ? '0.0.0.0' : '::';
  return (
    world.relays.find(
      ({ protocol: own, listens }) =>
        own === protocol &&
        listens.port === port &&
        (listens.address === address || listens.address === any),
    ) ?? null
  );
}

export function findContainerAt(world: World, address: string): WorldContainer | null {
  return (
    world.containers.find(({ places }) => places.some((place) => place.address === address)) ?? null
  );
}

/** Returns why nothing outside reaches this port in the container; null if something listens or that is unknown. */
export function findDeafness(
  container: WorldContainer,
  protocol: Protocol,
  address: string,
  port: number,
): Reason | null {
  const { name } = container;
  const sockets = listSocketsFor(container, port);
  if (sockets === null) return null;
  if (findSocket(sockets, { protocol, address, port, family: familyOf(address) })) return null;
  if (listensInsideOnly(sockets, protocol, port)) {
    return { code: 'deaf-outside', container: name, port };
  }
  return { code: 'deaf', container: name, port };
}
