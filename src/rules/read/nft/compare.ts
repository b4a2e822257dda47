/** Translates nft comparisons to matches of the model; null for one that is not understood. */
import { parseAddressNumber, parseRange, type AddressRange } from '../../../model/range.js';
import type { Match, PortRange } from '../../../model/rules.js';
import type { Expression, Operator } from './ast.js';
import { foldBits, foldValue, listRanges, type Folded } from './bits.js';
import { compareWords } from './compare-words.js';
import { implyFamily, implyMatches } from './implied.js';
import { nameBits } from './numbers.js';
import { parsePorts } from '../rule-words.js';

export interface NftComparison {
  readonly operator: Operator;
  readonly left: Expression;
  /** The values that it is compared with: several for a set. */
  readonly values: readonly Expression[];
  /** Whether the values come from a set. */
  readonly isSet: boolean;
  readonly text: string;
}

/** The matches that a comparison means, implied ones first. */
export function compare(comparison: NftComparison): Match[] | null {
  const folded = foldBits(comparison.left);
  if (folded) return compareBits(comparison, folded);
  const { left, operator } = comparison;
  if (left.kind === 'binary') return compareMasked(comparison);
  if (left.kind !== 'field') return null;
  const { name } = left;
  if (isByLot(name)) {
    return [{ on: 'chance', text: comparison.text, not: false }];
  }
  const not = operator === '!=';
  if (operator === '!') return null;
  const ports = PORTS.get(name);
  if (ports) {
    const ranges = toPorts(comparison);
    return ranges && [...implyMatches(name), { on: ports, ranges, not }];
  }
  const address = ADDRESSES.get(name);
  if (address) {
    const ranges = toRanges(comparison, address.family);
    return ranges && [...implyFamily(address.family), { on: address.on, ranges, not }];
  }
  const words = operator === '' || operator === '==' || not ? toWords(comparison) : null;
  return words && compareWords(name, words, not);
}

/** Whether a field is random, a round-robin counter or a hash of the packet: then its value cannot be predicted. */
export function isByLot(name: string): boolean {
  return /^(?:numgen|jhash|symhash) /.test(name);
}

type PortMatch =
  | 'source-port'
  | 'destination-port'
  | 'original-source-port'
  | 'original-port'
  | 'reply-source-port'
  | 'reply-port';

const PORTS: ReadonlyMap<string, PortMatch> = new Map<string, PortMatch>([
  ...['tcp', 'udp', 'sctp', 'dccp', 'udplite', 'th'].flatMap((protocol): [string, PortMatch][] => [
    [`${protocol} sport`, 'source-port'],
    [`${protocol} dport`, 'destination-port'],
  ]),
  ['@th,0,16', 'source-port'],
  ['@th,16,16', 'destination-port'],
  ['ct original proto-src', 'original-source-port'],
  ['ct original proto-dst', 'original-port'],
  ['ct reply proto-src', 'reply-source-port'],
  ['ct reply proto-dst', 'reply-port'],
]);

type AddressMatch = Extract<Match, { ranges: readonly AddressRange[] }>['on'];

const ADDRESSES = new Map<string, { on: AddressMatch; family: 'ip' | 'ip6' | null }>(
  (['ip', 'ip6', null] as const).flatMap((family) => {
    const own = family === null ? '' : `${family} `;
    const list: [string, AddressMatch][] = [
      [`ct original ${own}saddr`, 'original-source'],
      [`ct original ${own}daddr`, 'original-destination'],
      [`ct reply ${own}saddr`, 'reply-source'],
      [`ct reply ${own}daddr`, 'reply-destination'],
    ];
    if (family !== null)
      list.push([`${family} saddr`, 'source'], [`${family} daddr`, 'destination']);
    return list.map(([name, on]) => [name, { on, family }] as const);
  }),
);

