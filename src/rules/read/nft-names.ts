// Names for the numbers that nft prints when it is told to (`nft -n`), so that both mean the same.

const STATES: Readonly<Record<number, string>> = {
  ...{ 1: 'invalid', 2: 'established', 4: 'related', 8: 'new', 64: 'untracked' },
};
const STATUSES: Readonly<Record<number, string>> = {
  ...{ 1: 'expected', 2: 'seen-reply', 4: 'assured', 8: 'confirmed', 16: 'snat', 32: 'dnat' },
  512: 'dying',
};
const TYPES: Readonly<Record<number, string>> = {
  ...{ 0: 'unspec', 1: 'unicast', 2: 'local', 3: 'broadcast', 4: 'anycast', 5: 'multicast' },
  ...{ 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' },
};
const FAMILIES: Readonly<Record<number, string>> = {
  ...{ 2: 'ipv4', 10: 'ipv6', 0x0800: 'ip', 0x86dd: 'ip6', 0x0806: 'arp', 0x8100: 'vlan' },
};
const FLAGS: Readonly<Record<number, string>> = {
  ...{ 1: 'fin', 2: 'syn', 4: 'rst', 8: 'psh', 16: 'ack', 32: 'urg', 64: 'ecn', 128: 'cwr' },
};

const NAMES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'ct state': STATES,
  'ct status': STATUSES,
  'fib daddr type': TYPES,
  'fib saddr type': TYPES,
  'fib daddr . iif type': TYPES,
  'fib saddr . iif type': TYPES,
  'meta nfproto': FAMILIES,
  'meta protocol': FAMILIES,
  'tcp flags': FLAGS,
};

/** `0x8` of `ct state` is new; anything else stays as it is. */
export function nameNumbers(field: string, text: string): string {
  const names = NAMES[field];
  return names === undefined
    ? text
    : text.replace(/\b(?:0x[0-9a-f]+|\d+)\b/gi, (number) => names[Number(number)] ?? number);
}

/** Whether a word is one of the field's names: what is not is not understood. */
export function isName(field: string, word: string): boolean {
  return Object.values(NAMES[field] ?? {}).includes(word);
}
