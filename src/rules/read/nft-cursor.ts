// A rule's words in nft's text, taken one after the other: fields, values, sets and options.

import type { Element, Statement } from './nft-build.js';
import { splitElements } from './nft-elements.js';

/** Words that begin a statement: an unknown one ends before them. */
export const STARTS = new Set([
  ...['counter', 'comment', 'accept', 'drop', 'return', 'continue', 'jump', 'goto', 'reject'],
  ...['dnat', 'snat', 'masquerade', 'redirect', 'log', 'notrack', 'queue', 'tproxy', 'limit', 'xt'],
  ...['dup', 'fwd', 'synproxy', 'flow'],
]);

/** Words that belong to an option of log, limit and the like. */
const FIELD_STARTS = new Set([
  ...['ip', 'ip6', 'tcp', 'udp', 'th', 'meta', 'ct', 'fib', 'iifname', 'oifname', 'iif', 'oif'],
  ...['mark', 'xt'],
]);

/** Fields of several words that are understood; all others are left to {@link RuleReader.unknown}. */
const FIELDS =
  /^(?:numgen (?:random|inc) mod \d+(?: offset \d+)?|symhash mod \d+(?: offset \d+)?|jhash .* mod \d+(?: seed \S+)?(?: offset \d+)?|tcp flags|meta pkttype|ct direction|fib saddr \. (?:mark \. )?iif oif|fib [sd]addr(?: \. (?:mark|iif|oif))* (?:type|oif|oifname)|ct (?:original|reply) (?:ip6? )?(?:[sd]addr|proto-(?:src|dst)|bytes|packets|avgpkt)|ip6? [sd]addr|ip protocol|ip6 nexthdr|(?:tcp|udp|sctp|dccp|th) [sd]port|meta (?:l4proto|nfproto|protocol|mark|[io]if(?:name)?)|ct (?:state|status|mark))$/;

/** Words of the longest field that begins with a word. */
const LONGEST: ReadonlyMap<string, number> = new Map([
  ...['ip', 'ip6', 'tcp', 'udp', 'sctp', 'dccp', 'th', 'meta'].map((word) => [word, 2] as const),
  ...([
    ['symhash', 3],
    ['ct', 4],
    ['numgen', 6],
    ['fib', 7],
    ['jhash', 12],
  ] as const),
]);

/** Fields of two words begin with these. */
const HEADS = new Set(['ip', 'ip6', 'tcp', 'udp', 'th', 'meta', 'ct', 'rt', 'vlan', 'ether']);

/** Between two values that are computed with each other, or stand side by side. */
const OPERATORS = new Set(['&', '|', '^', '<<', '>>', 'and', 'or', 'xor', ',']);

const FLAG_WORD = /^[(),|]*(?:(?:fin|syn|rst|psh|ack|urg|ecn|cwr|0x[0-9a-f]+)[(),|]*)*$/;

export class WordCursor {
  protected at = 0;

  constructor(protected readonly words: readonly string[]) {}

  done(): boolean {
    return this.at >= this.words.length;
  }

  /** `ip daddr . tcp dport` */
  protected takeFields(): string[] | null {
    const fields: string[] = [];
    for (;;) {
      const field = this.takeField();
      if (field === null) return null;
      fields.push(field);
      if (this.peek() !== '.') return fields;
      this.at += 1;
    }
  }

  /** `iifname`, `ip daddr`, `fib daddr type` … */
  private takeField(): string | null {
    const word = this.peek();
    if (/^[io]if(name)?$|^mark$/.test(word)) {
      this.at += 1;
      return word;
    }
    for (let length = LONGEST.get(word) ?? 0; length > 1; length -= 1) {
      const field = this.words.slice(this.at, this.at + length).join(' ');
      if (this.at + length > this.words.length || !FIELDS.test(field)) continue;
      this.at += length;
      return field;
    }
    return null;
  }

  protected isField(): boolean {
    const start = this.at;
    const known = this.takeField() !== null;
    this.at = start;
    return known;
  }

  /** `syn`, `{ syn, ack }`, `& (fin | syn) == syn`, `syn / fin,syn`, each with `!=` or without. */
  protected takeFlags(): Omit<Extract<Statement, { kind: 'compare' }>, 'text'> {
    const takeWords = (): string => {
      const words: string[] = [];
      while (!this.done() && FLAG_WORD.test(this.peek())) words.push(this.take());
      return words.join(' ');
    };
    let mask: string | undefined;
    if (this.peek() === '&') {
      this.at += 1;
      mask = takeWords();
    }
    const not = this.peek() === '!=';
    if (not || this.peek() === '==') this.at += 1;
    const values = this.peek() === '{' ? this.takeBraces() : [takeWords()];
    if (this.peek() === '/') {
      this.at += 1;
      mask = takeWords();
    }
    return { kind: 'compare', field: 'tcp flags', values, not, mask };
  }

  protected takeSource(): string | readonly Element[] | null {
    if (this.peek().startsWith('@')) return this.take().slice(1);
    if (this.peek() !== '{') return null;
    return splitElements(this.takeBraces());
  }

  protected takeValues(): string[] | null {
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

  /** What follows `set`: a field, number or name, what a map makes of it, and operators with more of them. */
  protected takeValue(): string {
    const start = this.at;
    do {
      if (OPERATORS.has(this.peek())) this.at += 1;
      if (this.takeFields() === null) this.at += HEADS.has(this.peek()) ? 2 : 1;
      if (this.peek() === 'map') {
        this.at += 1;
        this.takeSource();
      }
    } while (OPERATORS.has(this.peek()));
    return this.words.slice(start, this.at).join(' ');
  }

  protected takeBraces(): string[] {
    const words: string[] = [];
    this.at += 1;
    while (!this.done() && this.peek() !== '}') words.push(this.take());
    this.at += 1;
    return words;
  }

  /** What follows up to the next statement. */
  protected takeOptions(also: ReadonlySet<string> = new Set()): string[] {
    const words: string[] = [];
    let depth = 0;
    while (!this.done()) {
      const word = this.peek();
      const begins = STARTS.has(word) || (FIELD_STARTS.has(word) && !also.has(word));
      const bound = ['to', 'prefix', 'with'].includes(words.at(-1) ?? '');
      if (begins && !bound && depth === 0) break;
      if (word === '{') depth += 1;
      if (word === '}') depth -= 1;
      words.push(this.take());
    }
    return words;
  }

  protected peek(): string {
    return this.words[this.at] ?? '';
  }

  protected take(): string {
    const word = this.peek();
    this.at += 1;
    return word;
  }
}
