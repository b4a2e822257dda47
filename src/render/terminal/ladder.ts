/** The ladder of one connection in fixed-width text: lanes as columns, a line per row, notes below their rows. */
import { formatDuration } from '../format.js';
import type { Ladder, Row } from '../layout/scene.js';
import { shorten, shortenEndpoint, widthOf } from '../text.js';
import { Line } from './canvas.js';
import { columnOf, startLine, TIME_WIDTH, type Grid } from './grid.js';
import type { Paint, Role } from './paint.js';
import { drawArrow, drawPoint, drawRelay } from './rows.js';

const MIN_SPACING = 7;
const MAX_SPACING = 14;
const MIN_LABEL = 8;
const MAX_LABEL = 24;

/** Draws the ladder in at most `columns` columns; null when its lanes do not fit. */
export function drawLadder(ladder: Ladder, columns: number, paint: Paint): string[] | null {
  const grid = planGrid(ladder, columns);
  if (!grid) return null;
  const lines = [...drawHeader(ladder, grid), ...ladder.rows.flatMap((row) => drawRow(row, grid))];
  return lines.map((line) => line.toText(paint));
}

/** Lanes as far apart as the labels leave room for; labels give way before lanes do. */
function planGrid({ lanes, rows }: Ladder, columns: number): Grid | null {
  const labels = rows.flatMap((row) => (row.type === 'remark' ? [] : [row.label]));
  const wanted = Math.min(MAX_LABEL, Math.max(MIN_LABEL, ...labels.map(widthOf)));
  const labelAt = TIME_WIDTH + 2;
  const gaps = Math.max(1, lanes.length - 1);
  const overhang = Math.min(5, Math.ceil(widthOf(lanes.at(-1)?.name ?? '') / 2));
  const room = columns - labelAt - 4 - overhang;
  const generous = Math.min(MAX_SPACING, Math.floor((room - wanted) / gaps));
  const tight = Math.min(MIN_SPACING, Math.floor((room - MIN_LABEL) / gaps));
  const spacing = generous >= MIN_SPACING ? generous : tight;
  if (spacing < MIN_SPACING - 1) return null;
  const labelWidth = Math.min(wanted, room - spacing * gaps);
  const first = labelAt + labelWidth + 4;
  return { columns, x: lanes.map((_, i) => first + i * spacing), spacing, labelAt, labelWidth };
}

/** Namespaces, then the lanes' names in two lines by turns, so that each has the room of two lanes. */
function drawHeader({ lanes, groups }: Ladder, grid: Grid): Line[] {
  const spaces = new Line(grid.columns);
  const half = Math.floor((grid.spacing - 1) / 2);
  for (const { name, from, to } of groups) {
    const start = columnOf(grid, from) - half;
    const end = Math.min(columnOf(grid, to) + half, grid.columns - 1);
    spaces.put(start, '─'.repeat(end - start + 1), 'dim');
    const title = shorten(name, end - start - 1);
    if (title !== '')
      spaces.putCentered((start + end) >> 1, ` ${title} `, 'strong', start, end + 1);
  }
  const upper = new Line(grid.columns);
  const details = new Line(grid.columns);
  const lower = new Line(grid.columns);
  const width = grid.spacing * 2 - 2;
  lanes.forEach((lane, i) => {
    const role: Role = lane.kind === 'relay' || lane.kind === 'process' ? lane.kind : 'plain';
    const isEnd = role !== 'plain' || lane.kind === 'endpoint';
    const line = i % 2 === 0 ? upper : lower;
    const below = i % 2 === 0 ? details : null;
    line.putCentered(columnOf(grid, i), shorten(lane.name, width), role);
    if (isEnd) below?.putCentered(columnOf(grid, i), shortenEndpoint(lane.detail, width), 'dim');
  });
  lanes.forEach((lane, i) => {
    const x = columnOf(grid, i);
    if (i % 2 === 0 && lower.isBlank(x, x + 1)) lower.put(x, '│', 'dim');
    if (i % 2 === 0 && !(lane.kind in ENDS) && details.isBlank(x, x + 1))
      details.put(x, '│', 'dim');
  });
  const hasDetails = lanes.some(
    (lane, i) => i % 2 === 0 && lane.kind in ENDS && lane.detail !== '',
  );
  return hasDetails ? [spaces, upper, details, lower] : [spaces, upper, lower];
}

const ENDS = { relay: true, process: true, endpoint: true };

function drawRow(row: Row, grid: Grid): Line[] {
  switch (row.type) {
    case 'remark': {
      const line = startLine(grid, '┊');
      const text = `${row.kind === 'pause' ? '⋮' : '…'} ${row.text} `;
      line.put(TIME_WIDTH - 1, shorten(text, grid.columns - TIME_WIDTH), 'dim');
      return [line];
    }
    case 'arrow':
      return drawArrow(row, grid);
    case 'point':
      return [drawPoint(row, grid)];
    case 'relay':
      return [drawRelay(row, grid)];
  }
}

/** Rows as sentences, for a terminal too narrow for the ladder. */
export function describeRow(row: Row, ladder: Ladder): { time: string; text: string } {
  const nameOf = (lane: number): string => ladder.lanes[lane]?.name ?? '?';
  switch (row.type) {
    case 'remark':
      return { time: '', text: `… ${row.text}` };
    case 'point':
    case 'relay':
      return {
        time: formatDuration(row.time),
        text: `${row.label} · ${row.events[0] ?? ''} ${nameOf(row.lane)}`,
      };
    case 'arrow': {
      const stops = row.stops.map(({ lane, events }) => `${events[0] ?? ''} ${nameOf(lane)}`);
      const nat = row.rewritings
        .filter(({ spelledOut }) => spelledOut)
        .map(({ hook, field, before, now }) => ` · ${hook} ${field} ${before} → ${now}`);
      const drop = row.drop ? ` · ${row.drop.event} dropped: ${row.drop.reason}` : '';
      return {
        time: formatDuration(row.time),
        text: `${row.label} · ${stops.join(' → ')}${nat.join('')}${drop}`,
      };
    }
  }
}
