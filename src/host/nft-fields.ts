// What nft's expressions mean as matches, the same for its text and its JSON.

import { parseRange } from '../model/range.js';
import type { Hook, MapEntry, Match } from '../model/rules.js';
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
  return ['prerouting', 'input', 'forward', 'output', 'postrouting'].includes(text);
}

export interface Comparison {
  /** As nft writes it: `iifname`, `ip daddr`, `tcp dport`, `ct state`, `fib daddr type` … */
  readonly field: string;
  /** Alternatives, each as nft writes it; `@name` is a set. */
  readonly values: readonly string[];
  readonly not: boolean;
  /** For `meta mark & 0x2000 == 0x2000`. */
  readonly mask?: string | undefined;
}

/** The matches that a comparison means, implied ones first; null when it is not understood. */
export function buildMatches(comparison: Comparison): Match[] | null {
  const { values, not, mask } = comparison;
  const field = comparison.field.replace(/^meta (?=[io]if)/, '');
  if (values.some((value) => value.startsWith('@'))) return null;
  if (mask !== undefined) return /mark$/.test(field) ? buildMark(field, values, mask, not) : null;
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
  switch (field) {
    case 'iifname':
    case 'iif':
      return [{ on: 'in-device', names: values, not }];
    case 'oifname':
    case 'oif':
      return [{ on: 'out-device', names: values, not }];
    case 'meta l4proto':
    case 'ip protocol':
    case 'ip6 nexthdr': {
      const family = field.startsWith('ip ') ? 'ip' : field.startsWith('ip6') ? 'ip6' : null;
      const implied: Match[] = family ? [{ on: 'family', names: [family], not: false }] : [];
      return [...implied, { on: 'protocol', names: values.map(nameProtocol), not }];
    }
    case 'meta nfproto':
    case 'meta protocol':
      return [{ on: 'family', names: values.map(nameFamily), not }];
    case 'ct state':
    case 'ct status':
      return [{ on: 'state', names: values.flatMap((value) => value.split(/[,|]/)), not }];
    case 'fib daddr type':
      return [{ on: 'destination-type', names: values, not }];
    case 'fib saddr type':
      return [{ on: 'source-type', names: values, not }];
    case 'meta mark':
    case 'mark':
    case 'ct mark':
      return buildMark(field, values, undefined, not);
    default:
      return null;
  }
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
