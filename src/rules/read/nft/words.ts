/** Keeps a position in the words of one rule, and reads the expressions there. */
import type { BinaryOperator, Element, Expression, NftRule, Operator } from './ast.js';
import { countField } from './fields.js';
import { joinTokens, type Token } from './tokens.js';

const BINARY: Readonly<Record<string, BinaryOperator>> = {
  ...({ '&': '&', '|': '|', '^': '^', '<<': '<<', '>>': '>>' } as const),
  ...({ and: '&', or: '|', xor: '^', lshift: '<<', rshift: '>>' } as const),
};

/** Operators that bind tighter have higher numbers. */
const RANK: Readonly<Record<BinaryOperator, number>> = { '<<': 4, '>>': 4, '&': 3, '^': 2, '|': 1 };

const OPERATORS: Readonly<Record<string, Operator>> = {
  ...({ '==': '==', '!=': '!=', '<': '<', '>': '>', '<=': '<=', '>=': '>=', '!': '!' } as const),
  ...({ eq: '==', ne: '!=', lt: '<', gt: '>', le: '<=', ge: '>=' } as const),
};

/** Words about an element's lifetime and use, which are not part of the element. */
const LIFE = new Set(['timeout', 'expires', 'counter', 'comment', 'limit', 'quota', 'last', 'ct']);

/** Thrown for words that nft does not print: the statement is not understood. */
export class Unreadable extends Error {}

export class Words {
  at = 0;

  readonly #tokens: readonly Token[];
  readonly #readRules: (words: readonly Token[]) => NftRule[];

  constructor(
    tokens: readonly Token[],
    /** Reads the rules of a chain that is written in place. */
    readRules: (words: readonly Token[]) => NftRule[],
  ) {
    this.#tokens = tokens;
    this.#readRules = readRules;
    this.#texts = tokens.map(({ text, quoted }) => (quoted ? `"${text}` : text));
  }

  /** The words, with a quotation mark before quoted ones, so that they never count as punctuation. */
  readonly #texts: readonly string[];

  done(): boolean {
    return this.at >= this.#texts.length;
  }

  peek(offset = 0): string {
    return this.#texts[this.at + offset] ?? '';
  }

  /** The next word as it was written, without its quotation marks. */
  take(): string {
    const token = this.#tokens[this.at];
    if (token === undefined) throw new Unreadable('the rule ends too early');
    this.at += 1;
    return token.text;
  }

  takeIf(...words: readonly string[]): boolean {
    const fits = words.every((word, i) => this.peek(i) === word);
    if (fits) this.at += words.length;
    return fits;
  }

  /** The words from a position on, as they were written. */
  textFrom(start: number): string {
    return joinTokens(this.#tokens.slice(start, this.at));
  }

  /** Takes a field, operations on it, or several fields as a concatenation. */
  takeLeft(): Expression | null {
    const first = this.#takeFieldTerm();
    if (first === null) return null;
    const parts = [first];
    while (this.peek() === '.') {
      this.at += 1;
      const next = this.#takeFieldTerm();
      if (next === null) throw new Unreadable('a field is expected');
      parts.push(next);
    }
    return parts.length === 1 ? first : { kind: 'concat', parts };
  }

  takeOperator(): Operator {
    const operator = OPERATORS[this.peek()];
    if (operator === undefined) return '';
    this.at += 1;
    return operator;
  }

  #takeFieldTerm(): Expression | null {
    const field = this.takeField();
    return field && this.#takeBinary(field, 0);
  }

  takeField(): Expression | null {
    const count = countField(this.#texts, this.at);
    if (count === 0 || this.at + count > this.#texts.length) return null;
    const words = Array.from({ length: count }, () => this.take());
    const name = words[0]?.startsWith('@') === true ? words.join('') : words.join(' ');
    return { kind: 'field', name };
  }

  /** Takes the value that a field is compared with or set to. */
  takeRight(): Expression {
    const first = this.#takeTerm();
    if (this.peek() === ',') {
      const items = [first];
      while (this.takeIf(',')) items.push(this.#takeTerm());
      return { kind: 'list', items };
    }
    return first;
  }

  #takeTerm(): Expression {
    return this.#takeBinary(this.#takePrimary(), 0);
  }

  #takeBinary(first: Expression, least: number): Expression {
    let left = first;
    for (;;) {
      const operator = BINARY[this.peek()];
      if (operator === undefined || RANK[operator] <= least) return left;
      this.at += 1;
      let right = this.#takePrimary();
      const next = BINARY[this.peek()];
      if (next !== undefined && RANK[next] > RANK[operator]) {
        right = this.#takeBinary(right, RANK[operator]);
      }
      left = { kind: 'binary', operator, left, right };
    }
  }

  #takePrimary(): Expression {
    if (this.takeIf('(')) {
      const inner = this.takeRight();
      if (!this.takeIf(')')) throw new Unreadable('a bracket is not closed');
      return inner;
    }
    if (this.peek() === '{') return { kind: 'set', elements: this.takeElements() };
    const field = this.takeField();
    if (field) return field;
    return this.#takeValue();
  }

