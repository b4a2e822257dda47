/** Reads iptables targets as steps; a target that is not understood is kept as text. */
import { canonicalAddress } from '../../model/address.js';
import type { RewriteTarget, Step, RuleVerdict } from '../../model/rules.js';
import { parseRuleMark, parsePorts } from './rule-words.js';

/** Targets that let a packet pass and change nothing that a rule here asks for. */
export const INERT_TARGETS: ReadonlySet<string> = new Set([
  ...['LOG', 'NFLOG', 'ULOG', 'TRACE', 'TCPMSS', 'CHECKSUM', 'CLASSIFY', 'DSCP', 'TOS', 'TTL'],
  ...['HL', 'SECMARK', 'CONNSECMARK', 'SET', 'AUDIT', 'RATEEST', 'LED', 'ACCOUNT', 'ECN', 'TEE'],
  ...['TCPOPTSTRIP', 'IDLETIMER'],
]);

/** Built-in targets that this program cannot evaluate. */
const OTHERS = new Set([
  ...['QUEUE', 'NFQUEUE', 'TPROXY', 'NETMAP', 'CLUSTERIP', 'SYNPROXY', 'DNPT', 'SNPT'],
]);

/** The steps of `-j NAME OPTIONS…` or `-g NAME`. */
export function readTarget(option: '-j' | '-g', name: string, options: readonly string[]): Step[] {
  const text = [option, name, ...options].join(' ');
  const verdict = (value: RuleVerdict): Step[] => [{ kind: 'verdict', verdict: value }];
  const unknown = (): Step[] => verdict({ do: 'unknown', text });
  const value = (key: string): string | null => {
    const at = options.indexOf(key);
    return at < 0 ? null : (options[at + 1] ?? '');
  };
  if (option === '-g') return verdict({ do: 'goto', chain: name });
  switch (name) {
    case 'ACCEPT':
      return verdict({ do: 'accept' });
    case 'DROP':
      return verdict({ do: 'drop' });
    case 'TARPIT':
      return verdict({ do: 'unknown', text, ...(!options.includes('--reset') && { holds: true }) });
    case 'RETURN':
      return verdict({ do: 'return' });
    case 'REJECT':
      return verdict(readReject(value('--reject-with') ?? 'icmp-port-unreachable'));
    case 'MASQUERADE':
      return verdict({ do: 'masquerade', ...givesPorts(options) });
    case 'DNAT':
    case 'SNAT': {
      const written = value(name === 'DNAT' ? '--to-destination' : '--to-source') ?? '';
      // Which port the source gets does not matter here.
      const to = parseRewrite(name === 'SNAT' ? written.replace(/:\d+-\d+$/, '') : written);
      if (!to) return unknown();
      if (name === 'DNAT') return verdict({ do: 'dnat', ...to });
      return verdict({
        do: 'snat',
        ...to,
        ...(/^[^:]*:\d|\]:\d/.test(written) ? { ports: true } : givesPorts(options)),
      });
    }
    case 'REDIRECT': {
      const ports = value('--to-ports');
      const range = ports === null ? null : parsePorts(ports);
      if (ports !== null && range?.low !== range?.high) return unknown();
      return verdict({ do: 'redirect', port: range?.low ?? null });
    }
    case 'MARK':
      return readMarkTarget(options, 'set-mark') ?? unknown();
    case 'CONNMARK':
      return readConnmark(options, value) ?? unknown();
    case 'NOTRACK':
      return [{ kind: 'notrack' }];
    case 'CT':
      return readCt(options, value) ?? unknown();
    default:
      if (INERT_TARGETS.has(name)) return [{ kind: 'note', text }];
      return OTHERS.has(name) || options.length > 0
        ? unknown()
        : verdict({ do: 'jump', chain: name });
  }
}

/** Reads a conntrack template: notrack, a zone or a helper. Events and timeouts decide nothing. */
function readCt(options: readonly string[], value: (key: string) => string | null): Step[] | null {
  if (options.includes('--notrack')) return [{ kind: 'notrack' }];
  const steps: Step[] = [];
  for (const [key, direction] of ZONES) {
    const text = value(key);
    if (text === null) continue;
    const mark = parseRuleMark(text);
    if (!mark || mark.value > 0xffff) return null;
    steps.push({ kind: 'zone', zone: mark.value, direction });
  }
  const name = value('--helper');
  if (name !== null) steps.push({ kind: 'helper', name });
  return steps.length > 0 ? steps : [{ kind: 'note', text: ['-j CT', ...options].join(' ') }];
}

const ZONES = [
  ['--zone', null],
  ['--zone-orig', 'original'],
  ['--zone-reply', 'reply'],
] as const;

/** Whether the source gets a port that the rule sets or chance chooses. */
function givesPorts(options: readonly string[]): { readonly ports?: true } {
  const asked = ['--to-ports', '--random', '--random-fully'].some((name) => options.includes(name));
  return asked ? { ports: true } : {};
}

function readReject(how: string): RuleVerdict {
  return { do: 'reject', how, reset: how === 'tcp-reset' || how === 'tcp-rst' };
}

/** `172.17.0.2:6379`, `172.17.0.2`, `:8080`, `[fd00::2]:80`; null for ranges of more than one. */
function parseRewrite(text: string): RewriteTarget | null {
  if (/^:\d+$/.test(text)) return { address: null, port: Number(text.slice(1)) };
  const pair = /^(?:\[(.*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (pair) {
    const address = canonicalAddress(pair[1] ?? pair[2] ?? '');
    const port = Number(pair[3]);
    return address === null || port > 65535 ? null : { address, port };
  }
  const address = canonicalAddress(text);
  return address === null ? null : { address, port: null };
}

function readMarkTarget(
  options: readonly string[],
  kind: 'set-mark' | 'set-connection-mark',
): Step[] | null {
  const [key = '', text = ''] = options;
  const mark = parseRuleMark(text);
  if (!mark) return null;
  const { value, mask } = mark;
  switch (key) {
    case '--set-xmark':
      return [{ kind, value, mask }];
    case '--set-mark':
      return [{ kind, value, mask: (mask | value) >>> 0 }];
    case '--or-mark':
      return [{ kind, value, mask: value }];
    case '--and-mark':
      return [{ kind, value: 0, mask: ~value >>> 0 }];
    case '--xor-mark':
      return [{ kind, value, mask: 0 }];
    default:
      return null;
  }
}

function readConnmark(
  options: readonly string[],
  value: (key: string) => string | null,
): Step[] | null {
  const bits = (key: string): number =>
    parseRuleMark(value(key) ?? value('--mask') ?? '0xffffffff')?.value ?? 0xffffffff;
  const [packet, connection] = [bits('--nfmask'), bits('--ctmask')];
  if (options.includes('--save-mark')) return [{ kind: 'save-mark', from: packet, to: connection }];
  if (options.includes('--restore-mark')) {
    return [{ kind: 'restore-mark', from: connection, to: packet }];
  }
  return readMarkTarget(options, 'set-connection-mark');
}
