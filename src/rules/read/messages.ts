/** Types of ICMP messages: the only one about a connection that is looked at here says that something is unreachable. */

import { DISCOVERY, type Discovery } from '../../model/rules.js';

const UNREACHABLE = { icmp: '3', icmpv6: '1' } as const;

/** Names of other types, as iptables and nft print them; not those of single codes. */
const OTHERS = new Set([
  ...['echo-reply', 'echo-request', 'pong', 'ping', 'source-quench', 'redirect', 'time-exceeded'],
  ...['parameter-problem', 'router-advertisement', 'router-solicitation', 'timestamp-request'],
  ...['timestamp-reply', 'info-request', 'info-reply', 'address-mask-request'],
  ...['address-mask-reply', 'packet-too-big', 'mld-listener-query', 'mld-listener-report'],
  ...['mld-listener-done', 'mld-listener-reduction', 'mld2-listener-report'],
  ...['nd-router-solicit', 'nd-router-advert', 'nd-neighbor-solicit', 'nd-neighbor-advert'],
  ...['nd-redirect', 'neighbour-solicitation', 'neighbour-advertisement', 'router-renumbering'],
  ...['neighbor-solicitation', 'neighbor-advertisement', 'ind-neighbor-solicit'],
  ...['ind-neighbor-advert'],
]);

const DISCOVERS: Readonly<Record<string, Discovery>> = {
  '135': 'solicitation',
  'neighbour-solicitation': 'solicitation',
  'neighbor-solicitation': 'solicitation',
  'nd-neighbor-solicit': 'solicitation',
  '136': 'advertisement',
  'neighbour-advertisement': 'advertisement',
  'neighbor-advertisement': 'advertisement',
  'nd-neighbor-advert': 'advertisement',
};

/** The messages of neighbour discovery that are of one of these types of ICMPv6. */
export function listDiscovery(types: readonly string[]): readonly Discovery[] {
  if (types.includes('any')) return DISCOVERY;
  return types.flatMap((type) => DISCOVERS[type] ?? []);
}

/** Whether a message that says so has this type; null for a word that is not known. */
export function isUnreachable(protocol: keyof typeof UNREACHABLE, type: string): boolean | null {
  if (type === 'destination-unreachable' || type === UNREACHABLE[protocol]) return true;
  // To iptables 255 is any type of ICMP.
  if (/^\d{1,3}$/.test(type) && type !== '255') return false;
  return OTHERS.has(type) ? false : null;
}
