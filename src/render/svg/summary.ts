/** The table of many connections: one line per group, a bar for its share. */
import { formatBytes, formatCount } from '../format.js';
import type { SummaryGroup } from '../layout/scene.js';
import { shorten } from '../text.js';
import { label, type Block } from './block.js';
import { measureIn } from './metrics.js';
import { box, line, type Shape } from './shapes.js';

const ROW = 24;
/** Shares of the width, and which columns hold numbers. */
const COLUMNS = [
  { head: 'connections', share: 0.13, number: true },
  { head: 'path', share: 0.14, number: false },
  { head: 'proof', share: 0.13, number: false },
  { head: 'outcome', share: 0.13, number: false },
  { head: 'from', share: 0.22, number: false },
  { head: 'to', share: 0.15, number: false },
  { head: 'bytes', share: 0.1, number: true },
] as const;

/** Draws the table between `left` and `left + width`. */
export function drawSummary(
  groups: readonly SummaryGroup[],
  left: number,
  top: number,
  width: number,
): Block {
  if (groups.length === 0) return { shapes: [], bottom: top };
  const most = Math.max(...groups.map(({ count }) => count));
  const shapes: Shape[] = [
    ...drawCells(
      COLUMNS.map(({ head }) => head),
      left,
      top,
      width,
      true,
    ),
  ];
  groups.forEach((group, i) => {
    const y = top + (i + 1) * ROW;
    const odd = group.outcome !== 'answered' || group.proof !== 'proven';
    const bar = (COLUMNS[0].share * width - 16) * (group.count / most);
    shapes.push(
      line(left, y, left + width, y, { class: 's-edge thin' }),
      box(left + COLUMNS[0].share * width - 8 - bar, y + ROW - 4, bar, 2, {
        class: odd ? 'f-unsure' : 'f-request',
      }),
      ...drawCells(
        [
          formatCount(group.count),
          group.path,
          group.proof,
          group.outcome,
          group.from,
          group.to,
          formatBytes(group.bytes),
        ],
        left,
        y,
        width,
        false,
      ),
    );
  });
  return { shapes, bottom: top + (groups.length + 1) * ROW + 16 };
}

function drawCells(
  cells: readonly string[],
  left: number,
  top: number,
  width: number,
  head: boolean,
): Shape[] {
  let x = left;
  return COLUMNS.map(({ share, number }, i) => {
    const room = share * width;
    const face = head ? 'prose' : number ? 'mono' : 'strong';
    const text = shorten(cells[i] ?? '', room - 12, measureIn(face, 12));
    const cell = label(
      number ? x + room - 8 : x + 4,
      top + 16,
      text,
      { size: 12, face, colour: head ? 'muted' : 'ink' },
      {
        'text-anchor': number ? 'end' : 'start',
      },
    );
    x += room;
    return cell;
  });
}
