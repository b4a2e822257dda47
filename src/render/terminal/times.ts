/** Tells how long connections took, a line per path, outcome and container, and compares docker-proxy with DNAT. */
import type { Quantiles, StatisticsRow } from '../../model/statistics.js';
import { compareRelayed, writeComparison } from '../../words/comparison.js';
import { formatDuration } from '../../words/numbers.js';
import { printable, wrap } from '../text.js';
import { setRow } from './columns.js';
import { chooseTimes } from '../layout/times.js';
import type { Sheet } from './paint.js';

const HEAD = ['path', 'outcome', 'container', 'p50', 'p95', 'p99', 'max'];
const COLUMNS = [12, 10, 12, 8, 8, 8, 8].map((width, i) => ({ width, number: i > 2 }));
/** Columns of the terminal that the table takes. */
const WIDTH = 2 + COLUMNS.reduce((sum, { width }) => sum + width + 1, 0);

/** Draws the table; nothing if no time is known or there is no room. */
export function drawTimes(rows: readonly StatisticsRow[], { columns, paint }: Sheet): string[] {
  const timed = rows.flatMap((row) => {
    const took = chooseTimes(row);
    return took === null ? [] : [{ row, took }];
  });
  if (timed.length === 0 || columns < WIDTH) return [];
  const beside = compareRelayed(rows).map((one) => printable(writeComparison(one)));
  return [
    paint('strong', 'time to the first reply, else to connect, else in all'),
    paint('dim', layOutRow(HEAD)),
    ...timed.map(({ row, took }) => layOutRow(cellsOf(row, took))),
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

function cellsOf({ path, outcome, container }: StatisticsRow, took: Quantiles): string[] {
  const { p50, p95, p99, max } = took;
  return [
    path,
    outcome,
    container === null ? '' : printable(container),
    ...[p50, p95, p99, max].map(formatDuration),
  ];
}

function layOutRow(cells: readonly string[]): string {
  return `  ${setRow(cells, COLUMNS, ' ')}`;
}
