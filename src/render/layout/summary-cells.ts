/** Lists the table cells that summarise many connections; terminal and SVG each draw them in their own way. */
import { formatBytes, formatCount } from '../../words/numbers.js';
import type { EvidenceMark, SummaryGroup } from './scene.js';
import { OUTCOME_SIGNS, tellOutcome } from '../signs.js';

/** The headings, and which columns hold numbers. */
export const SUMMARY_COLUMNS = [
  { head: 'count', number: true },
  { head: 'path', number: false },
  { head: 'proof', number: false },
  { head: 'outcome', number: false },
  { head: 'from', number: false },
  { head: 'to', number: false },
  { head: 'bytes', number: true },
] as const;

export interface SummaryRow {
  readonly cells: readonly string[];
  /** True if not answered or not proven: worth a look. */
  readonly odd: boolean;
  /** The mark of the outcome. */
  readonly mark: EvidenceMark;
}

/** One row per group, its cells in the order of the columns. */
export function tabulate(groups: readonly SummaryGroup[]): SummaryRow[] {
  return groups.map(({ count, path, proof, outcome, from, to, bytes }) => ({
    cells: [formatCount(count), path, proof, tellOutcome(outcome), from, to, formatBytes(bytes)],
    odd: outcome !== 'answered' || proof !== 'proven',
    mark: OUTCOME_SIGNS[outcome].mark,
  }));
}
