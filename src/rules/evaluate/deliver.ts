/** Who answers where a packet arrives: sockets of the host, relays behind them, and containers. */
import type { Protocol } from '../../model/event.js';
import type { Reason } from '../../model/reason.js';
import {
  familyOf,
  type World,
  type WorldContainer,
  type WorldRelay,
  type WorldSocket,
} from './world.js';

/** The sockets of whoever has a port; null where nobody knows who listens on it. */
export function listSocketsFor(
  { sockets, heard }: Pick<World, 'sockets' | 'heard'>,
  port: number,
): readonly WorldSocket[] | null {
  return heard && !heard.includes(port) ? null : sockets;
}

/** The socket that a packet to this address and port reaches; the most specific one wins. */
export function findSocket(
  sockets: readonly WorldSocket[],
  protocol: Protocol,
  address: string | null,
  port: number,
  family: 4 | 6,
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

/** Whether a port is only open to the namespace itself. */
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

/** The relay behind a socket of the host, or the one whose arguments say that it listens there. */
export function findPortRelay(
  world: World,
  protocol: Protocol,
  address: string,
  port: number,
  socket: WorldSocket | null,
): WorldRelay | null {
  const own = socket?.pid == null ? undefined : world.relays.find(({ pid }) => pid === socket.pid);
  if (own) return own;
  // Up to Docker 27 each relay opens its own socket; where the owner is not known, the arguments tell.
  if (socket !== null && socket.pid !== null && socket.command !== 'dockerd') return null;
  const any = familyOf(address) === 4 ? '0.0.0.0' : '::';
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

/** What stands in the way at the end of the way, or null when something listens there or it cannot be known. */
export function findDeafness(
  container: WorldContainer,
  protocol: Protocol,
  address: string,
  port: number,
): Reason | null {
  const { name } = container;
  const sockets = listSocketsFor(container, port);
  if (sockets === null) return null;
  if (findSocket(sockets, protocol, address, port, familyOf(address))) return null;
  if (listensInsideOnly(sockets, protocol, port)) {
    return { code: 'deaf-outside', container: name, port };
  }
  return { code: 'deaf', container: name, port };
}
