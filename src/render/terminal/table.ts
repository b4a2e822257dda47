/** The summary of many connections as a table that always fits. */
import { formatBytes, formatCount } from '../format.js';
import type { SummaryGroup } from '../layout/scene.js';
import { padEnd, padStart, shorten, widthOf } from '../text.js';
import type { Paint } from './paint.js';

const HEAD = ['count', 'path', 'proof', 'outcome', 'from', 'to', 'bytes'];
/** Columns whose values are numbers, and those that give way when the table is too wide. */
const NUMERIC = new Set([0, 6]);
const FLEXIBLE = [4, 5];
const NARROW = [6, 2, 5, 4];

/** Draws one line per group, with a heading. */
export function drawSummary(
  groups: readonly SummaryGroup[],
  columns: number,
  paint: Paint,
): string[] {
  const rows = groups.map((group) => [
    formatCount(group.count),
    group.path,
    group.proof,
    group.outcome,
    group.from,
    group.to,
    formatBytes(group.bytes),
  ]);
  const { shown, widths } = fitColumns([HEAD, ...rows], columns);
  const layOutRow = (cells: readonly string[]): string => {
    const parts = shown.map((column) => {
      const [cell, width] = [
        shorten(cells[column] ?? '', widths[column] ?? 0),
        widths[column] ?? 0,
      ];
      return NUMERIC.has(column) ? padStart(cell, width) : padEnd(cell, width);
    });
    return `  ${parts.join('  ')}`.trimEnd();
  };
  return [
    paint('dim', layOutRow(HEAD)),
    ...rows.map((row, i) => paint(isOdd(groups[i]) ? 'unsure' : 'plain', layOutRow(row))),
  ];
}

function isOdd(group: SummaryGroup | undefined): boolean {
  return group?.outcome !== 'answered' || group.proof !== 'proven';
}

/** Shortens names first, then leaves whole columns out. */
function fitColumns(
  table: readonly (readonly string[])[],
  columns: number,
): { shown: number[]; widths: number[] } {
  const widths = HEAD.map((_, i) => Math.max(...table.map((row) => widthOf(row[i] ?? ''))));
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
