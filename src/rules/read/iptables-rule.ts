/** Reads one iptables rule: its options as matches, and its target as a step. */
import type { Match, Step } from '../../model/rules.js';
import { countValues, isTarget } from './iptables-options.js';
import {
  ALIASES,
  CHANCE,
  OPTIONS,
  readOther,
  readReversePath,
  RPFILTER,
  SILENT,
  type KnownOption,
} from './iptables-matches.js';
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
  /** As `iptables -S -v` prints them, inside of the rule. */
  packets: number | null;
}

/** Reads what follows `-A CHAIN`; a sentence says what is wrong with it. */
export function readRule(words: readonly string[]): ParsedRule | string {
  return new RuleReader(words).read();
}

/** Reads one rule's words from left to right. */
class RuleReader {
  readonly #words: readonly string[];
  readonly #steps: Step[] = [];
  #at = 0;
  /** The one that `-m` named last. */
  #module = '';
  #comment: string | null = null;
  #packets: number | null = null;
  // Matches may stand behind the target, and its options behind them.
  #target: { option: '-j' | '-g'; name: string; options: string[] } | null = null;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  read(): ParsedRule | string {
    while (this.#at < this.#words.length) {
      const not = this.#skipNot();
      const word = this.#take();
      const option = ALIASES.get(word) ?? word;
      if (!option.startsWith('-')) return `"${word}" is no option of iptables`;
      const problem = this.#readOption(option, not);
      if (problem !== null) return problem;
    }
    const steps = mergeOptions(this.#steps);
    const target = this.#target;
    if (target) steps.push(...readTarget(target.option, target.name, target.options));
    return { steps, comment: this.#comment, packets: this.#packets };
  }

  /** @returns a sentence that says what is wrong, or null */
  #readOption(option: string, not: boolean): string | null {
    if (option === '-j' || option === '-g') return this.#startTarget(option);
    const target = this.#target;
    const own = target && countValues(target.name, option);
    if (target && own != null) {
      target.options.push(option, ...this.#takeSome(own));
      return null;
    }
    switch (option) {
      case '-m':
        return this.#readModule();
      case '-c':
        this.#packets = Number(this.#takeSome(2)[0] ?? '');
        return null;
      case '--comment':
        this.#comment = this.#take();
        return null;
      case '--limit-iface-in':
        this.#steps.splice(0, this.#steps.length, ...this.#steps.map(limitToDevice));
        return null;
    }
    const known = OPTIONS.get(option);
    if (known) return this.#readKnown(option, known, not);
    this.#readUnknown(option, not);
    return null;
  }

  #startTarget(option: '-j' | '-g'): string | null {
    const name = this.#words[this.#at];
    if (name === undefined) return `${option} has no target`;
    this.#target = { option, name, options: [] };
    this.#at += 1;
    return null;
  }

  #readModule(): string | null {
    if (this.#words[this.#at] === undefined) return '-m has no name';
    this.#module = this.#take();
    if (this.#module === 'rpfilter') {
      const options: string[] = [];
      while (RPFILTER.has(this.#words[this.#at] ?? '')) options.push(this.#take());
      this.#addMatch(readReversePath(options));
    } else if (!SILENT.has(this.#module) && isLast(this.#words, this.#at)) {
      const text = `-m ${this.#module}`;
      this.#addMatch({ on: CHANCE.has(this.#module) ? 'chance' : 'unknown', text, not: false });
    }
    return null;
  }

  #readKnown(option: string, [count, reader]: KnownOption, before: boolean): string | null {
    // Until 1.4.3 the mark of negation came after the option.
    const not = (count > 0 && this.#skipNot()) || before;
    const values = this.#takeSome(count);
    if (values.length < count) return `${option} has no value`;
    const match = reader(values, this.#module);
    this.#addMatch({ ...(match ?? { on: 'unknown', text: [option, ...values].join(' ') }), not });
    return null;
  }

  /** What follows a target that is not known is the target's, if no module claims it. */
  #readUnknown(option: string, not: boolean): void {
    const values: string[] = [];
    while (this.#at < this.#words.length && !isOption(this.#words[this.#at] ?? '')) {
      values.push(this.#take());
    }
    const target = this.#target;
    if (target && !isTarget(target.name) && this.#module === '') {
      target.options.push(option, ...values);
    } else this.#addMatch({ ...readOther(option, values, this.#module), not });
  }

  #addMatch(match: Match): void {
    this.#steps.push({ kind: 'match', match });
  }

  #skipNot(): boolean {
    if (this.#words[this.#at] !== '!') return false;
    this.#at += 1;
    return true;
  }

  #take(): string {
    return this.#takeSome(1)[0] ?? '';
  }

  #takeSome(count: number): readonly string[] {
    const words = this.#words.slice(this.#at, this.#at + count);
    this.#at += count;
    return words;
  }
}

/** Whether no option of the module follows. */
function isLast(words: readonly string[], at: number): boolean {
  const next = words[words[at] === '!' ? at + 1 : at];
  return next === undefined || /^-[mjgsdiopc]$/.test(ALIASES.get(next) ?? next);
}

function isOption(word: string): boolean {
  return word === '!' || /^--?[A-Za-z]/.test(word);
}

/** Of addrtype: the kind of address that it is on the device that the packet came in on. */
function limitToDevice(step: Step): Step {
  if (step.kind !== 'match') return step;
  const { match } = step;
  const isType = match.on === 'destination-type' || match.on === 'source-type';
  return isType ? { kind: 'match', match: { ...match, here: true } } : step;
}

/** `--mode random --probability 0.5` of one module that is not evaluated are one condition, not two. */
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

/** The text of two conditions that are one; null where they are not. */
function joinOptions(last: Step, step: Step): string | null {
  if (last.kind !== 'match' || step.kind !== 'match') return null;
  const [one, other] = [last.match, step.match];
  if (one.on !== other.on || !('text' in one) || !('text' in other)) return null;
  const [module = ''] = /^-m \S+ /.exec(one.text) ?? [];
  if (module === '' || !other.text.startsWith(module)) return null;
  return `${one.text} ${other.not ? '! ' : ''}${other.text.slice(module.length)}`;
}
