/** The `--json` document as text. */
import type { Report } from '../model/report.js';

/** Characters that JSON allows but that would act on a terminal: written as escapes, so the data stay the same. */
const ACTIVE = /[\u007f-\u009f\u2028\u2029\p{Cf}]/gu;

/** The report as indented JSON that ends in a newline. */
export function renderJson(report: Report): string {
  return `${JSON.stringify(report, null, 2).replace(ACTIVE, escapeUnits)}\n`;
}

function escapeUnits(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
