/** Draws the table of many connections: one line per group, with a bar for its share. */
import type { EvidenceMark, SummaryGroup } from '../layout/scene.js';
import { SUMMARY_COLUMNS, tabulate } from '../layout/summary-cells.js';
import { shorten } from '../text.js';
import { label, nothing, type Draw, type Frame } from './block.js';
import { measureIn } from './metrics.js';
import { box, line, type Shape } from './shapes.js';

const ROW = 24;
/** A shorter bar would look like a full stop. */
const SHORTEST_BAR = 4;
/** Each column's share of the width. */
const SHARES = [0.13, 0.14, 0.12, 0.16, 0.21, 0.14, 0.1] as const;

export function drawSummary(groups: readonly SummaryGroup[], frame: Frame): Draw {
  if (groups.length === 0) return nothing;
  const { left, width } = frame;
  const most = Math.max(...groups.map(({ count }) => count));
  const heads = SUMMARY_COLUMNS.map(({ head }) => head);
  const room = SHARES[0] * width;
  return (top) => ({
    shapes: [
      ...drawCells(heads, top, frame, null),
      ...tabulate(groups).flatMap(({ cells, odd, mark }, i) => {
        const y = top + (i + 1) * ROW;
        const bar = (room - 16) * ((groups[i]?.count ?? 0) / most);
        const look = { class: odd ? 'f-unsure' : 'f-request' };
        return [
          line([left, y, left + width, y], { class: 's-edge thin' }),
          ...(bar < SHORTEST_BAR ? [] : [box([left + room - 8 - bar, y + ROW - 4, bar, 2], look)]),
          ...drawCells(cells, y, frame, mark),
        ];
      }),
    ],
    bottom: top + (groups.length + 1) * ROW + 16,
  });
}

/** @param mark the mark of the outcome; null for the headings */
function drawCells(
  cells: readonly string[],
  top: number,
  { left, width }: Frame,
  mark: EvidenceMark | null,
): Shape[] {
  let x = left;
  return SUMMARY_COLUMNS.map(({ head, number }, i) => {
    const room = (SHARES[i] ?? 0) * width;
    const face = mark === null ? 'prose' : number ? 'mono' : 'strong';
    const text = shorten(cells[i] ?? '', room - 12, measureIn(face, 12));
    const cell = label([number ? x + room - 8 : x + 4, top + 16], text, {
      size: 12,
      face,
      colour: mark === null ? 'muted' : head === 'outcome' ? mark : 'ink',
      anchor: number ? 'end' : 'start',
    });
    x += room;
    return cell;
  });
}
