/** Draws the rows of a ladder: packets, acts of processes, relayed bytes, remarks. */
import { formatStop } from '../format.js';
import type { ArrowRow, PointRow, RelayRow, RemarkRow, Row } from '../layout/scene.js';
import { shorten } from '../text.js';
import { drawArrow } from './arrow.js';
import { label, type Block } from './block.js';
import type { Grid } from './grid.js';
import {
  arrowHead,
  colourOf,
  dotWidth,
  eventDot,
  LABEL_SIZE,
  laneX as at,
  timeLabel,
} from './marks.js';
import { measureIn } from './metrics.js';
import { box, group, line, textShape } from './shapes.js';

/** Draws one row from `top` on; `prefix` makes the event numbers of this connection unique in the picture. */
export function drawRow(row: Row, grid: Grid, top: number, prefix: string): Block {
  if (row.type === 'remark') return drawRemark(row, grid, top);
  const { shapes, bottom } = drawKind(row, grid, top);
  const events = row.events.map((event) => `${prefix}${event}`).join(' ');
  return { shapes: [group(shapes, { class: 'row', 'data-events': events })], bottom };
}

function drawKind(row: ArrowRow | PointRow | RelayRow, grid: Grid, top: number): Block {
  switch (row.type) {
    case 'arrow':
      return drawArrow(row, grid, top);
    case 'point':
      return drawPoint(row, grid, top);
    case 'relay':
      return drawRelay(row, grid, top);
  }
}

function drawPoint(row: PointRow, grid: Grid, top: number): Block {
  const y = top + 15;
  const colour = colourOf(row.tone);
  const x = at(grid, row.lane);
  const width = measureIn('strong', LABEL_SIZE)(row.label);
  const dot = dotWidth(formatStop(row.events, 1)) / 2;
  const toRight = x + dot + 8 + width <= grid.right - 4;
  const room = toRight ? width : x - dot - 12 - grid.left;
  const text = shorten(row.label, room, measureIn('strong', LABEL_SIZE));
  return {
    shapes: [
      textShape('title', row.title),
      timeLabel(row, grid, y),
      eventDot(x, y, formatStop(row.events, 1), colour),
      label([toRight ? x + dot + 7 : x - dot - 7, y + 4], text, {
        size: LABEL_SIZE,
        face: 'strong',
        colour,
        anchor: toRight ? 'start' : 'end',
        halo: true,
      }),
    ],
    bottom: y + 15,
  };
}

/** Draws bytes in and out as a pill over the relay's lane with an arrow through it. */
function drawRelay(row: RelayRow, grid: Grid, top: number): Block {
  const y = top + 18;
  const lane = at(grid, row.lane);
  const number = formatStop(row.events, row.count);
  const numberWidth = dotWidth(number);
  const measure = measureIn('strong', LABEL_SIZE);
  const text = shorten(row.label, grid.right - grid.left - numberWidth - 60, measure);
  const width = numberWidth + measure(text) + 26;
  const left = Math.max(grid.left + 22, Math.min(lane - width / 2, grid.right - width - 22));
  const sign = row.flow === 'request' ? 1 : -1;
  const tip = sign > 0 ? left + width + 18 : left - 18;
  const dotX = left + numberWidth / 2 + 6;
  return {
    shapes: [
      textShape('title', row.title),
      timeLabel(row, grid, y),
      line([left - 14, y, left + width + 14, y], { class: 's-relay shaft' }),
      arrowHead(tip, y, sign, 'relay'),
      box([left, y - 13, width, 26], { rx: 13, class: 'f-paper s-relay shaft' }),
      eventDot(dotX, y, number, 'relay'),
      label([dotX + numberWidth / 2 + 8, y + 4], text, {
        size: LABEL_SIZE,
        face: 'strong',
        colour: 'relay',
      }),
    ],
    bottom: y + 20,
  };
}

function drawRemark({ text, kind }: RemarkRow, grid: Grid, top: number): Block {
  const y = top + 15;
  const middle = (grid.left + grid.right) / 2;
  const shown = shorten(text, grid.right - grid.left - 80, measureIn('prose', LABEL_SIZE));
  const half = measureIn('prose', LABEL_SIZE)(shown) / 2 + 14;
  const className = `s-muted thin ${kind === 'pause' ? 'dashed' : 'implied'}`;
  return {
    shapes: [
      box([grid.left, y - 9, grid.right - grid.left, 18], { class: 'f-paper' }),
      line([grid.left, y, middle - half, y], { class: className }),
      line([middle + half, y, grid.right, y], { class: className }),
      label([middle, y + 4], shown, { size: LABEL_SIZE, colour: 'muted', anchor: 'middle' }),
    ],
    bottom: y + 15,
  };
}
