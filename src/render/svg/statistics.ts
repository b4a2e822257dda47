/** Draws the chart of the statistics: the spread of times per path, outcome and container, on one scale. */
import type { StatisticsRow } from '../../model/statistics.js';
import { formatCount, formatDuration } from '../format.js';
import { chooseTimes } from '../layout/times.js';
import { tellOutcome } from '../signs.js';
import { printable, shorten } from '../text.js';
import { label, nothing, paragraph, stack, type Block } from './block.js';
import { measureIn } from './metrics.js';
import { box, group, line, textShape } from './shapes.js';
import { PATH_LOOKS } from './waterfall.js';

const LABELS = 300;
const LENGTHS = 90;
const HEIGHT = 22;
const SIZE = 11;

/** Draws bars to the 95th percentile, thick marks at the median, thin lines to the maximum; nothing without times. */
export function drawStatistics(
  rows: readonly StatisticsRow[],
  left: number,
  top: number,
  width: number,
): Block {
  const timed = rows.filter((row) => chooseTimes(row) !== null);
  const most = Math.max(0, ...timed.map((row) => chooseTimes(row)?.max ?? 0));
  if (most === 0) return nothing(top);
  const [start, end] = [left + LABELS, left + width - LENGTHS];
  const at = (time: number): number => start + (time / most) * (end - start);
  const about = 'bar: 95 of 100 connections · mark and number: the median · line: the slowest';
  return stack(top, [
    ...timed.map((row) => (y: number) => drawRow(row, at, { left, right: left + width }, y)),
    (y) => paragraph(about, [left, y + 4, width], { size: SIZE, colour: 'muted' }),
  ]);
}

function drawRow(
  row: StatisticsRow,
  at: (time: number) => number,
  { left, right }: { readonly left: number; readonly right: number },
  top: number,
): Block {
  const times = chooseTimes(row);
  if (!times) return nothing(top);
  const { colour, hollow } = PATH_LOOKS[row.path];
  const y = top + HEIGHT / 2;
  const name = `${formatCount(row.count)} × ${row.path}, ${tellOutcome(row.outcome)}${row.container === null ? '' : ` · ${printable(row.container)}`}`;
  const shown = shorten(name, LABELS - 12, measureIn('mono', SIZE));
  const look = hollow ? `f-paper s-${colour} shaft` : `f-${colour}`;
  return {
    shapes: [
      group([
        textShape('title', name),
        label([left, y + 4], shown, { size: SIZE, face: 'mono' }),
        line([at(0), y, at(times.max), y], { class: `s-${colour} thin` }),
        box([at(0), y - 6, Math.max(2, at(times.p95) - at(0)), 12], {
          class: look,
          rx: hollow ? 6 : 0,
        }),
        box([at(times.p50) - 1.5, y - 9, 3, 18], { class: 'f-ink' }),
        label([right, y + 4], formatDuration(times.p50), {
          size: SIZE,
          face: 'mono',
          colour: 'muted',
          anchor: 'end',
        }),
      ]),
    ],
    bottom: top + HEIGHT,
  };
}
