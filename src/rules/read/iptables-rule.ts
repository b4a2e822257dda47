/** Reads one iptables rule: its options as matches, and its target as a step. */
import { parseAddressNumber, parseRange, type AddressRange } from '../../model/range.js';
import type { Match, PortRange, Step } from '../../model/rules.js';
import { isUnreachable, listDiscovery } from './messages.js';
import { nameProtocol, parseRuleMark, parsePorts } from './rule-words.js';
import { countValues, isTarget } from './iptables-options.js';
import { readTarget } from './iptables-target.js';

/** Splits at spaces, keeping quoted text together; null when a quotation mark is not closed. */
export function splitWords(text: string): string[] | null {
  const words: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))/gy;
  let end = 0;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    words.push(match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? '');
    end = pattern.lastIndex;
  }
  return text.slice(end).trim() === '' ? words : null;
}

export interface ParsedRule {
  steps: Step[];
  comment: string | null;
  /** The counter that `iptables -S -v` prints inside the rule. */
  packets: number | null;
}

/** Reads an option's values; null if they are not understood. */
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
/**
 * Reads an option with a fixed answer: a first packet is no fragment, comes from the client, and goes to one machine.
 */
const fact =
  (option: string, isTrue: string, known: readonly string[]): Reader =>
  ([text = '']) =>
    known.includes(text.toLowerCase())
      ? { on: 'fact', holds: text.toLowerCase() === isTrue, text: `${option} ${text}` }
      : null;
const state: Reader = ([text = '']) => ({ on: 'state', names: text.toLowerCase().split(',') });

