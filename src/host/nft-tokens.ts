// Words of nft's text with their lines; a line's end is a word too.

export interface Token {
  readonly text: string;
  readonly line: number;
  readonly quoted: boolean;
}

/** Splits into words, quoted text, `{ } , ;` and line ends; comments are left out. Total. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  const pattern = /\n|#[^\n]*|"([^"\n]*)"|[{},;]|[^\s{},;"]+|"/g;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const [word, quoted] = match;
    // nft before 1.0.3 shows what only iptables understands as a comment.
    const hidden = /^# xt_(\w+)/.exec(word)?.[1];
    if (hidden !== undefined) {
      const kind = /^[A-Z]/.test(hidden) ? 'target' : 'match';
      for (const part of ['xt', kind, hidden]) tokens.push({ text: part, line, quoted: false });
    }
    if (word.startsWith('#')) continue;
    tokens.push({ text: quoted ?? word, line, quoted: quoted !== undefined });
    if (word === '\n') line += 1;
  }
  return tokens;
}

/** A position in the words. */
export class Cursor {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  /** The next word's text; empty at the end. Quoted text is never taken for a mark such as `{`. */
  peek(offset = 0): string {
    const token = this.tokens[this.at + offset];
    return token === undefined
      ? ''
      : token.quoted && /^[{},;\n]$/.test(token.text)
        ? ' '
        : token.text;
  }

  next(): string {
    const text = this.tokens[this.at]?.text ?? '';
    this.at += 1;
    return text;
  }

  /** Steps over line ends, and over `;` when told so. */
  private skipLines(also: string): void {
    while (!this.done() && (this.peek() === '\n' || (also !== '' && this.peek() === also))) {
      this.at += 1;
    }
  }

  /** Steps over line ends; whether anything but the closing mark follows. At the end of a text that is cut off: yes. */
  more(closing: string, also = ''): boolean {
    this.skipLines(also);
    return closing === '' ? !this.done() : this.peek() !== closing;
  }

  done(): boolean {
    return this.at >= this.tokens.length;
  }

  line(): number {
    return (this.tokens[this.at] ?? this.tokens.at(-1))?.line ?? 1;
  }
}
