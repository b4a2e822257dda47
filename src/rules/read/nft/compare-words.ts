/** Reads comparisons of nft fields with named values: devices, protocols, families, directions and `fib` results. */
import type { Match } from '../../../model/rules.js';
import { isUnreachable, listDiscovery } from '../messages.js';
import { nameProtocol } from '../rule-words.js';
import { implyMatches } from './implied.js';
import { ADDRESS_TYPES, NFT_FAMILIES } from './numbers.js';

/** Compares such a field with words; null if they are not understood. */
export function compareWords(name: string, words: readonly string[], not: boolean): Match[] | null {
  switch (name) {
    case 'iifname':
    case 'iif':
    case 'meta iifname':
    case 'meta iif':
    case 'meta sdifname':
      return nameDevices('in-device', name, words, not);
    case 'oifname':
    case 'oif':
    case 'meta oifname':
    case 'meta oif':
      return nameDevices('out-device', name, words, not);
    case 'iifkind':
    case 'meta iifkind':
      return [{ on: 'in-kind', names: words, not }];
    case 'oifkind':
    case 'meta oifkind':
      return [{ on: 'out-kind', names: words, not }];
    case 'meta l4proto':
    case 'ip protocol':
    case 'ip6 nexthdr':
      return [...implyMatches(name), { on: 'protocol', names: words.map(nameProtocol), not }];
    case 'ct protocol':
    case 'ct original protocol':
    case 'ct reply protocol':
      return [{ on: 'protocol', names: words.map(nameProtocol), connection: true, not }];
    case 'meta nfproto':
    case 'meta protocol':
    case 'ether type': {
      const names = words.map((word) => NFT_FAMILIES[String(Number(word) || word)] ?? word);
      return [{ on: 'family', names, not }];
    }
    case 'ct direction': {
      const [direction] = words;
      const known = words.length === 1 && /^(?:original|reply|0|1)$/.test(direction ?? '');
      const reply = direction === 'reply' || direction === '1';
      return known ? [{ on: 'direction', reply, not }] : null;
    }
    case 'ct helper':
      return words.length === 1 ? [{ on: 'helper', name: words[0] ?? '', not }] : null;
    case 'icmp type':
    case 'icmpv6 type':
      return compareMessage(name, words, not);
    case 'meta pkttype':
    case 'pkttype': {
      const holds = words.some((word) => /^(?:host|unicast|0)$/.test(word));
      return [{ on: 'fact', holds, text: `meta pkttype ${words.join(', ')}`, not }];
    }
    default:
      return compareRouted(name, words, not);
  }
}

function compareMessage(name: string, words: readonly string[], not: boolean): Match[] | null {
  const protocol = name === 'icmp type' ? 'icmp' : 'icmpv6';
  const answers = words.map((word) => isUnreachable(protocol, word));
  if (answers.includes(null)) return null;
  const text = `${name} ${words.join(', ')}`;
  const discovers = protocol === 'icmpv6' ? listDiscovery(words) : [];
  const holds = answers.includes(true);
  return [...implyMatches(name), { on: 'fact', holds, text, discovers, not }];
}

function nameDevices(
  on: 'in-device' | 'out-device',
  name: string,
  words: readonly string[],
  not: boolean,
): Match[] | null {
  // VRF slave devices and device numbers are unknown here.
  if (name.includes('sdif') || words.some((word) => /^\d+$/.test(word))) return null;
  return [{ on, names: words, not }];
}

/** Reads comparisons of `fib` results: what routing says of an address. */
function compareRouted(name: string, words: readonly string[], not: boolean): Match[] | null {
  const reverse = /^fib saddr \. (?:mark \. )?iif (?:oif|check)$/.test(name);
  const [word = ''] = words;
  if (reverse) {
    if (words.length !== 1 || !/^(?:missing|exists|0|1)$/.test(word)) return null;
    const missing = word === 'missing' || word === '0';
    return [{ on: 'reverse-path', text: name, not: missing !== not }];
  }
  const typed = /^fib ([sd])addr (?:\. (iif) )?type$/.exec(name);
  if (!typed) return null;
  const types = Object.keys(ADDRESS_TYPES);
  const names = words.map((one) => {
    if (one in ADDRESS_TYPES) return one;
    const number = /^(?:0x[0-9a-f]+|\d+)$/i.test(one) ? Number(one) : null;
    return types.find((type) => ADDRESS_TYPES[type] === number) ?? null;
  });
  if (!names.every((one) => one !== null)) return null;
  const on = typed[1] === 'd' ? 'destination-type' : 'source-type';
  return [{ on, names, not, ...(typed[2] !== undefined && { here: true }) }];
}