/** Options with the number of values that they take, and their reader. */
const OPTIONS = new Map<string, [count: number, reader: Reader]>([
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
const ALIASES = new Map<string, string>([
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

/** Any of the named bits may be set; `NONE` means that no bit is set. */
function readStatus([text = '']: readonly string[]): Bare | null {
  const bits = text.split(',').map((name) => (name === 'NONE' ? 0 : STATUSES[name.toUpperCase()]));
  if (!bits.every((bit) => bit !== undefined)) return null;
  const mask = bits.reduce((sum, bit) => sum | bit, 0);
  const field = { on: 'bits', field: 'status', flip: 0, text: `--ctstatus ${text}` } as const;
  if (mask === 0) return { ...field, mask: 0xffffffff, ranges: [{ low: 0, high: 0 }] };
  return { ...field, mask, ranges: [{ low: 1, high: mask }] };
}

/** The code of a message, as in `3/4`, is unknown. */
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

/** Modules that test nothing by themselves, only by their options. */
const SILENT = new Set([
  ...['tcp', 'udp', 'udplite', 'sctp', 'dccp', 'icmp', 'icmp6', 'comment', 'conntrack', 'state'],
  ...['helper'],
  ...['addrtype', 'mark', 'connmark', 'multiport', 'iprange', 'set', 'pkttype', 'owner', 'physdev'],
]);

/** Modules whose answer changes from packet to packet. */
const CHANCE = new Set(['statistic', 'limit', 'hashlimit', 'connlimit', 'recent', 'quota', 'time']);

/** Reads the words after `-A CHAIN`; returns a sentence that says what is wrong with them. */
export function readRule(words: readonly string[]): ParsedRule | string {
  const steps: Step[] = [];
  let comment: string | null = null;
  let packets: number | null = null;
  let module = '';
  let at = 0;
  // Matches may follow the target, and the target's options may follow those matches.
  let target: { option: '-j' | '-g'; name: string; options: string[] } | null = null;
  const addMatch = (match: Match): void => void steps.push({ kind: 'match', match });
  while (at < words.length) {
    let not = words[at] === '!';
    if (not) at += 1;
    const word = words[at] ?? '';
    const option = ALIASES.get(word) ?? word;
    if (!option.startsWith('-')) return `"${word}" is no option of iptables`;
    at += 1;
    if (option === '-j' || option === '-g') {
      const name = words[at];
      if (name === undefined) return `${option} has no target`;
      target = { option, name, options: [] };
      at += 1;
      continue;
    }
    const own = target && countValues(target.name, option);
    if (target && own != null) {
      target.options.push(option, ...words.slice(at, at + own));
      at += own;
      continue;
    }
    if (option === '-m') {
      if (words[at] === undefined) return '-m has no name';
      module = words[at] ?? '';
      at += 1;
      if (module === 'rpfilter') {
        const end = words.findIndex((word, i) => i >= at && !RPFILTER.has(word));
        addMatch(readReversePath(words.slice(at, end < 0 ? undefined : end)));
        at = end < 0 ? words.length : end;
      } else if (!SILENT.has(module) && isLast(words, at)) {
        const text = `-m ${module}`;
        addMatch({ on: CHANCE.has(module) ? 'chance' : 'unknown', text, not: false });
      }
      continue;
    }
    if (option === '-c') {
      packets = Number(words[at] ?? '');
      at += 2;
      continue;
    }
    if (option === '--comment') {
      comment = words[at] ?? '';
      at += 1;
      continue;
    }
    if (option === '--limit-iface-in') {
      steps.splice(0, steps.length, ...steps.map(limitToDevice));
      continue;
    }
    const known = OPTIONS.get(option);
    if (known) {
      const [count, reader] = known;
      // Until 1.4.3, `!` came after the option.
      if (count > 0 && words[at] === '!') {
        not = true;
        at += 1;
      }
      const values = words.slice(at, at + count);
      if (values.length < count) return `${option} has no value`;
      at += count;
      const match = reader(values, module);
      addMatch({ ...(match ?? { on: 'unknown', text: [option, ...values].join(' ') }), not });
      continue;
    }
    const values: string[] = [];
    while (at < words.length && !isOption(words[at] ?? '')) values.push(words[at++] ?? '');
    // Options after an unknown target belong to that target, unless a module claims them.
    if (target && !isTarget(target.name) && module === '') target.options.push(option, ...values);
    else addMatch({ ...readOther(option, values, module), not });
  }
  const matches = mergeOptions(steps);
  if (target) matches.push(...readTarget(target.option, target.name, target.options));
  return { steps: matches, comment, packets };
}

const RPFILTER = new Set(['--loose', '--validmark', '--accept-local', '--invert']);

function readReversePath(options: readonly string[]): Match {
  const text = ['-m rpfilter', ...options].join(' ');
  const not = options.includes('--invert');
  if (options.includes('--loose')) return { on: 'fact', holds: true, text, not };
  return { on: 'reverse-path', text, not };
}

/** Whether no option of the module follows. */
function isLast(words: readonly string[], at: number): boolean {
  const next = words[words[at] === '!' ? at + 1 : at];
  return next === undefined || /^-[mjgsdiopc]$/.test(ALIASES.get(next) ?? next);
}

function isOption(word: string): boolean {
  return word === '!' || /^--?[A-Za-z]/.test(word);
}

function readOther(option: string, values: readonly string[], module: string): Bare {
  const text = [...(module === '' ? [] : ['-m', module]), option, ...values].join(' ');
  if (option === '--match-set') {
    const [name = '', flags = ''] = values;
    const side = flags === 'dst' ? 'destination' : flags === 'src' ? 'source' : 'other';
    return { on: 'set', name, side, text };
  }
  return CHANCE.has(module) ? { on: 'chance', text } : { on: 'unknown', text };
}

/** Limits an addrtype match to the device that the packet came in on. */
function limitToDevice(step: Step): Step {
  if (step.kind !== 'match') return step;
  const { match } = step;
  const isType = match.on === 'destination-type' || match.on === 'source-type';
  return isType ? { kind: 'match', match: { ...match, here: true } } : step;
}

/** Merges options of one module that is not evaluated: `--mode random --probability 0.5` is one condition, not two. */
function mergeOptions(steps: readonly Step[]): Step[] {
  const merged: Step[] = [];
  for (const step of steps) {
    const last = merged.at(-1);
    const text = last && joinOptions(last, step);
    const on = step.kind === 'match' ? step.match.on : null;
    if (text != null && (on === 'chance' || on === 'unknown')) {
      merged[merged.length - 1] = { kind: 'match', match: { on, text, not: false } };
    } else merged.push(step);
  }
  return merged;
}

/** Joins the text of two conditions that are one; null if they are not. */
function joinOptions(last: Step, step: Step): string | null {
  if (last.kind !== 'match' || step.kind !== 'match') return null;
  const [one, other] = [last.match, step.match];
  if (one.on !== other.on || !('text' in one) || !('text' in other)) return null;
  const [module = ''] = /^-m \S+ /.exec(one.text) ?? [];
  if (module === '' || !other.text.startsWith(module)) return null;
  return `${one.text} ${other.not ? '! ' : ''}${other.text.slice(module.length)}`;
}
