/** Why a connection took its path: the observed fact that sent it this way. Rules are not read here. */
import { formatEndpoint, isLoopback } from '../model/address.js';
import type { Path } from '../model/verdict.js';
import type { Case } from './case.js';

export function tellWhy(subject: Case, path: Path | 'unknown'): string | null {
  const { leg, topology, relayAccept, link } = subject;
  if (leg.server === null) return null;
  const dialled = formatEndpoint(leg.server);
  switch (path) {
    case 'dnat':
      return `a DNAT rule matches ${dialled} in ${leg.nat?.hook ?? 'the nat table'}`;
    case 'docker-proxy':
    case 'relay': {
      const pid = link?.pid ?? relayAccept?.pid;
      const relay = topology.relays.find((candidate) => candidate.pid === pid);
      const listens = relay ? `, where it listens on ${formatEndpoint(relay.listens)}` : '';
      const command = link?.command ?? relayAccept?.command ?? 'the relay';
      return `no DNAT rule took ${dialled}, so it went to ${command}${listens}${tellException(leg.server.address)}`;
    }
    case 'direct':
      return `${dialled} is the container's own address, which no rule rewrites`;
    case 'host':
      return `${dialled} belongs to the host, and a process of the host listens there`;
    case 'unknown':
      return null;
  }
}

/** Docker's rules name loopback addresses as exceptions; that is worth saying where it applies. */
function tellException(address: string): string {
  return isLoopback(address)
    ? ' (with the userland proxy on, Docker’s OUTPUT rule leaves out loopback addresses)'
    : '';
}
