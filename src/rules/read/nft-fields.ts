// What nft's expressions mean as matches, the same for its text and its JSON.

import { parseRange } from '../../model/range.js';
import { HOOKS, type Hook, type MapEntry, type Match } from '../../model/rules.js';
import { isName, nameNumbers } from './nft-names.js';
import { nameProtocol, parseMark, parsePorts } from './rule-words.js';

/** Names of priorities that nft prints, as numbers. */
const PRIORITIES: Readonly<Record<string, number>> = {
  ...{ raw: -300, mangle: -150, dstnat: -100, filter: 0, security: 50, srcnat: 100 },
};

/** `filter`, `-100`, `filter + 10`, `dstnat - 5`; null for other text. */
export function parsePriority(text: string): number | null {
  const match = /^([a-z]+|-?\d+)(?:\s*([+-])\s*(\d+))?$/.exec(text.trim());
  if (!match) return null;
  const [, name = '', sign, offset = '0'] = match;
  const base = /\d/.test(name) ? Number(name) : PRIORITIES[name];
  return base === undefined ? null : base + (sign === '-' ? -1 : 1) * Number(offset);
}

export function isHook(text: string): text is Hook {
  return (HOOKS as readonly string[]).includes(text);
}

export interface Comparison {
  /** As nft writes it: `iifname`, `ip daddr`, `tcp dport`, `ct state`, `fib daddr type` … */
  readonly field: string;
  /** Alternatives, each as nft writes it; `@name` is a set. */
  readonly values: readonly string[];
  readonly not: boolean;
  /** For `meta mark & 0x2000 == 0x2000`. */
  readonly mask?: string | undefined;
  /** For `tcp dport >= 1024`; equality when left out. */
  readonly order?: '<' | '>' | '<=' | '>=' | undefined;
}

/** The matches that a comparison means, implied ones first; null when it is not understood. */
export function buildMatches(comparison: Comparison): Match[] | null {
  const { not, mask, order } = comparison;
  const field = comparison.field.replace(/^meta (?=[io]if|pkttype)/, '');
  if (isByLot(field)) {
    return [{ on: 'chance', text: [field, order, ...comparison.values].join(' '), not: false }];
  }
  const written = comparison.values.map((value) => nameNumbers(field, value));
  const values = order ? spread(written, order) : written;
  if (values.some((value) => value.startsWith('@'))) return null;
  if (order && !/port$/.test(field)) return null;
  if (field === 'tcp flags') {
    const among = mask === undefined ? undefined : nameNumbers(field, mask);
    return buildFlags({ ...comparison, values, mask: among });
  }
  if (mask !== undefined) {
    if (/mark$/.test(field)) return buildMark(field, values, mask, not);
    return /^ct stat(e|us)$/.test(field) && !not ? buildFlagged(field, values, mask) : null;
  }
  const transport = /^(tcp|udp|sctp|dccp|th|udplite) ([sd])port$/.exec(field);
  if (transport) {
    const ranges = values.map(parsePorts);
    if (!ranges.every((range) => range !== null)) return null;
    const [, protocol = '', side] = transport;
    const on = side === 's' ? 'source-port' : 'destination-port';
    return [...(protocol === 'th' ? [] : protocolOf(protocol)), { on, ranges, not }];
  }
  const address = /^(ip6?) ([sd])addr$/.exec(field);
  if (address) {
    const ranges = values.map(parseRange);
    if (!ranges.every((range) => range !== null)) return null;
    const on = address[2] === 's' ? 'source' : 'destination';
    return [
      { on: 'family', names: [address[1] ?? ''], not: false },
      { on, ranges, not },
    ];
  }
  const original = /^ct original (?:(ip6?) )?(daddr|proto-dst)$/.exec(field);
  if (original) return buildOriginal(original[1], original[2] === 'daddr', comparison);
  if (/^fib saddr \. (mark \. )?iif oif$/.test(field)) return buildReversePath(comparison);
  switch (field) {
    case 'iifname':
    case 'iif':
      if (values.some((value) => /^\d+$/.test(value))) return null;
      return [{ on: 'in-device', names: values, not }];
    case 'oifname':
    case 'oif':
      if (values.some((value) => /^\d+$/.test(value))) return null;
      return [{ on: 'out-device', names: values, not }];
    case 'meta l4proto':
    case 'ip protocol':
    case 'ip6 nexthdr': {
      if (values.some((value) => value.includes('-') && /^\d/.test(value))) return null;
      const family = field.startsWith('ip ') ? 'ip' : field.startsWith('ip6') ? 'ip6' : null;
      const implied: Match[] = family ? [{ on: 'family', names: [family], not: false }] : [];
      return [...implied, { on: 'protocol', names: values.map(nameProtocol), not }];
    }
    case 'meta nfproto':
    case 'meta protocol':
      return [{ on: 'family', names: values.map(nameFamily), not }];
    case 'ct state':
    case 'ct status': {
      const names = values.flatMap((value) => value.split(/[,|]/));
      return names.every((name) => isName(field, name)) ? [{ on: 'state', names, not }] : null;
    }
    case 'ct direction':
      return [{ on: 'direction', reply: !values.includes('original'), not }];
    case 'pkttype':
      return [
        {
          on: 'fact',
          holds: values.some((value) => value === 'host' || value === 'unicast'),
          text: `meta pkttype ${values.join(', ')}`,
          not,
        },
      ];
    case 'fib daddr type':
    case 'fib saddr type':
    case 'fib daddr . iif type':
    case 'fib saddr . iif type': {
      const on = field.startsWith('fib daddr') ? 'destination-type' : 'source-type';
      const match: Match = { on, names: values, not, ...(/iif/.test(field) && { here: true }) };
      return values.every((name) => isName(field, name)) ? [match] : null;
    }
    case 'meta mark':
    case 'mark':
    case 'ct mark':
      return buildMark(field, values, undefined, not);
    default:
      return null;
  }
}

