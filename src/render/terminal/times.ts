/** Tells how long connections took, a line per path, outcome and container, and compares docker-proxy with DNAT. */
import { MEASURES, type StatisticsRow } from '../../model/statistics.js';
import { compareRelayed, MEASURED, writeComparison } from '../../words/comparison.js';
import { formatDuration } from '../../words/numbers.js';
import { printable, wrap } from '../text.js';
import { setRow } from './columns.js';
import { chooseTimes, type ShownTimes } from '../layout/times.js';
import type { Sheet } from './paint.js';

const HEAD = ['path', 'outcome', 'container', 'p50', 'p95', 'p99', 'max'];
const COLUMNS = [12, 11, 11, 8, 8, 8, 8].map((width, i) => ({ width, number: i > 2 }));
/** Columns of the terminal that the table takes. */
const WIDTH = 2 + COLUMNS.reduce((sum, { width }) => sum + width + 1, 0);

/** Behind the outcome of rows whose times are of another kind than the heading says. */
const MARKS = ['', '*', '+'];

interface TimedRow extends ShownTimes {
  readonly row: StatisticsRow;
}

/** Draws the table; nothing if no time is known or there is no room. */
export function drawTimes(rows: readonly StatisticsRow[], { columns, paint }: Sheet): string[] {
  const timed = rows.flatMap((row): TimedRow[] => {
    const shown = chooseTimes(row);
    return shown === null ? [] : [{ row, ...shown }];
  });
  if (timed.length === 0 || columns < WIDTH) return [];
  const measures = MEASURES.filter((one) => timed.some(({ measure }) => measure === one));
  const [main, ...others] = measures.map((measure) => `time ${MEASURED[measure]}`);
  const beside = compareRelayed(rows).map((one) => printable(writeComparison(one)));
  return [
    paint('strong', main ?? ''),
    paint('dim', layOutRow(HEAD)),
    ...timed.map((one) => layOutRow(cellsOf(one, MARKS[measures.indexOf(one.measure)] ?? ''))),
    ...others.map((text, i) => `  ${MARKS[i + 1] ?? ''} ${text}`),
    ...timed
      .filter(({ row }) => row.count > 1 && row.slowest.length > 0)
      .slice(0, 1)
      .map(
        ({ row }) =>
          `  slowest by ${row.path}: ${row.slowest.map((id) => `#${id}`).join(' ')} (--slowest N)`,
      ),
    ...beside.flatMap((text) => wrap(text, columns - 2).map((line) => `  ${line}`)),
  ];
}

function cellsOf({ row, times }: TimedRow, mark: string): string[] {
  const { path, outcome, container } = row;
  const { p50, p95, p99, max } = times;
  return [
    path,
    `${outcome}${mark}`,
    container === null ? '' : printable(container),
    ...[p50, p95, p99, max].map(formatDuration),
  ];
}

function layOutRow(cells: readonly string[]): string {
  return `  ${setRow(cells, COLUMNS, ' ')}`;
}
