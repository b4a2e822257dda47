/** Splits nft's text into words with their lines; a line end is a word too. */

export interface Token {
  readonly text: string;
  readonly line: number;
  readonly quoted: boolean;
  /** Whether it follows the previous word without a space. */
  readonly glued: boolean;
}

/** The characters that end a word. */
const ENDS = /[\s{},;"()|]/g;
/** The characters that are always words by themselves. */
const MARKS = '{},;()|';

/** Splits into words, quoted text, marks and line ends; comments are left out. Total. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  let end = -1;
  const add = (word: string, to: number, quoted = false): void => {
    tokens.push({ text: word, line, quoted, glued: at === end });
    at = end = to;
  };
  while (at < text.length) {
    const mark = text[at] ?? '';
    if (mark === '\n') {
      add(mark, at + 1);
      end = -1;
      line += 1;
    } else if (mark === '#') {
      const stop = findEnd(text, '\n', at);
      tellHidden(text.slice(at, stop)).forEach((word) => add(word, at));
      at = stop;
    } else if (mark === '"') {
      const stop = text.indexOf('"', at + 1);
      const closed = stop >= 0 && !text.slice(at, stop).includes('\n');
      if (closed) add(text.slice(at + 1, stop), stop + 1, true);
      else add(mark, at + 1);
    } else if (MARKS.includes(mark)) {
      add(mark, at + 1);
    } else if (mark === ':' && /^:[^:\s]/.test(text.slice(at, at + 2)) && at !== end) {
      add(mark, at + 1);
    } else if (/\s/.test(mark)) {
      at += 1;
    } else {
      ENDS.lastIndex = at;
      const stop = ENDS.exec(text)?.index ?? text.length;
      add(text.slice(at, stop), stop);
    }
  }
  return tokens;
}

function findEnd(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at;
}

/** Before version 1.0.3, nft shows expressions that only iptables understands as comments. */
function tellHidden(comment: string): string[] {
  const hidden = /^# xt_(\w+)/.exec(comment)?.[1];
  return hidden === undefined ? [] : ['xt', /^[A-Z]/.test(hidden) ? 'target' : 'match', hidden];
}

/** Joins words as they were written, on one line. */
export function joinTokens(tokens: readonly Token[]): string {
  let joined = '';
  for (const { text, glued } of tokens) {
    if (text === '\n') continue;
    const close = joined === '' || glued || text === ',';
    joined += close ? text : ` ${text}`;
  }
  return joined;
}

/** A position in the words. */
export class Cursor {
  #at = 0;

  readonly #tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The next word's text; empty at the end. Quoted text never counts as punctuation such as `{`. */
  peek(offset = 0): string {
    const token = this.#tokens[this.#at + offset];
    return token === undefined
      ? ''
      : token.quoted && /^[{},;\n]$/.test(token.text)
        ? ' '
        : token.text;
  }

  next(): string {
    return this.take()?.text ?? '';
  }

  take(): Token | undefined {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    return token;
  }

  /** Skips line ends, and the mark `also` if it is not empty. */
  #skipLines(also: string): void {
    while (!this.done() && (this.peek() === '\n' || (also !== '' && this.peek() === also))) {
      this.#at += 1;
    }
  }

  /** Skips line ends; returns whether anything but the closing mark follows. At the end of truncated text: true. */
  more(closing: string, also = ''): boolean {
    this.#skipLines(also);
    return closing === '' ? !this.done() : this.peek() !== closing;
  }

  done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  line(): number {
    return (this.#tokens[this.#at] ?? this.#tokens.at(-1))?.line ?? 1;
  }
}
