/** One-character signs of evidence and outcomes, so that no meaning depends on colour alone. */
import type { Outcome } from '../model/verdict.js';
import type { EvidenceMark } from './layout/scene.js';

export const EVIDENCE_SIGNS: Readonly<Record<EvidenceMark, string>> = {
  good: '✔',
  bad: '✘',
  unsure: '?',
};

/** Each outcome has a sign of its own, and says whether the client got its answer. */
export const OUTCOME_SIGNS: Readonly<Record<Outcome, { sign: string; mark: EvidenceMark }>> = {
  answered: { sign: '✔', mark: 'good' },
  refused: { sign: '⊘', mark: 'bad' },
  reset: { sign: '↯', mark: 'bad' },
  dropped: { sign: '✘', mark: 'bad' },
  unanswered: { sign: '◌', mark: 'unsure' },
  stalled: { sign: '‖', mark: 'bad' },
};

/** `✘ dropped`. */
export function tellOutcome(outcome: Outcome): string {
  return `${OUTCOME_SIGNS[outcome].sign} ${outcome}`;
}