  #takeValue(): Expression {
    const mark = this.peek();
    if (mark === '' || '{},;()|&^.\n:'.includes(mark)) {
      throw new Unreadable('a value is expected');
    }
    const quoted = mark.startsWith('"');
    const text = this.take();
    // `"10:00"-"12:00"`
    if (quoted && this.peek() === '-') {
      this.at += 1;
      return { kind: 'range', low: text, high: this.take() };
    }
    if (quoted) return { kind: 'value', text };
    if (text === '*') return { kind: 'rest' };
    if (text.startsWith('@')) return { kind: 'reference', name: text.slice(1) };
    return readValue(text);
  }

  /** `{ … }` with its braces. */
  takeElements(): Element[] {
    if (!this.takeIf('{')) throw new Unreadable('a brace is expected');
    const elements: Element[] = [];
    for (;;) {
      this.#skipLines();
      if (this.takeIf('}')) return elements;
      elements.push(this.#takeElement());
      this.#skipLines();
      if (!this.takeIf(',') && this.peek() !== '}') throw new Unreadable('a comma is expected');
    }
  }

  #skipLines(): void {
    while (this.peek() === '\n') this.at += 1;
  }

  #takeElement(): Element {
    const key = this.#takeSideBySide();
    this.#skipLife();
    if (!this.takeIf(':')) return { key, data: null };
    this.#skipLines();
    const data = this.#takeDecisionData() ?? this.#takeSideBySide();
    this.#skipLife();
    return { key, data };
  }

  #takeSideBySide(): Expression {
    const parts = [this.#takeTerm()];
    while (this.takeIf('.')) parts.push(this.#takeTerm());
    const [only] = parts;
    return parts.length === 1 && only ? only : { kind: 'concat', parts };
  }

  #skipLife(): void {
    let depth = 0;
    if (!LIFE.has(this.peek())) return;
    while (!this.done()) {
      const mark = this.peek();
      if (depth === 0 && (mark === ',' || mark === '}' || mark === ':' || mark === '\n')) return;
      if (mark === '{') depth += 1;
      if (mark === '}') depth -= 1;
      this.at += 1;
    }
  }

  #takeDecisionData(): Expression | null {
    const verdict = this.takeDecision();
    return verdict && { kind: 'verdict', verdict };
  }

  /** Takes a verdict, or the jump to another chain; null if none stands here. */
  takeDecision(): Extract<Expression, { kind: 'verdict' }>['verdict'] | null {
    const word = this.peek();
    switch (word) {
      case 'accept':
      case 'drop':
      case 'return':
      case 'continue':
        this.at += 1;
        return { do: word };
      case 'jump':
      case 'goto':
        this.at += 1;
        return { do: word, chain: this.peek() === '{' ? this.#takeChain() : this.take() };
      default:
        return null;
    }
  }

  #takeChain(): NftRule[] {
    this.at += 1;
    const start = this.at;
    for (let depth = 1; depth > 0; this.at += 1) {
      if (this.done()) throw new Unreadable('a brace is not closed');
      if (this.peek() === '{') depth += 1;
      if (this.peek() === '}') depth -= 1;
    }
    return this.#readRules(this.#tokens.slice(start, this.at - 1));
  }
}

const NUMBER = /^(?:0x[0-9a-f]+|\d+)$/i;

/** Reads a number, an address, a range or a network. Names may hold hyphens and are plain values. */
export function readValue(text: string): Expression {
  const prefix = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text);
  if (prefix) {
    return { kind: 'prefix', address: prefix[1] ?? '', length: Number(prefix[2]) };
  }
  const dash = text.indexOf('-');
  if (dash > 0) {
    const [low, high] = [text.slice(0, dash), text.slice(dash + 1)];
    const isRange = (NUMBER.test(low) && NUMBER.test(high)) || (isAddress(low) && isAddress(high));
    if (isRange) return { kind: 'range', low, high };
  }
  return { kind: 'value', text };
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text) || /^[0-9a-f]*:[0-9a-f:.]*$/i.test(text);
}
