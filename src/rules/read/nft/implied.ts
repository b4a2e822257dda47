/** Lists the protocol or family that a packet must have to contain an nft field. */
import type { Match } from '../../../model/rules.js';
import type { Expression } from './ast.js';

/** Lists what a packet must be to contain this field. */
export function implyMatches(name: string): Match[] {
  const [word = ''] = name.split(' ');
  if (word === 'ip' || word === 'ip6') return implyFamily(word);
  if (word === 'arp' || word === 'vlan') {
    return [{ on: 'fact', holds: false, text: name, not: false }];
  }
  const protocol = word === 'icmpv6' ? 'ipv6-icmp' : word;
  return PROTOCOLS.has(word) ? [{ on: 'protocol', names: [protocol], not: false }] : [];
}

const PROTOCOLS = new Set([
  ...['tcp', 'udp', 'udplite', 'icmp', 'icmpv6', 'igmp', 'esp', 'ah', 'comp', 'sctp', 'dccp'],
  ...['gre'],
]);

/** Lists what all fields of an expression imply. */
export function implyOf(expression: Expression): Match[] {
  switch (expression.kind) {
    case 'field':
      return implyMatches(expression.name);
    case 'binary':
      return implyOf(expression.left);
    case 'concat':
      return expression.parts.flatMap(implyOf);
    default:
      return [];
  }
}

export function implyFamily(family: 'ip' | 'ip6' | null): Match[] {
  return family === null ? [] : [{ on: 'family', names: [family], not: false }];
}
