/** Options of iptables that are matches, and what their values mean. */
import { parseAddressNumber, parseRange, type AddressRange } from '../../model/range.js';
import type { Match, PortRange } from '../../model/rules.js';
import { isUnreachable, listDiscovery } from './messages.js';
import { nameProtocol, parseRuleMark, parsePorts } from './rule-words.js';

/** What an option's values mean; null for values that are not understood. */
type Reader = (values: readonly string[], module: string) => Bare | null;
/** A match before it is known whether it is negated. */
type Bare = Match extends infer M ? (M extends unknown ? Omit<M, 'not'> : never) : never;

type AddressMatch = Extract<Match, { ranges: readonly AddressRange[] }>['on'];
type PortMatch = Exclude<Extract<Match, { ranges: readonly PortRange[] }>['on'], 'bits'>;

const addresses =
  (on: AddressMatch): Reader =>
  ([text = '']) => {
    const ranges = text.split(',').map(parseRange);
    return ranges.every((range) => range !== null) ? { on, ranges } : readMasked(on, text);
  };
const ports =
  (on: PortMatch): Reader =>
  ([text = '']) => {
    const ranges = text.split(',').map(parsePorts);
    return ranges.every((range) => range !== null) ? { on, ranges } : null;
  };
/** `10.0.0.1/255.255.0.255`: a mask with holes compares single bits. */
function readMasked(on: AddressMatch, text: string): Bare | null {
  const [address, mask] = text.split('/').map(parseAddressNumber);
  if (!address || !mask || address.family !== mask.family) return null;
  const value = address.value & mask.value;
  return { on, ranges: [{ family: address.family, low: value, high: value }], mask: mask.value };
}

const device =
  (on: 'in-device' | 'out-device'): Reader =>
  ([name = '']) => ({ on, names: [name] });
const kind =
  (on: 'source-type' | 'destination-type'): Reader =>
  ([text = '']) => ({ on, names: text.toLowerCase().split(',') });
/** A first packet is no fragment, comes from the client, and is sent to one machine. */
const fact =
  (option: string, isTrue: string, known: readonly string[]): Reader =>
  ([text = '']) =>
    known.includes(text.toLowerCase())
      ? { on: 'fact', holds: text.toLowerCase() === isTrue, text: `${option} ${text}` }
      : null;
const state: Reader = ([text = '']) => ({ on: 'state', names: text.toLowerCase().split(',') });

/** The number of values that an option takes, and what they mean. */
export type KnownOption = readonly [count: number, reader: Reader];

export const OPTIONS: ReadonlyMap<string, KnownOption> = new Map<string, KnownOption>([
  ['-s', [1, addresses('source')]],
  ['-d', [1, addresses('destination')]],
  ['--src-range', [1, addresses('source')]],
  ['--dst-range', [1, addresses('destination')]],
  ['-i', [1, device('in-device')]],
  ['-o', [1, device('out-device')]],
  ['-p', [1, ([name = '']) => ({ on: 'protocol', names: [nameProtocol(name)] })]],
  ['--sport', [1, ports('source-port')]],
  ['--sports', [1, ports('source-port')]],
  ['--dport', [1, ports('destination-port')]],
  ['--dports', [1, ports('destination-port')]],
  ['--ports', [1, ports('either-port')]],
  ['--ctorigsrc', [1, addresses('original-source')]],
  ['--ctorigdst', [1, addresses('original-destination')]],
  ['--ctreplsrc', [1, addresses('reply-source')]],
  ['--ctrepldst', [1, addresses('reply-destination')]],
  ['--ctorigsrcport', [1, ports('original-source-port')]],
  ['--ctorigdstport', [1, ports('original-port')]],
  ['--ctreplsrcport', [1, ports('reply-source-port')]],
  ['--ctrepldstport', [1, ports('reply-port')]],
  ['--ctstatus', [1, readStatus]],
  ['--helper', [1, ([name = '']) => ({ on: 'helper', name })]],
  [
    '--ctproto',
    [1, ([name = '']) => ({ on: 'protocol', names: [nameProtocol(name)], connection: true })],
  ],
  ['--ctdir', [1, readDirection]],
  ['--icmp-type', [1, readMessage('icmp')]],
  ['--icmpv6-type', [1, readMessage('icmpv6')]],
  ['--pkt-type', [1, fact('--pkt-type', 'unicast', ['unicast', 'broadcast', 'multicast'])]],
  ['-f', [0, () => ({ on: 'fact', holds: false, text: 'is a later fragment' })]],
  ['--ctstate', [1, state]],
  ['--state', [1, state]],
  ['--src-type', [1, kind('source-type')]],
  ['--dst-type', [1, kind('destination-type')]],
  ['--mark', [1, readMark]],
  ['--syn', [0, () => ({ on: 'tcp-flags', ...SYN })]],
  ['--tcp-flags', [2, readFlags]],
]);

