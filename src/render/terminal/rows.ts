/** Draws rows of the ladder as text: arrows with numbered events, NAT notes, relayed bytes, drops. */
import { formatDuration, formatStop } from '../../words/numbers.js';
import type { ArrowRow, DropMark, PointRow, RelayRow, Rewriting } from '../layout/scene.js';
import { padStart, shorten, shortenEndpoint, widthOf, wrap } from '../text.js';
import type { Line } from './canvas.js';
import { columnOf, startLine, TIME_WIDTH, type Grid } from './grid.js';
import type { Role } from './paint.js';

const IMPLIED = '┄';
/** Replaces an arrow's beginning or end if the packet passed further places that the report does not list. */
const UNLISTED = '…';

/** Draws an arrow with a number at every stop, and below it what was rewritten or why the packet was dropped. */
export function drawArrow(row: ArrowRow, grid: Grid): Line[] {
  const line = labelled(row, grid);
  const role = roleOf(row);
  const sign = row.flow === 'request' ? 1 : -1;
  const pen = { line, grid, sign } as const;
  const head = sign > 0 ? '►' : '◄';
  const shaft = row.count > 1 ? '═' : '─';
  const stops = row.stops.map((stop) => columnOf(grid, stop.lane));
  const [first, last] = [stops[0], stops.at(-1)];
  stops.slice(1).forEach((x, i) => {
    drawShaft(line, [stops[i] ?? x, x], shaft, role);
  });
  if (first !== undefined && row.tail !== null) {
    const tail = columnOf(grid, row.tail);
    drawShaft(line, [tail + sign, first], IMPLIED, role);
    line.put(tail, sign > 0 ? '├' : '┤', role);
  }
  if (last !== undefined && row.head !== null) {
    const x = columnOf(grid, row.head) - sign;
    drawShaft(line, [last, x], IMPLIED, role);
    line.put(x, head, role);
  }
  const ends = row.stops.map(({ lane, events }) =>
    drawNumber(pen, lane, formatStop(events, row.count, grid.spacing - 2), role),
  );
  const lastEnd = ends.at(-1);
  if (lastEnd !== undefined && row.head === null && row.drop === null)
    line.put(lastEnd + sign, row.unlisted.after ? UNLISTED : head, role);
  if (first !== undefined && row.unlisted.before) {
    const width = widthOf(formatStop(row.stops[0]?.events ?? [], row.count, grid.spacing - 2));
    const start = first - Math.floor((width - 1) / 2);
    line.put(sign > 0 ? start - 1 : start + width, UNLISTED, role);
  }
  const marks = row.rewritings.map((rewriting) => markRewriting(pen, rewriting, lastEnd));
  const notes = row.rewritings.flatMap((rewriting, i) =>
    rewriting.spelledOut ? noteRewriting(rewriting, marks[i] ?? 0, grid) : [],
  );
  if (!row.drop) return [line, ...notes];
  const drop = drawDrop(pen, row.drop, lastEnd);
  // The line to the drop covers the marks on it: draw them again.
  row.rewritings.forEach((_, i) => {
    line.put(marks[i] ?? 0, '◆', 'nat');
  });
  return [line, ...notes, ...drop];
}

/** Draws something that happened at one lane. */
export function drawPoint(row: PointRow, grid: Grid): Line {
  const line = labelled(row, grid);
  const text = formatStop(row.events, 1, 12);
  const x = columnOf(grid, row.lane);
  line.put(x, '●', roleOf(row));
  line.put(x + 1 + widthOf(text) <= grid.columns ? x + 1 : x - widthOf(text), text, roleOf(row));
  return line;
}

/** Draws bytes on their way through the relay. */
export function drawRelay(row: RelayRow, grid: Grid): Line {
  const line = labelled(row, grid);
  const arrow = row.flow === 'request' ? '►' : '◄';
  const text = formatStop(row.events.slice(0, 1), row.count, grid.spacing - 3);
  line.putCentered(columnOf(grid, row.lane), `${arrow}${text}${arrow}`, roleOf(row));
  return line;
}

