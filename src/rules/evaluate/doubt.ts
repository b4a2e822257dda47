/** What a condition says of a packet, where that may not be known. */
import type { Question } from '../../model/question.js';

/** A condition that cannot be decided: what it says, and whether it is so by design (chance) or for want of knowledge. */
export interface Undecided {
  readonly about: Question;
  readonly chance: boolean;
}

export type Answer = boolean | Undecided;

/** A doubt for want of knowledge. */
export function wonder(about: Question): Undecided {
  return { about, chance: false };
}

/** Whether two questions are one and the same. */
export function isSameQuestion(a: Question, b: Question): boolean {
  return a === b || (a.code === b.code && JSON.stringify(a) === JSON.stringify(b));
}
