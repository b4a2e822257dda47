// One rule in nft's text as statements; what is not understood is kept as text.

import type { Verdict } from '../model/rules.js';
import { parseRewrite } from './iptables-target.js';
import type { DraftRule, Element, Statement } from './nft-build.js';
import type { Token } from './nft-tokens.js';
import { splitElements } from './nft-elements.js';
import { parseMark } from './rule-words.js';

/** Words that begin a statement: an unknown one ends before them. */
const STARTS = new Set([
  ...['counter', 'comment', 'accept', 'drop', 'return', 'continue', 'jump', 'goto', 'reject'],
  ...['dnat', 'snat', 'masquerade', 'redirect', 'log', 'notrack', 'queue', 'tproxy'],
]);

/** Words that belong to an option of log, limit and the like. */
const FIELD_STARTS = new Set([
  ...['ip', 'ip6', 'tcp', 'udp', 'th', 'meta', 'ct', 'fib', 'iifname', 'oifname', 'iif', 'oif'],
  ...['mark', 'xt'],
]);

/** Fields of two words and more that are understood; all others are left to {@link RuleReader.unknown}. */
const FIELDS =
  /^(?:ip6? [sd]addr|ip protocol|ip6 nexthdr|(?:tcp|udp|sctp|dccp|th) [sd]port|meta (?:l4proto|nfproto|protocol|mark|[io]if(?:name)?)|ct (?:state|status|mark)|fib [sd]addr type)$/;

/** Reads a rule's words. */
export function readTextRule(tokens: readonly Token[]): DraftRule {
  const words = tokens.map(({ text }) => text);
  const reader = new RuleReader(words);
  while (!reader.done()) reader.readStatement();
  return {
    text: reader.shown.join(' ').replaceAll(' ,', ','),
    statements: reader.statements,
    packets: reader.packets,
    comment: reader.comment,
  };
}

class RuleReader {
  readonly statements: Statement[] = [];
  readonly shown: string[] = [];
  packets: number | null = null;
  comment: string | null = null;
  private at = 0;

  constructor(private readonly words: readonly string[]) {}

  done(): boolean {
    return this.at >= this.words.length;
  }

  readStatement(): void {
    const word = this.peek();
    if (word === 'counter') {
      this.readCounter();
      return;
    }
    const start = this.at;
    if (word === 'comment') {
      this.at += 1;
      this.comment = this.take();
      return;
    }
    const statement = this.parse(word);
    this.at = Math.max(this.at, start + 1);
    const text = this.words.slice(start, this.at).join(' ');
    this.shown.push(text);
    this.statements.push(statement ?? this.unknown(start));
  }

  private readCounter(): void {
    this.at += 1;
    if (this.peek() === 'name') this.at += 2;
    if (this.peek() === 'packets') {
      this.packets = Number(this.words[this.at + 1] ?? 0);
      this.at += 4;
    }
  }

  private parse(word: string): Statement | null {
    switch (word) {
      case 'accept':
      case 'drop':
      case 'return':
      case 'continue':
        this.at += 1;
        return verdict({ do: word });
      case 'jump':
      case 'goto':
        this.at += 2;
        return verdict({ do: word, chain: this.words[this.at - 1] ?? '' });
      case 'reject':
        this.at += 1;
        return verdict({ do: 'reject', how: this.takeOptions().join(' ') });
      case 'masquerade':
        this.at += 1;
        this.takeOptions();
        return verdict({ do: 'masquerade' });
      case 'redirect':
      case 'dnat':
      case 'snat':
        return this.parseRewrite(word);
      case 'notrack':
        this.at += 1;
        return { kind: 'notrack' };
      case 'log':
        this.at += 1;
        return { kind: 'note', text: ['log', ...this.takeOptions()].join(' ') };
      case 'limit':
        this.at += 1;
        return chance(['limit', ...this.takeOptions()].join(' '));
      case 'numgen': {
        const rest = this.takeRest();
        return verdict({ do: 'unknown', text: rest });
      }
      default:
        return this.parseSet(word) ?? this.parseComparison();
    }
  }

  private parseRewrite(word: 'dnat' | 'snat' | 'redirect'): Statement {
    this.at += 1;
    if (this.peek() === 'ip' || this.peek() === 'ip6') this.at += 1;
    const options = this.takeOptions();
    const at = options.indexOf('to');
    const target = parseRewrite(options[at + 1] ?? '');
    const simple = options
      .slice(at + 2)
      .every((option) => /^(random|fully-random|persistent)$|,/.test(option));
    const text = [word, ...options].join(' ');
    if (word === 'redirect') {
      if (at < 0) return verdict({ do: 'redirect', port: null });
      return verdict(
        target?.port != null ? { do: 'redirect', port: target.port } : { do: 'unknown', text },
      );
    }
    return verdict(target && at >= 0 && simple ? { do: word, ...target } : { do: 'unknown', text });
  }

