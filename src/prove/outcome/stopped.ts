/** Finds a first packet to the host's own address that a rule of the host dropped. */
import type { Leg } from '../../correlate/leg.js';
import { sameEndpoint } from '../../model/address.js';
import { CONNTRACK, TCP, type DropEvent } from '../../model/event.js';
import type { Topology } from '../../model/topology.js';
import { isHostAddress } from '../observed.js';

export interface HostDrop {
  readonly drop: DropEvent;
  /** Whether NAT came before the drop and left the address as it was; otherwise it might have sent the packet on. */
  readonly behindNat: boolean;
}

/** Null where no rule stopped the packet, or where it was not for the host itself. */
export function findStopped(leg: Leg, topology: Topology): HostDrop | null {
  const { server, nat, events } = leg;
  if (server === null || nat?.destinationRewritten === true) return null;
  if (!isHostAddress(topology, server.address)) return null;
  const drop = events.find(
    (event): event is DropEvent =>
      event.kind === 'drop' &&
      event.reason === 'NETFILTER_DROP' &&
      event.namespace === topology.host &&
      sameEndpoint(event.destination, server) &&
      (event.protocol === 'udp' || (event.flags & (TCP.SYN | TCP.ACK)) === TCP.SYN),
  );
  if (!drop) return null;
  return { drop, behindNat: ((drop.conntrack?.status ?? 0) & CONNTRACK.DST_NAT_DONE) !== 0 };
}
