/** Parts of a reported connection that are the same for every source. */
import type { Leg } from '../correlate/leg.js';
import { formatEndpoint } from '../model/address.js';
import type { Connection } from '../model/report.js';
import type { Container, Topology } from '../model/topology.js';

export function describeNat({ nat }: Leg): Connection['nat'] {
  if (nat === null) return null;
  const { original, reply } = nat.view;
  const format = ({ source, destination }: typeof original): string =>
    `${formatEndpoint(source)} → ${formatEndpoint(destination)}`;
  return {
    hook: nat.hook,
    original: format(original),
    reply: format(reply),
    target: formatEndpoint(reply.source),
    sourceRewritten: nat.sourceRewritten,
  };
}

/** The container that has this address in one of its networks. */
export function findOwner({ containers }: Topology, address: string): Container | undefined {
  return containers.find(({ networks }) =>
    networks.some(({ addresses }) => addresses.includes(address)),
  );
}
