// One rule in nft's text as statements; what is not understood is kept as text.

import { parseRewrite } from './iptables-target.js';
import type { DraftRule, Statement } from './nft-build.js';
import type { Token } from './nft-tokens.js';
import { STARTS, WordCursor } from './nft-cursor.js';
import { ACTIONS, chance, classify, note, readMarking, verdict } from './nft-odd.js';

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

class RuleReader extends WordCursor {
  readonly statements: Statement[] = [];
  readonly shown: string[] = [];
  packets: number | null = null;
  comment: string | null = null;

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
      case 'reject': {
        this.at += 1;
        const how = this.takeOptions().join(' ');
        return verdict({ do: 'reject', how, reset: how === 'with tcp reset' });
      }
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
      default:
        return this.parseSet(word) ?? this.parseComparison();
    }
  }

  private parseRewrite(word: 'dnat' | 'snat' | 'redirect'): Statement {
    this.at += 1;
    if (this.peek() === 'ip' || this.peek() === 'ip6') this.at += 1;
    if (this.peek() === 'prefix') this.at += 1;
    if (this.words.slice(this.at, this.at + 3).join(' ') === 'addr . port') this.at += 3;
    const map = this.takeMap(word);
    if (map) return map;
    const options = this.takeOptions();
    const at = options.indexOf('to');
    const written = options[at + 1] ?? '';
    // Which port a source gets does not matter here.
    const target = parseRewrite(word === 'snat' ? written.replace(/:\d+(-\d+)?$/, '') : written);
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

  /** `to tcp dport map { 80 : 10.0.0.1 }` */
  private takeMap(use: 'dnat' | 'snat' | 'redirect'): Statement | null {
    const start = this.at;
    this.at += 1;
    const fields = this.words[start] === 'to' ? this.takeFields() : null;
    if (fields && this.take() === 'map') {
      const from = this.takeSource();
      const text = [use, ...this.words.slice(start, this.at)].join(' ');
      this.takeOptions();
      if (from) return { kind: 'look-up', fields, from, text, not: false, use };
    }
    this.at = start;
    return null;
  }

  /** `meta mark set …`, `ct mark set …` */
  private parseSet(word: string): Statement | null {
    const length = word === 'mark' ? 1 : 2;
    if (word === 'xt' || this.words[this.at + length] !== 'set') return null;
    const field = this.words.slice(this.at, this.at + length).join(' ');
    this.at += length + 1;
    const value = this.takeValue();
    if (field.endsWith('mark')) return readMarking(field, value);
    return note(`${field} set ${value}`);
  }

  private parseComparison(): Statement | null {
    const start = this.at;
    const fields = this.takeFields();
    if (fields === null) return null;
    const text = (): string => this.words.slice(start, this.at).join(' ');
    if (fields[0] === 'tcp flags') return { ...this.takeFlags(), text: text() };
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
      return { kind: 'look-up', fields, from, text: text(), not: false, use: 'verdict' };
    }
    const order = isOrder(operator) ? operator : undefined;
    if (order || operator === '==' || operator === '!=') this.at += 1;
    const not = operator === '!=';
    if (fields.length > 1) {
      const from = this.takeSource();
      return from === null ? null : { kind: 'look-up', fields, from, text: text(), not, use: null };
    }
    const values = this.takeValues();
    if (values === null) return null;
    if (this.peek() === '/') {
      this.at += 1;
      mask = this.takeValues()?.join(',');
    }
    return { kind: 'compare', field: fields[0] ?? '', values, not, mask, order, text: text() };
  }

  /** Takes everything up to the next statement that is known for sure. */
  private unknown(start: number): Statement {
    this.shown.pop();
    const [first = ''] = this.words.slice(start);
    this.at = start + 1;
    if (first === 'xt') this.at = start + 3;
    else {
      for (let depth = 0; !this.done(); this.at += 1) {
        const word = this.peek();
        const begins = !ACTIONS.has(first) && this.words[this.at - 1] !== '.' && this.isField();
        if (depth === 0 && (STARTS.has(word) || begins)) break;
        if (depth === 0 && word === 'set') {
          this.at += 1;
          this.takeValue();
          break;
        }
        if (word === '{') depth += 1;
        if (word === '}') depth -= 1;
      }
    }
    const words = this.words.slice(start, this.at);
    this.shown.push(words.join(' '));
    return classify(words, this.done());
  }
}

function isOrder(word: string): word is '<' | '>' | '<=' | '>=' {
  return ['<', '>', '<=', '>='].includes(word);
}
