/** Classifies ICMP types: of messages about a connection, only destination-unreachable is evaluated here. */

import { DISCOVERY, type Discovery } from '../../model/rules.js';

const UNREACHABLE = { icmp: '3', icmpv6: '1' } as const;

/** Names of other types, as iptables and nft print them; names of single codes are left out. */
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

/** Lists the neighbour discovery messages among these ICMPv6 types. */
export function listDiscovery(types: readonly string[]): readonly Discovery[] {
  if (types.includes('any')) return DISCOVERY;
  return types.flatMap((type) => DISCOVERS[type] ?? []);
}

/** Whether this type is destination-unreachable; null for an unknown word. */
export function isUnreachable(protocol: keyof typeof UNREACHABLE, type: string): boolean | null {
  if (type === 'destination-unreachable' || type === UNREACHABLE[protocol]) return true;
  // For iptables, 255 is any ICMP type.
  if (/^\d{1,3}$/.test(type) && type !== '255') return false;
  return OTHERS.has(type) ? false : null;
}
