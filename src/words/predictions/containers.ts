/** Writes reasons that lie in a container: its rules, its routes, and what it sends. */
import type { ContainerReason } from '../../model/reason.js';
import type { ReasonWriters } from './writer.js';

export const CONTAINERS: ReasonWriters<ContainerReason> = {
  'own-address': ({ container }) => `${container} has that address itself`,
  'leads-elsewhere': ({ container, device }) =>
    `it leaves ${container} by ${device}, which does not lead to this host`,
  'to-gateway': ({ container, gateway, device, owner }) =>
    `${container} sends it to the gateway ${gateway} by ${device}, ${writeOwner(owner)}`,
  'wire-misses-host': ({ container, device, address }) =>
    `${container} is on the wire of ${device} and does not reach this host, which has ${address}`,
  'container-rule': ({ container, rule, chain, rejects }) =>
    `${rule === null ? `the policy of ${chain}` : `the rule "${rule}"`} inside ${container} ${rejects ? 'rejects' : 'drops'} it`,
  'container-redirects': ({ container }) => `a rule inside ${container} sends it elsewhere`,
  'taken-to': ({ target }) => `it is taken to ${target}`,
  'false-neighbour': ({ container, address, device }) =>
    `${container} takes ${address ?? 'the client'} for a neighbour on ${device}, which it is not here`,
  'not-straight': ({ container, device }) =>
    `it leaves ${container} by ${device} and not straight for its neighbour`,
};

function writeOwner(owner: Extract<ContainerReason, { code: 'to-gateway' }>['owner']): string {
  switch (owner.kind) {
    case 'unknown':
      return 'an address that nothing known here has';
    case 'nobody':
      return `an address that nobody on ${owner.bridge} has`;
    case 'known':
      return `the address of ${owner.name}`;
    case 'idle':
      return `the address of ${owner.name}, which forwards nothing`;
  }
}
