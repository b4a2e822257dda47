/** Draws the rows of a ladder: packets, acts of processes, relayed bytes, remarks. */
import { formatStop } from '../../words/numbers.js';
import type { PointRow, RelayRow, RemarkRow, Row } from '../layout/scene.js';
import { shorten } from '../text.js';
import { drawArrow } from './arrow.js';
import { label, TEXT, type Block, type Draw } from './block.js';
import type { Grid } from './grid.js';
import {
  arrowHead,
  colourOf,
  dotWidth,
  eventDot,
  laneX as at,
  rowText,
  timeLabel,
} from './marks.js';
import { measureIn } from './metrics.js';
import { box, group, line, textShape } from './shapes.js';

/** Draws one row; `prefix` makes the event numbers of this connection unique in the picture. */
export function drawRow(row: Row, grid: Grid, prefix: string): Draw {
  if (row.type === 'remark') return (top) => drawRemark(row, grid, top + 15);
  const events = row.events.map((event) => `${prefix}${event}`).join(' ');
  return (top) => {
    const { shapes, bottom } = drawKind(row, grid, top);
    const whole = [textShape('title', row.title), ...shapes];
    return { shapes: [group(whole, { class: 'row', 'data-events': events })], bottom };
  };
}

function drawKind(row: Exclude<Row, RemarkRow>, grid: Grid, top: number): Block {
  switch (row.type) {
    case 'arrow':
      return drawArrow(row, grid, top + 27);
    case 'point':
      return drawPoint(row, grid, top + 15);
    case 'relay':
      return drawRelay(row, grid, top + 18);
  }
}

function drawPoint(row: PointRow, grid: Grid, y: number): Block {
  const colour = colourOf(row.tone);
  const x = at(grid, row.lane);
  const number = formatStop(row.events, 1);
  const style = rowText(colour);
  const measure = measureIn('strong', style.size);
  const width = measure(row.label);
  const dot = dotWidth(number) / 2;
  const toRight = x + dot + 8 + width <= grid.right - 4;
  const room = toRight ? width : x - dot - 12 - grid.left;
  const text = shorten(row.label, room, measure);
  return {
    shapes: [
      timeLabel(row, grid, y),
      eventDot(x, y, number, colour),
      label([toRight ? x + dot + 7 : x - dot - 7, y + 4], text, {
        ...style,
        anchor: toRight ? 'start' : 'end',
        halo: true,
      }),
    ],
    bottom: y + 15,
  };
}

/** Draws bytes in and out as a pill over the relay's lane with an arrow through it. */
function drawRelay(row: RelayRow, grid: Grid, y: number): Block {
  const number = formatStop(row.events, row.count);
  const numberWidth = dotWidth(number);
  const style = rowText('relay');
  const measure = measureIn('strong', style.size);
  const text = shorten(row.label, grid.right - grid.left - numberWidth - 60, measure);
  const width = numberWidth + measure(text) + 26;
  const wanted = at(grid, row.lane) - width / 2;
  const left = Math.max(grid.left + 22, Math.min(wanted, grid.right - width - 22));
  const sign = row.flow === 'request' ? 1 : -1;
  const tip = sign > 0 ? left + width + 18 : left - 18;
  const dotX = left + numberWidth / 2 + 6;
  return {
    shapes: [
      timeLabel(row, grid, y),
      line([left - 14, y, left + width + 14, y], { class: 's-relay shaft' }),
      arrowHead(tip, y, sign, 'relay'),
      box([left, y - 13, width, 26], { rx: 13, class: 'f-paper s-relay shaft' }),
      eventDot(dotX, y, number, 'relay'),
      label([dotX + numberWidth / 2 + 8, y + 4], text, style),
    ],
    bottom: y + 20,
  };
}

function drawRemark({ text, kind }: RemarkRow, { left, right }: Grid, y: number): Block {
  const middle = (left + right) / 2;
  const measure = measureIn('prose', TEXT.note.size);
  const shown = shorten(text, right - left - 80, measure);
  const half = measure(shown) / 2 + 14;
  const look = { class: `s-muted thin ${kind === 'pause' ? 'dashed' : 'implied'}` };
  return {
    shapes: [
      box([left, y - 9, right - left, 18], { class: 'f-paper' }),
      line([left, y, middle - half, y], look),
      line([middle + half, y, right, y], look),
      label([middle, y + 4], shown, { ...TEXT.note, anchor: 'middle' }),
    ],
    bottom: y + 15,
  };
}
