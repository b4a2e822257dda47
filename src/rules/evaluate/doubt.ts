/** The answer of a condition about a packet: true, false, or undecided. */
import type { Question } from '../../model/question.js';
import type { RuleRef } from './rule-index.js';

/** A condition that cannot be decided: its question, and whether chance decides it by design or a fact is missing. */
export interface Undecided {
  readonly about: Question;
  readonly chance: boolean;
}

/** Thrown when this program cannot follow a rule's effect: then nothing after it is known. */
export class Undecidable extends Error {
  constructor(
    readonly ref: RuleRef,
    readonly about: Question,
  ) {
    super(about.code);
  }
}

export type Answer = boolean | Undecided;

/** Creates a doubt about a missing fact. */
export function wonder(about: Question): Undecided {
  return { about, chance: false };
}

/** Whether two questions are the same. */
export function isSameQuestion(a: Question, b: Question): boolean {
  return a === b || (a.code === b.code && JSON.stringify(a) === JSON.stringify(b));
}