function labelled(row: ArrowRow | PointRow | RelayRow, grid: Grid): Line {
  const line = startLine(grid);
  line.put(0, padStart(shorten(formatDuration(row.time), TIME_WIDTH), TIME_WIDTH), 'dim');
  const label = widthOf(row.label) <= grid.labelWidth ? row.label : row.brief;
  line.put(grid.labelAt, shorten(label, grid.labelWidth), roleOf(row));
  return line;
}

function roleOf({ tone }: ArrowRow | PointRow | RelayRow): Role {
  return tone === 'reset' || tone === 'retransmit' ? 'bad' : tone;
}

/** What a packet is drawn with: its line, and the direction in which it goes. */
interface Pen {
  readonly line: Line;
  readonly grid: Grid;
  readonly sign: 1 | -1;
}

function drawShaft(line: Line, ends: readonly [number, number], shaft: string, role: Role): void {
  const [left, right] = [Math.min(...ends), Math.max(...ends)];
  line.put(left, shaft.repeat(right - left + 1), role);
}

/** Writes an event's number over its lane; returns the column of its end in the direction of the arrow. */
function drawNumber({ line, grid, sign }: Pen, lane: number, number: string, role: Role): number {
  const start = columnOf(grid, lane) - Math.floor((widthOf(number) - 1) / 2);
  line.put(start, number, role);
  return sign > 0 ? start + widthOf(number) - 1 : start;
}

/** Draws a diamond just before the place that shows the new addresses; returns its column. */
function markRewriting(
  { line, grid, sign }: Pen,
  { lane, behind }: Rewriting,
  lastEnd: number | undefined,
): number {
  const column =
    behind && lastEnd !== undefined ? lastEnd + sign * 2 : columnOf(grid, lane) - sign * 3;
  line.put(column, '◆', 'nat');
  return column;
}

/** Tells what was rewritten, as near below the diamond as there is room; in two lines if one is too short. */
function noteRewriting({ hook, field, before, now }: Rewriting, mark: number, grid: Grid): Line[] {
  const name = `${hook} ${field === 'source' ? 'src' : 'dst'}`;
  const room = grid.columns - TIME_WIDTH - 2;
  const whole = `◆ ${name} ${before} → ${now}`;
  if (widthOf(whole) <= room) return [putNote(whole, mark, grid)];
  const upper = `◆ ${name} ${shortenEndpoint(before, room - widthOf(name) - 3)}`;
  const lower = `→ ${shortenEndpoint(now, room - 2)}`;
  const start = Math.min(mark, grid.columns - Math.max(widthOf(upper), widthOf(lower)));
  return [putNote(upper, start, grid), putNote(lower, start, grid)];
}

function putNote(text: string, wanted: number, grid: Grid, role: Role = 'nat'): Line {
  const line = startLine(grid);
  const fitted = shorten(text, grid.columns - TIME_WIDTH - 2);
  const start = Math.min(wanted, grid.columns - widthOf(fitted));
  line.put(start - 1, ` ${fitted} `, role);
  return line;
}

function drawDrop({ line, grid, sign }: Pen, drop: DropMark, lastEnd: number | undefined): Line[] {
  const lane = columnOf(grid, drop.lane);
  const cross = drop.behind ? (lastEnd ?? lane) + sign * 3 : lane;
  if (lastEnd !== undefined && Math.sign(cross - lastEnd) === sign) {
    drawShaft(line, [lastEnd + sign, cross], '─', 'bad');
  }
  const number = String(drop.event);
  line.put(cross, '╳', 'bad');
  line.put(sign > 0 ? cross + 1 : cross - widthOf(number), number, 'bad');
  if (!drop.spelledOut) return [];
  const lines = wrap(`╳ dropped: ${drop.reason}`, Math.min(60, grid.columns - TIME_WIDTH - 2));
  return lines.slice(0, 3).map((text) => putNote(text, cross, grid, 'bad'));
}
