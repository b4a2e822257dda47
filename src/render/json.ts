/** The `--json` document as text. */
import type { Report } from '../model/report.js';
import { escapeJson } from '../model/visible.js';

/** The report as indented JSON that ends in a newline. */
export function renderJson(report: Report): string {
  return `${escapeJson(JSON.stringify(report, null, 2))}\n`;
}
