/** Parses words that rule sets of every backend share (ports, marks, protocols), and creates errors with their line. */
import { UserError } from '../../model/errors.js';
import type { Match, PortRange } from '../../model/rules.js';
import { findServicePort } from './services.js';

/** `80`, `80:90`, `80-90`, `:90`, `http`; null for other text. */
export function parsePorts(text: string): PortRange | null {
  const named = findServicePort(text);
  if (named !== null) return { low: named, high: named };
  const match = /^(\d*)(?:([:-])(\d*))?$/.exec(text);
  if (!match || text === '' || text === ':') return null;
  const [, first = '', separator, last = ''] = match;
  const low = first === '' ? 0 : Number(first);
  const high = separator === undefined ? low : last === '' ? 65535 : Number(last);
  return low <= high && high <= 65535 ? { low, high } : null;
}

/** Parses `0x2000/0x2000` or `12`; the mask is all bits if left out. */
export function parseRuleMark(text: string): { value: number; mask: number } | null {
  const match = /^(0x[0-9a-f]{1,8}|\d{1,10})(?:\/(0x[0-9a-f]{1,8}|\d{1,10}))?$/i.exec(text);
  if (!match) return null;
  const value = Number(match[1]);
  const mask = match[2] === undefined ? 0xffffffff : Number(match[2]);
  return value <= 0xffffffff && mask <= 0xffffffff ? { value, mask } : null;
}

const NUMBERED: Readonly<Record<string, string>> = {
  '0': 'all',
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  '47': 'gre',
  '50': 'esp',
  '51': 'ah',
  '58': 'ipv6-icmp',
  '132': 'sctp',
  '136': 'udplite',
};

export function nameProtocol(text: string): string {
  return NUMBERED[text] ?? text.toLowerCase().replace(/^icmpv6$/, 'ipv6-icmp');
}

/** Every bit of a mark. */
export const ALL_BITS = 0xffffffff;

export function unknownMatch(text: string): Match {
  return { on: 'unknown', text, not: false };
}

/** Creates the error for a malformed rule set. */
export function malformed(source: string, line: number, problem: string): UserError {
  return new UserError(`${source}, line ${line}: ${problem}`, {
    code: 'malformed-rules',
    exit: 1,
    remedy:
      'give the whole output of `iptables-save -c`, `ip6tables-save -c`, `iptables -S`, `nft list ruleset` or `nft -j list ruleset`',
  });
}