/** Long forms that other programs write. */
export const ALIASES = new Map<string, string>([
  ['--source', '-s'],
  ['--src', '-s'],
  ['--destination', '-d'],
  ['--dst', '-d'],
  ['--in-interface', '-i'],
  ['--out-interface', '-o'],
  ['--protocol', '-p'],
  ['--proto', '-p'],
  ['--match', '-m'],
  ['--fragment', '-f'],
  ['--set-counters', '-c'],
  ['--jump', '-j'],
  ['--goto', '-g'],
  ['--source-port', '--sport'],
  ['--destination-port', '--dport'],
  ['--source-ports', '--sports'],
  ['--destination-ports', '--dports'],
]);

const SYN = { among: ['syn', 'rst', 'ack', 'fin'], set: ['syn'] };

const STATUSES: Readonly<Record<string, number>> = {
  EXPECTED: 1,
  SEEN_REPLY: 2,
  ASSURED: 4,
  CONFIRMED: 8,
};

/** Any of these; `NONE` is no bit at all. */
function readStatus([text = '']: readonly string[]): Bare | null {
  const bits = text.split(',').map((name) => (name === 'NONE' ? 0 : STATUSES[name.toUpperCase()]));
  if (!bits.every((bit) => bit !== undefined)) return null;
  const mask = bits.reduce((sum, bit) => sum | bit, 0);
  const field = { on: 'bits', field: 'status', flip: 0, text: `--ctstatus ${text}` } as const;
  if (mask === 0) return { ...field, mask: 0xffffffff, ranges: [{ low: 0, high: 0 }] };
  return { ...field, mask, ranges: [{ low: 1, high: mask }] };
}

/** Which code a message has, as in `3/4`, is not known. */
function readMessage(protocol: 'icmp' | 'icmpv6'): Reader {
  return ([text = '']) => {
    const [type = '', code] = text.split('/');
    const holds = type === 'any' ? true : isUnreachable(protocol, type);
    if (holds === null || (holds && code !== undefined)) return null;
    const discovers = protocol === 'icmpv6' ? listDiscovery([type]) : [];
    return { on: 'fact', holds, text: `ICMP type ${text}`, discovers };
  };
}

function readDirection([text = '']: readonly string[]): Bare | null {
  const direction = text.toLowerCase();
  const known = direction === 'original' || direction === 'reply';
  return known ? { on: 'direction', reply: direction === 'reply' } : null;
}

function readMark([text = '']: readonly string[], module: string): Bare | null {
  const mark = parseRuleMark(text);
  return mark && { on: module === 'connmark' ? 'connection-mark' : 'mark', ...mark };
}

function readFlags([among = '', set = '']: readonly string[]): Bare {
  const list = (text: string): string[] =>
    text === 'NONE' ? [] : text === 'ALL' ? ALL_FLAGS : text.toLowerCase().split(',');
  return { on: 'tcp-flags', among: list(among), set: list(set) };
}

const ALL_FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'];

/** Modules that ask nothing by themselves, only by their options. */
export const SILENT = new Set([
  ...['tcp', 'udp', 'udplite', 'sctp', 'dccp', 'icmp', 'icmp6', 'comment', 'conntrack', 'state'],
  ...['helper'],
  ...['addrtype', 'mark', 'connmark', 'multiport', 'iprange', 'set', 'pkttype', 'owner', 'physdev'],
]);

/** Modules whose answer changes from packet to packet. */
export const CHANCE = new Set([
  'statistic',
  'limit',
  'hashlimit',
  'connlimit',
  'recent',
  'quota',
  'time',
]);

export const RPFILTER = new Set(['--loose', '--validmark', '--accept-local', '--invert']);

export function readReversePath(options: readonly string[]): Match {
  const text = ['-m rpfilter', ...options].join(' ');
  const not = options.includes('--invert');
  if (options.includes('--loose')) return { on: 'fact', holds: true, text, not };
  return { on: 'reverse-path', text, not };
}

/** An option that is not evaluated, with its module. */
export function readOther(option: string, values: readonly string[], module: string): Bare {
  const text = [...(module === '' ? [] : ['-m', module]), option, ...values].join(' ');
  if (option === '--match-set') {
    const [name = '', flags = ''] = values;
    const side = flags === 'dst' ? 'destination' : flags === 'src' ? 'source' : 'other';
    return { on: 'set', name, side, text };
  }
  return CHANCE.has(module) ? { on: 'chance', text } : { on: 'unknown', text };
}