/** `>= 1024` as a range of ports. */
function spread(values: readonly string[], order: string): string[] {
  return values.map((value) => {
    const port = Number(value);
    const [low, high] =
      order === '<'
        ? [0, port - 1]
        : order === '<='
          ? [0, port]
          : [port + Number(order === '>'), 65535];
    return `${low}-${high}`;
  });
}

function buildOriginal(
  family: string | undefined,
  isAddress: boolean,
  { values, not }: Comparison,
): Match[] | null {
  const implied: Match[] =
    family === undefined ? [] : [{ on: 'family', names: [family], not: false }];
  if (isAddress) {
    const ranges = values.map(parseRange);
    if (!ranges.every((range) => range !== null)) return null;
    return [...implied, { on: 'original-destination', ranges, not }];
  }
  const ranges = values.map(parsePorts);
  if (!ranges.every((range) => range !== null)) return null;
  return [...implied, { on: 'original-port', ranges, not }];
}

/** `fib saddr . iif oif missing`, or `exists`, or 0 for missing; true or false in JSON. */
function buildReversePath({ field, values, not }: Comparison): Match[] | null {
  const [value = ''] = values;
  if (values.length !== 1 || !/^(missing|exists|0|false|true)$/.test(value)) return null;
  return [{ on: 'reverse-path', text: field, not: !/^(exists|true)$/.test(value) !== not }];
}

/** `syn` (any of these), `{ syn, ack }` (exactly one of these), `& (syn | ack) == syn` and `syn / syn,ack` (of these, those). */
function buildFlags({ values, mask, not }: Comparison): Match[] {
  const list = (text: string): string[] => text.split(/[\s|,()]+/).filter(Boolean);
  const set = values.flatMap(list);
  const tcp: Match = { on: 'protocol', names: ['tcp'], not: false };
  if (mask !== undefined) {
    const none = set.length === 1 && /^(0x0+|0)$/.test(set[0] ?? '');
    return [tcp, { on: 'tcp-flags', among: list(mask), set: none ? [] : set, not }];
  }
  const has = set.includes('syn');
  return [tcp, { on: 'tcp-flags', among: has ? ['syn'] : set, set: has ? ['syn'] : set, not }];
}

/** `ct status snat,dnat / snat,dnat`: all of these, not any. */
function buildFlagged(field: string, values: readonly string[], mask: string): Match[] | null {
  const list = (text: string): string[] => text.split(/[,|]/).toSorted();
  const names = values.flatMap(list);
  const whole = list(nameNumbers(field, mask)).join() === names.toSorted().join();
  if (!whole || !names.every((name) => isName(field, name))) return null;
  return names.map((name) => ({ on: 'state', names: [name], not: false }));
}

/** Protocols and families that a packet must have to have a field at all. */
export function implyMatches(field: string): Match[] {
  const [word = ''] = field.split(' ');
  if (word === 'ip' || word === 'ip6') return [{ on: 'family', names: [word], not: false }];
  if (word === 'arp' || word === 'vlan')
    return [{ on: 'fact', holds: false, text: field, not: false }];
  return OTHER_PROTOCOLS.has(word) ? protocolOf(word) : [];
}

const OTHER_PROTOCOLS = new Set([
  ...[
    'tcp',
    'udp',
    'udplite',
    'icmp',
    'icmpv6',
    'igmp',
    'esp',
    'ah',
    'comp',
    'sctp',
    'dccp',
    'gre',
  ],
]);

/** At random, one after the other, or by a sum over the packet: who is chosen cannot be foretold. */
export function isByLot(field: string): boolean {
  return /^(numgen|jhash|symhash)\b/.test(field);
}

/** The matches of one entry of a map whose key has several parts. */
export function buildKey(fields: readonly string[], parts: readonly string[]): Match[] | null {
  if (fields.length !== parts.length) return null;
  const matches = fields.map((field, i) => {
    const value = parts[i] ?? '';
    return value === '*' ? [] : buildMatches({ field, values: [value], not: false });
  });
  return matches.every((list) => list !== null) ? matches.flat() : null;
}

/** Entries with `*` as key hold for everything that no other entry has. */
export function orderEntries(entries: readonly MapEntry[]): MapEntry[] {
  return [...entries].sort(
    (a, b) => Number(a.matches.length === 0) - Number(b.matches.length === 0),
  );
}

function buildMark(
  field: string,
  values: readonly string[],
  mask: string | undefined,
  not: boolean,
): Match[] | null {
  const [text = ''] = values;
  const mark =
    values.length === 1 ? parseMark(mask === undefined ? text : `${text}/${mask}`) : null;
  return mark && [{ on: field === 'ct mark' ? 'connection-mark' : 'mark', ...mark, not }];
}

function protocolOf(name: string): Match[] {
  return [{ on: 'protocol', names: [name], not: false }];
}

function nameFamily(text: string): string {
  return text === 'ipv4' ? 'ip' : text === 'ipv6' ? 'ip6' : text;
}
