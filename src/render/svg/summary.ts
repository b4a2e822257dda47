/** Draws the table of many connections: one line per group, with a bar for its share. */
import type { EvidenceMark, SummaryGroup } from '../layout/scene.js';
import { SUMMARY_COLUMNS, tabulate } from '../summary-table.js';
import { shorten } from '../text.js';
import { label, nothing, type Block, type Frame } from './block.js';
import { measureIn } from './metrics.js';
import { box, line, type Shape } from './shapes.js';

const ROW = 24;
/** A shorter bar would look like a full stop. */
const SHORTEST_BAR = 4;
/** Each column's share of the width. */
const SHARES = [0.13, 0.14, 0.12, 0.16, 0.21, 0.14, 0.1] as const;

/** Draws the table between `left` and `left + width`. */
export function drawSummary(
  groups: readonly SummaryGroup[],
  left: number,
  top: number,
  width: number,
): Block {
  if (groups.length === 0) return nothing(top);
  const most = Math.max(...groups.map(({ count }) => count));
  const heads = SUMMARY_COLUMNS.map(({ head }) => head);
  const shapes = drawCells(heads, top, { left, width }, null);
  tabulate(groups).forEach(({ cells, odd, mark }, i) => {
    const y = top + (i + 1) * ROW;
    const bar = (SHARES[0] * width - 16) * ((groups[i]?.count ?? 0) / most);
    shapes.push(
      line([left, y, left + width, y], { class: 's-edge thin' }),
      ...(bar < SHORTEST_BAR
        ? []
        : [
            box([left + SHARES[0] * width - 8 - bar, y + ROW - 4, bar, 2], {
              class: odd ? 'f-unsure' : 'f-request',
            }),
          ]),
      ...drawCells(cells, y, { left, width }, mark),
    );
  });
  return { shapes, bottom: top + (groups.length + 1) * ROW + 16 };
}

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
