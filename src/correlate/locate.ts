/** Finds the leg that a process's socket belongs to, and the side of the leg, by the socket's local and remote ends. */
import { sameEndpoint, type Endpoint } from '../model/address.js';
import type { Protocol, SocketEnds } from '../model/event.js';
import { pairKey, type Leg } from './leg.js';

/** A socket of a process at one moment. */
export interface SocketUse {
  readonly protocol: Protocol;
  /** Inode of the socket's namespace; null when unknown. */
  readonly namespace: number | null;
  readonly ends: Pick<SocketEnds, 'local' | 'remote'>;
  readonly time: number;
}

/** The side of a leg that a socket is on: its client, or the server that the client speaks to. */
export type Side = 'client' | 'server';

interface Known {
  readonly leg: Leg;
  readonly first: number;
  readonly last: number;
  readonly namespaces: ReadonlySet<number | null>;
}

/** Nanoseconds by which a call may lie outside the packets seen of its leg. */
const SLACK = 1_000_000_000;

export class LegIndex {
  readonly #known = new Map<string, Known[]>();

  constructor(legs: readonly Leg[]) {
    for (const leg of legs) {
      const known = {
        leg,
        first: leg.events[0]?.time ?? 0,
        last: leg.until + SLACK,
        namespaces: new Set(leg.events.map(({ namespace }) => namespace)),
      };
      for (const key of listKeys(leg)) {
        this.#known.set(key, [...(this.#known.get(key) ?? []), known]);
      }
    }
  }

  /** The leg with these ends at that time. If several fit, the one that began last. */
  find({ protocol, namespace, ends, time }: SocketUse): Leg | null {
    const { local, remote } = ends;
    const key = isUnspecified(local)
      ? anyKey(protocol, remote, local.port)
      : pairKey(protocol, local, remote);
    const alive = (this.#known.get(key) ?? []).filter(
      ({ first, last, namespaces }) =>
        first <= time && time <= last && (namespace === null || namespaces.has(namespace)),
    );
    return alive.at(-1)?.leg ?? null;
  }
}

function listKeys({ protocol, client, server, destination, accepted }: Leg): Set<string> {
  const keys = [server ?? destination, destination].flatMap((end) => [
    pairKey(protocol, client, end),
    anyKey(protocol, client, end.port),
    ...(protocol === 'udp' ? [anyKey(protocol, end, client.port)] : []),
  ]);
  // Behind a masquerade the accepted socket has a client of its own.
  if (accepted) keys.push(pairKey(protocol, accepted.local, accepted.remote));
  return new Set(keys);
}

/**
 * The side that a socket is on. An accepted socket is the server's, a dialling one the client's. Null where neither
 * fits.
 */
export function findSide(
  { client, server, destination, accepted }: Leg,
  { local, remote }: Pick<SocketEnds, 'local' | 'remote'>,
): Side | null {
  if (accepted && sameEndpoint(accepted.local, local) && sameEndpoint(accepted.remote, remote)) {
    return 'server';
  }
  if (sameEndpoint(local, client)) return 'client';
  if (sameEndpoint(remote, client)) return 'server';
  const served = [server, destination].some((end) => end !== null && sameEndpoint(remote, end));
  return isUnspecified(local) && local.port === client.port && served ? 'client' : null;
}

/** Whether a socket is bound to the unspecified address, and so serves all addresses. */
function isUnspecified({ address }: Endpoint): boolean {
  return address === '0.0.0.0' || address === '::';
}

function anyKey(protocol: Protocol, peer: Endpoint, port: number): string {
  return `${protocol}|${peer.address}|${peer.port}|*|${port}`;
}
