// Statements of nft that are computed, inert or not understood: what may be said of them all the same.

import type { Verdict } from '../../model/rules.js';
import type { Statement } from './nft-build.js';
import { INERT_TARGETS } from './iptables-target.js';
import { ALL_BITS, parseMark } from './rule-words.js';

export function verdict(value: Verdict): Statement {
  return { kind: 'verdict', verdict: value };
}

export function note(text: string): Statement {
  return { kind: 'note', text };
}

export function chance(text: string): Statement {
  return { kind: 'match', match: { on: 'chance', text, not: false } };
}

/** Statements that take the packet somewhere. */
export const ACTIONS = new Set(['queue', 'tproxy', 'fwd', 'synproxy']);

/** Statements that let the packet go on; what they keep is no condition. */
const INERT = new Set(['dup', 'flow', 'add', 'update', 'delete', 'reset', 'last']);

/** First words of conditions. */
const CONDITIONS =
  /^(@.*|ip6?|tcp|udp|udplite|sctp|dccp|th|meta|ct|fib|[io]if(name|type|group)?|icmp(v6)?|igmp|ether|arp|vlan|rt|socket|osf|exthdr|frag|dst|hbh|mh|ah|esp|comp|gre|geneve|vxlan|tunnel|ipsec|time|hour|day|skuid|skgid|cgroup|cpu|pkttype|mark|quota|meter)$/;

/** @param isLast nothing follows that the statement could be a condition for. */
export function classify(words: readonly string[], isLast: boolean): Statement {
  const [first = '', kind, name = ''] = words;
  const text = words.join(' ').replaceAll(' ,', ',');
  if (first === 'xt') return classifyXt(kind === 'target', name, text);
  if (words.slice(0, 6).includes('set') && CONDITIONS.test(first)) return readLost(text);
  const rates = /\b(limit|quota|count)\b/.test(text) && /^(add|update|meter|quota)$/.test(first);
  if (rates || /^ct count\b/.test(text)) {
    return chance(text);
  }
  if (INERT.has(first)) return note(text);
  const decides = ACTIONS.has(first) || /\b(vmap|map)\b/.test(text);
  if (decides || (isLast && !CONDITIONS.test(first))) return verdict({ do: 'unknown', text });
  return { kind: 'compare', field: text, values: [], not: false, text };
}

export function classifyXt(isTarget: boolean, name: string, text: string): Statement {
  // What only iptables-nft makes.
  if (isTarget ? INERT_TARGETS.has(name) : name === 'comment') return note(text);
  if (isTarget) return verdict({ do: 'unknown', text });
  return { kind: 'match', match: { on: 'unknown', text, not: false } };
}

/** A mark that is computed in a way that is not followed here is lost. */
function readLost(text: string): Statement {
  const kind = /^ct mark set/.test(text)
    ? 'set-connection-mark'
    : /^(meta )?mark set/.test(text)
      ? 'set-mark'
      : null;
  return kind === null ? note(text) : { kind, value: null, mask: ALL_BITS };
}

/** `meta mark set VALUE` and `ct mark set VALUE`, as nft writes them. */
export function readMarking(field: string, value: string): Statement {
  const isConnection = field === 'ct mark';
  const kind = isConnection ? 'set-connection-mark' : 'set-mark';
  const words = value.replace(/\bmeta mark\b/g, 'mark').replace(/[()]/g, '');
  if (words === 'mark' && isConnection) return { kind: 'save-mark', from: ALL_BITS, to: ALL_BITS };
  if (words === 'ct mark' && !isConnection) {
    return { kind: 'restore-mark', from: ALL_BITS, to: ALL_BITS };
  }
  const plain = parseMark(words);
  if (plain) return { kind, value: plain.value, mask: ALL_BITS };
  const own = isConnection ? 'ct mark' : 'mark';
  const parts = new RegExp(`^${own}((?: (?:\\||or|&|and|\\^|xor) \\S+)+)$`).exec(words)?.[1];
  // (mark & keep) ^ flip, with one operation after the other.
  let keep = ALL_BITS;
  let flip = 0;
  const list = parts?.trim().split(' ') ?? [];
  for (let i = 0; i < list.length; i += 2) {
    const bits = parseMark(list[i + 1] ?? '')?.value;
    if (bits === undefined) return { kind, value: null, mask: ALL_BITS };
    const operator = list[i] ?? '';
    if (operator === '&' || operator === 'and') [keep, flip] = [keep & bits, flip & bits];
    else if (operator === '^' || operator === 'xor') flip ^= bits;
    else [keep, flip] = [keep & ~bits, (flip & ~bits) | bits];
  }
  if (list.length === 0) return { kind, value: null, mask: ALL_BITS };
  return { kind, value: flip >>> 0, mask: ~keep >>> 0 };
}