function compareBits(comparison: NftComparison, folded: Folded): Match[] | null {
  const { operator, values, isSet, text } = comparison;
  const { bits, name } = folded;
  const implied = implyMatches(name);
  const field = bits.field;
  const ranges = listRanges(bits, values, operator);
  if (!ranges) return null;
  // nft prints `established | related` for exactly both, but reads it as any of them.
  if (bits.flags && !isSet && operator === '' && values.some(({ kind }) => kind === 'binary'))
    return null;
  const any = bits.flags && !isSet && (operator === '' || operator === '!');
  if (any || operator === '!') {
    const asked = ranges.reduce((sum, { low }) => sum | low, 0) >>> 0;
    const none = operator === '!';
    const names = nameBits(bits, asked);
    const plain = folded.mask === bits.all && folded.flip === 0 && names !== null;
    if (plain && field === 'state') return [{ on: 'state', names, not: none }];
    // Without a connection, no condition on its status holds, not even that it is none of these.
    if (plain && field === 'status' && !none && names.every((one) => /^[sd]nat$/.test(one))) {
      return [{ on: 'state', names, not: false }];
    }
    if (plain && field === 'tcp-flags' && names.length === 1) {
      return [...implied, { on: 'tcp-flags', among: names, set: none ? [] : names, not: false }];
    }
    const mask = (folded.mask & asked) >>> 0;
    const flip = (folded.flip & asked) >>> 0;
    return [...implied, { on: 'bits', field, mask, flip, ranges: ZERO, text, not: !none }];
  }
  const not = operator === '!=';
  const { mask, flip } = folded;
  const whole: Match = { on: 'bits', field, mask, flip, ranges, text, not };
  const single = ranges.every(({ low, high }) => low === high);
  const [first] = ranges;
  if (folded.flip === 0 && single && first) {
    const { low } = first;
    if (field === 'state' && folded.mask === bits.all) {
      const names = ranges.map((range) => nameBits(bits, range.low));
      const each = names.every((list) => list?.length === 1);
      if (each) return [{ on: 'state', names: names.flatMap((list) => list ?? []), not }];
    }
    if ((field === 'mark' || field === 'connection-mark') && ranges.length === 1) {
      const kind = field === 'mark' ? 'mark' : 'connection-mark';
      return [{ on: kind, value: low, mask: folded.mask, not }];
    }
    const among = nameBits(bits, folded.mask);
    const set = nameBits(bits, low);
    if (field === 'tcp-flags' && ranges.length === 1 && among && set && folded.mask !== bits.all) {
      return [...implied, { on: 'tcp-flags', among, set, not }];
    }
  }
  return [...implied, whole];
}

const ZERO: readonly PortRange[] = [{ low: 0, high: 0 }];

/** `ip daddr & 255.255.0.255 == 10.0.0.1` */
function compareMasked({ left, operator, values }: NftComparison): Match[] | null {
  if (left.kind !== 'binary' || left.operator !== '&' || left.left.kind !== 'field') return null;
  const address = ADDRESSES.get(left.left.name);
  const mask = foldValue(left.right);
  const number = mask === null ? null : parseAddressNumber(mask);
  if (!address || !number || (operator !== '==' && operator !== '!=' && operator !== ''))
    return null;
  const ranges = toRanges({ operator: '', left, values, isSet: false, text: '' }, address.family);
  const on = address.on;
  const not = operator === '!=';
  return ranges && [...implyFamily(address.family), { on, ranges, mask: number.value, not }];
}

function toPorts({ operator, values }: NftComparison): PortRange[] | null {
  const ranges = values.map((value) => {
    const written = writePlain(value);
    return written === null ? null : parsePorts(written);
  });
  if (!ranges.every((range) => range !== null)) return null;
  return order(operator, ranges, 65_535);
}

/** Turns `>= 1024` into a range; null for an order of several values. */
function order(operator: Operator, ranges: PortRange[], most: number): PortRange[] | null {
  if (operator === '' || operator === '==' || operator === '!=') return ranges;
  const [first] = ranges;
  if (ranges.length !== 1 || !first || first.low !== first.high) return null;
  const { low } = first;
  switch (operator) {
    case '<':
      return [{ low: 0, high: low - 1 }];
    case '<=':
      return [{ low: 0, high: low }];
    case '>':
      return [{ low: low + 1, high: most }];
    case '>=':
      return [{ low, high: most }];
    case '!':
      return null;
  }
}

function toRanges(
  { operator, values }: NftComparison,
  family: 'ip' | 'ip6' | null,
): AddressRange[] | null {
  const ranges = values.map((value) => {
    const written = writePlain(value);
    return written === null ? null : parseRange(written);
  });
  if (!ranges.every((range) => range !== null)) return null;
  if (operator === '' || operator === '==' || operator === '!=') return ranges;
  const [first] = ranges;
  if (ranges.length !== 1 || !first || first.low !== first.high || operator === '!') return null;
  const most = (1n << (family === 'ip6' ? 128n : 32n)) - 1n;
  const { low } = first;
  const above = operator === '>' || operator === '>=';
  const from = above ? low + (operator === '>' ? 1n : 0n) : 0n;
  const to = above ? most : low - (operator === '<' ? 1n : 0n);
  return [{ family: first.family, low: from, high: to }];
}

/** A value, network or range as it is written. */
function writePlain(value: Expression): string | null {
  switch (value.kind) {
    case 'value':
      return value.text;
    case 'prefix':
      return `${value.address}/${value.length}`;
    case 'range':
      return `${value.low}-${value.high}`;
    default:
      return null;
  }
}

function toWords({ values }: NftComparison): string[] | null {
  const words = values.map((value) => (value.kind === 'value' ? value.text : null));
  return words.every((word) => word !== null) ? words : null;
}
