/** Draws the summary of many connections as a table that always fits. */
import type { SummaryGroup } from '../layout/scene.js';
import { SUMMARY_COLUMNS, tabulate } from '../layout/summary-cells.js';
import { setRow, widthsOf } from './columns.js';
import type { Sheet } from './paint.js';

const HEAD = SUMMARY_COLUMNS.map(({ head }) => head);
/** Columns that give way when the table is too wide: shortened, then left out. */
const FLEXIBLE = [4, 5];
const NARROW = [6, 2, 5, 4];

/** Draws one line per group, with a heading. */
export function drawSummary(groups: readonly SummaryGroup[], { columns, paint }: Sheet): string[] {
  const rows = tabulate(groups);
  const { shown, widths } = fitColumns([HEAD, ...rows.map(({ cells }) => cells)], columns);
  const layOutRow = (cells: readonly string[]): string =>
    `  ${setRow(
      shown.map((column) => cells[column] ?? ''),
      shown.map((column) => ({
        width: widths[column] ?? 0,
        number: SUMMARY_COLUMNS[column]?.number ?? false,
      })),
    )}`;
  return [
    paint('dim', layOutRow(HEAD)),
    ...rows.map(({ cells, odd }) => paint(odd ? 'unsure' : 'plain', layOutRow(cells))),
  ];
}

/** Shortens names first, then leaves whole columns out. */
function fitColumns(
  table: readonly (readonly string[])[],
  columns: number,
): { shown: number[]; widths: number[] } {
  const widths = widthsOf(table);
  let shown = HEAD.map((_, i) => i);
  const total = (): number => shown.reduce((sum, i) => sum + (widths[i] ?? 0) + 2, 0);
  for (const column of FLEXIBLE) {
    const excess = total() - columns;
    if (excess > 0) widths[column] = Math.max(10, (widths[column] ?? 0) - excess);
  }
  for (const column of NARROW) {
    if (total() > columns) shown = shown.filter((i) => i !== column);
  }
  if (total() > columns) shown = shown.slice(0, 2);
  if (total() > columns) widths[1] = Math.max(1, columns - (widths[0] ?? 0) - 4);
  return { shown, widths };
}