  /** `meta mark set …`, `ct mark set …` */
  private parseSet(word: string): Statement | null {
    const length = word === 'mark' ? 1 : 2;
    if (this.words[this.at + length] !== 'set') return null;
    const field = this.words.slice(this.at, this.at + length).join(' ');
    this.at += length + 1;
    const options = this.takeOptions(new Set(['meta', 'ct', 'mark']));
    const value = options.join(' ');
    if (field === 'ct mark') return value.endsWith('mark') ? { kind: 'save-mark' } : note(value);
    if (!field.endsWith('mark')) return note(`${field} set ${value}`);
    if (value === 'ct mark') return { kind: 'restore-mark' };
    const plain = parseMark(value);
    if (plain) return { kind: 'set-mark', value: plain.value, mask: 0xffffffff };
    const match = /^(?:meta )?mark (\||or|&|and|\^|xor) (\S+)$/.exec(value);
    const mark = parseMark(match?.[2] ?? '');
    if (!match || !mark) return null;
    const [operator, bits] = [match[1], mark.value];
    if (operator === '|' || operator === 'or') return { kind: 'set-mark', value: bits, mask: bits };
    if (operator === '&' || operator === 'and') {
      return { kind: 'set-mark', value: 0, mask: ~bits >>> 0 };
    }
    return { kind: 'set-mark', value: bits, mask: 0 };
  }

  private parseComparison(): Statement | null {
    const start = this.at;
    const fields: string[] = [];
    for (;;) {
      const field = this.takeField();
      if (field === null) return null;
      fields.push(field);
      if (this.peek() !== '.') break;
      this.at += 1;
    }
    const text = (): string => this.words.slice(start, this.at).join(' ');
    let mask: string | undefined;
    if (this.peek() === '&' || this.peek() === 'and') {
      mask = this.words[this.at + 1];
      this.at += 2;
    }
    const operator = this.peek();
    if (operator === 'vmap') {
      this.at += 1;
      const from = this.takeSource();
      if (from === null) return null;
      return { kind: 'look-up', fields, from, text: text(), not: false };
    }
    if (/^[<>]/.test(operator)) return null;
    if (operator === '==' || operator === '!=') this.at += 1;
    const not = operator === '!=';
    if (fields.length > 1) {
      const from = this.takeSource();
      return from === null ? null : { kind: 'look-up', fields, from, text: text(), not };
    }
    const values = this.takeValues();
    if (values === null) return null;
    return { kind: 'compare', field: fields[0] ?? '', values, not, mask, text: text() };
  }

  /** `iifname`, `ip daddr`, `fib daddr type` … */
  private takeField(): string | null {
    const word = this.peek();
    if (/^[io]if(name)?$|^mark$/.test(word)) {
      this.at += 1;
      return word;
    }
    const field = this.words.slice(this.at, this.at + (word === 'fib' ? 3 : 2)).join(' ');
    if (!FIELDS.test(field)) return null;
    this.at += word === 'fib' ? 3 : 2;
    return field;
  }

  private takeSource(): string | readonly Element[] | null {
    if (this.peek().startsWith('@')) return this.take().slice(1);
    if (this.peek() !== '{') return null;
    return splitElements(this.takeBraces());
  }

  private takeValues(): string[] | null {
    if (this.peek() === '{') {
      const elements = splitElements(this.takeBraces());
      return elements.every(({ parts }) => parts.length === 1)
        ? elements.flatMap(({ parts }) => parts)
        : null;
    }
    const values = [this.take()];
    // `ct state established,related`: the comma is a word of its own here.
    while (this.peek() === ',') {
      this.at += 1;
      values.push(this.take());
    }
    return values[0] === '' ? null : values;
  }

  private takeBraces(): string[] {
    const words: string[] = [];
    this.at += 1;
    while (!this.done() && this.peek() !== '}') words.push(this.take());
    this.at += 1;
    return words;
  }

  /** What follows up to the next statement. */
  private takeOptions(also: ReadonlySet<string> = new Set()): string[] {
    const words: string[] = [];
    while (!this.done()) {
      const word = this.peek();
      const begins = STARTS.has(word) || (FIELD_STARTS.has(word) && !also.has(word));
      if (begins && words.at(-1) !== 'to' && words.at(-1) !== 'prefix') break;
      words.push(this.take());
    }
    return words;
  }

  private takeRest(): string {
    const rest: string[] = [];
    while (!this.done() && !['comment', 'counter'].includes(this.peek())) rest.push(this.take());
    return rest.join(' ');
  }

  /** Takes everything up to the next statement that is known for sure. */
  private unknown(start: number): Statement {
    this.shown.pop();
    this.at = start + 1;
    if (this.words[start] === 'xt' && this.words[start + 1] === 'target') {
      this.at = start + 3;
      const text = this.words.slice(start, this.at).join(' ');
      this.shown.push(text);
      return verdict({ do: 'unknown', text });
    }
    let depth = 0;
    while (!this.done() && (depth > 0 || !STARTS.has(this.peek()))) {
      const word = this.take();
      if (word === '{') depth += 1;
      if (word === '}') depth -= 1;
    }
    const text = this.words.slice(start, this.at).join(' ');
    this.shown.push(text);
    const decides = /\b(vmap|map)\b/.test(text);
    if (decides) return verdict({ do: 'unknown', text });
    return { kind: 'match', match: { on: 'unknown', text, not: false } };
  }

  private peek(): string {
    return this.words[this.at] ?? '';
  }

  private take(): string {
    const word = this.peek();
    this.at += 1;
    return word;
  }
}

function verdict(value: Verdict): Statement {
  return { kind: 'verdict', verdict: value };
}

function note(text: string): Statement {
  return { kind: 'note', text };
}

function chance(text: string): Statement {
  return { kind: 'match', match: { on: 'chance', text, not: false } };
}
