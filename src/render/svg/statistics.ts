/** Draws the chart of the statistics: the spread of times per path, outcome and container, on one scale. */
import type { StatisticsRow } from '../../model/statistics.js';
import { MEASURED } from '../../words/comparison.js';
import { formatCount, formatDuration } from '../../words/numbers.js';
import { chooseTimes } from '../layout/times.js';
import { tellOutcome } from '../signs.js';
import { printable, shorten } from '../text.js';
import { below, label, nothing, paragraph, stack, TEXT, type Draw, type Frame } from './block.js';
import { measureIn } from './metrics.js';
import { box, group, line, textShape } from './shapes.js';
import { PATH_LOOKS } from './waterfall.js';

const LABELS = 300;
const LENGTHS = 90;
const HEIGHT = 22;

/** Draws bars to the 95th percentile, thick marks at the median, thin lines to the maximum; nothing without times. */
export function drawStatistics(rows: readonly StatisticsRow[], frame: Frame): Draw {
  const most = Math.max(0, ...rows.map((row) => chooseTimes(row)?.times.max ?? 0));
  if (most === 0) return nothing;
  const start = frame.left + LABELS;
  const scale = (frame.width - LENGTHS - LABELS) / most;
  const at = (time: number): number => start + time * scale;
  const about = 'bar: 95 of 100 connections · mark and number: the median · line: the slowest';
  return stack([
    ...rows.map((row) => drawRow(row, at, frame)),
    below(4, paragraph(about, frame, { size: TEXT.figure.size, colour: 'muted' })),
  ]);
}

function drawRow(row: StatisticsRow, at: (time: number) => number, { left, width }: Frame): Draw {
  const chosen = chooseTimes(row);
  if (!chosen) return nothing;
  const { measure, times } = chosen;
  const { colour, hollow } = PATH_LOOKS[row.path];
  const place = row.container === null ? '' : ` · ${printable(row.container)}`;
  const what = measure === 'firstReply' ? '' : ` · ${MEASURED[measure]}`;
  const name = `${formatCount(row.count)} × ${row.path}, ${tellOutcome(row.outcome)}${place}${what}`;
  const shown = shorten(name, LABELS - 12, measureIn('mono', TEXT.figure.size));
  const look = hollow ? `f-paper s-${colour} shaft` : `f-${colour}`;
  return (top) => {
    const y = top + HEIGHT / 2;
    const shapes = [
      textShape('title', name),
      label([left, y + 4], shown, { ...TEXT.figure, colour: 'ink' }),
      line([at(0), y, at(times.max), y], { class: `s-${colour} thin` }),
      box([at(0), y - 6, Math.max(2, at(times.p95) - at(0)), 12], {
        class: look,
        rx: hollow ? 6 : 0,
      }),
      box([at(times.p50) - 1.5, y - 9, 3, 18], { class: 'f-ink' }),
      label([left + width, y + 4], formatDuration(times.p50), { ...TEXT.figure, anchor: 'end' }),
    ];
    return { shapes: [group(shapes)], bottom: top + HEIGHT };
  };
}
