/** The names of bits and numbers that nft compares, with the kernel's numbers for them. */
import { TCP_FLAGS, type BitField } from '../../../model/rules.js';
import { parseRuleMark } from '../rule-words.js';

type Numbers = Readonly<Record<string, number>>;

const STATES: Numbers = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 };
const STATUSES: Numbers = {
  expected: 1,
  'seen-reply': 2,
  assured: 4,
  confirmed: 8,
  snat: 16,
  dnat: 32,
  dying: 512,
};

/** A field that is compared bit by bit. */
export interface BitsOf {
  readonly field: BitField;
  readonly names: Numbers;
  /** All bits that the field has. */
  readonly all: number;
  /** Whether a comparison without an operator asks for any of the bits. */
  readonly flags: boolean;
}

const MARK = { names: {}, all: 0xffffffff, flags: false } as const;

export const NFT_BIT_FIELDS: ReadonlyMap<string, BitsOf> = new Map<string, BitsOf>([
  ['ct state', { field: 'state', names: STATES, all: 0xffffffff, flags: true }],
  ['ct status', { field: 'status', names: STATUSES, all: 0xffffffff, flags: true }],
  ['tcp flags', { field: 'tcp-flags', names: TCP_FLAGS, all: 0xff, flags: true }],
  ['meta mark', { field: 'mark', ...MARK }],
  ['mark', { field: 'mark', ...MARK }],
  ['ct mark', { field: 'connection-mark', ...MARK }],
  ['ct zone', { field: 'zone', names: {}, all: 0xffff, flags: false }],
]);

/** Converts a name or number of the field; null for other words. */
export function toNumber({ names }: BitsOf, text: string): number | null {
  return names[text] ?? parseRuleMark(text)?.value ?? null;
}

/** Names the bits that are set; null if one has no name. */
export function nameBits({ names }: BitsOf, bits: number): string[] | null {
  const found = Object.entries(names).filter(([, bit]) => (bits & bit) !== 0);
  const told = found.reduce((sum, [, bit]) => sum | bit, 0);
  return told === bits ? found.map(([name]) => name) : null;
}

/** The address types that `fib … type` returns: RTN_*. */
export const ADDRESS_TYPES: Numbers = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
};

/** Families of packets by the names and numbers of `meta nfproto`, `meta protocol` and `ether type`. */
export const NFT_FAMILIES: Readonly<Record<string, string>> = {
  ipv4: 'ip',
  ipv6: 'ip6',
  ip: 'ip',
  ip6: 'ip6',
  arp: 'arp',
  vlan: 'vlan',
  '2': 'ip',
  '10': 'ip6',
  '2048': 'ip',
  '34525': 'ip6',
  '2054': 'arp',
  '33024': 'vlan',
};
