/** The ladder of one connection in fixed-width text: lanes as columns, a line per row, notes below their rows. */
import { formatDuration } from '../format.js';
import type {
  ArrowRow,
  Ladder,
  PointRow,
  RelayRow,
  RemarkRow,
  Rewriting,
  Row,
} from '../layout/scene.js';
import { padStart, shorten, shortenEndpoint, widthOf } from '../text.js';
import { Line } from './canvas.js';
import type { Paint, Role } from './paint.js';

const TIME_WIDTH = 7;
const MIN_SPACING = 7;
const MAX_SPACING = 14;
const MIN_LABEL = 8;
const MAX_LABEL = 24;

interface Grid {
  readonly columns: number;
  /** Column of each lane. */
  readonly x: readonly number[];
  readonly spacing: number;
  readonly labelAt: number;
  readonly labelWidth: number;
}

/** Draws the ladder in at most `columns` columns; null when its lanes do not fit. */
export function drawLadder(ladder: Ladder, columns: number, paint: Paint): string[] | null {
  const grid = planGrid(ladder, columns);
  if (!grid) return null;
  const lines = [
    ...drawHeader(ladder, grid),
    ...ladder.rows.flatMap((row) => drawRow(row, ladder, grid)),
  ];
  return lines.map((line) => line.toText(paint));
}

function planGrid({ lanes, rows }: Ladder, columns: number): Grid | null {
  const labels = rows.flatMap((row) => (row.type === 'remark' ? [] : [row.label]));
  const wanted = Math.min(MAX_LABEL, Math.max(MIN_LABEL, ...labels.map(widthOf)));
  const labelAt = TIME_WIDTH + 2;
  const gaps = Math.max(1, lanes.length - 1);
  const lastWidth = Math.min(5, Math.ceil(widthOf(lanes.at(-1)?.name ?? '') / 2));
  const room = columns - labelAt - 4 - lastWidth;
  const spacing = Math.min(MAX_SPACING, Math.floor((room - wanted) / gaps));
  const fitting =
    spacing >= MIN_SPACING ? spacing : Math.min(MIN_SPACING, Math.floor((room - MIN_LABEL) / gaps));
  if (fitting < MIN_SPACING - 1) return null;
  const labelWidth = Math.min(wanted, room - fitting * gaps);
  const first = labelAt + labelWidth + 4;
  return {
    columns,
    x: lanes.map((_, i) => first + i * fitting),
    spacing: fitting,
    labelAt,
    labelWidth,
  };
}

/** Namespaces, then the lanes' names in two lines by turns, so that each has the room of two lanes. */
function drawHeader({ lanes, groups }: Ladder, grid: Grid): Line[] {
  const spaces = new Line(grid.columns);
  const half = Math.floor((grid.spacing - 1) / 2);
  for (const { name, from, to } of groups) {
    const start = at(grid, from) - half;
    const end = Math.min(at(grid, to) + half, grid.columns - 1);
    spaces.put(start, '─'.repeat(end - start + 1), 'dim');
    const title = shorten(name, end - start - 1);
    if (title !== '')
      spaces.putCentered((start + end) >> 1, ` ${title} `, 'strong', start, end + 1);
  }
  const names = [new Line(grid.columns), new Line(grid.columns)];
  const details = [new Line(grid.columns), new Line(grid.columns)];
  const width = grid.spacing * 2 - 2;
  lanes.forEach((lane, i) => {
    const role: Role =
      lane.kind === 'relay' ? 'relay' : lane.kind === 'process' ? 'process' : 'plain';
    names[i % 2]?.putCentered(at(grid, i), shorten(lane.name, width), role);
    const detail =
      lane.kind === 'relay' || lane.kind === 'process' || lane.kind === 'endpoint'
        ? lane.detail
        : '';
    details[i % 2]?.putCentered(at(grid, i), shortenEndpoint(detail, width), 'dim');
  });
  const hasDetail = details.map((line) => !line.isBlank(0, grid.columns));
  const [upper, lower] = [names[0] as Line, names[1] as Line];
  const second = details[0] as Line;
  lanes.forEach((_, i) => {
    if (i % 2 === 1) return;
    for (const line of [lower])
      if (line.isBlank(at(grid, i), at(grid, i) + 1)) line.put(at(grid, i), '│', 'dim');
  });
  return hasDetail[0] === true ? [spaces, upper, second, lower] : [spaces, upper, lower];
}

function at(grid: Grid, lane: number): number {
  return grid.x[lane] ?? 0;
}

function drawRow(row: Row, ladder: Ladder, grid: Grid): Line[] {
  switch (row.type) {
    case 'remark':
      return [drawRemark(row, grid)];
    case 'arrow':
      return drawArrow(row, ladder, grid);
    case 'point':
      return [drawPoint(row, ladder, grid)];
    case 'relay':
      return [drawRelay(row, ladder, grid)];
  }
}

function startLine(grid: Grid, rail = '│'): Line {
  const line = new Line(grid.columns);
  for (const x of grid.x) line.put(x, rail, 'dim');
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

function drawRemark({ text, kind }: RemarkRow, grid: Grid): Line {
  const line = startLine(grid, '┊');
  line.put(
    TIME_WIDTH - 1,
    shorten(`${kind === 'pause' ? '⋮' : '…'} ${text}`, grid.columns - TIME_WIDTH),
    'dim',
  );
  return line;
}

function drawArrow(row: ArrowRow, ladder: Ladder, grid: Grid): Line[] {
  const line = labelled(row, grid);
  const role = roleOf(row);
  const [shaft, faint] = row.count > 1 ? ['═', '┄'] : ['─', '┄'];
  const right = row.flow === 'request';
  const lanes = row.stops.map((stop) => stop.lane);
  const [first, last] = [lanes[0], lanes.at(-1)];
  lanes.slice(1).forEach((lane, i) => {
    drawShaft(line, at(grid, lanes[i] ?? lane), at(grid, lane), shaft ?? '─', role);
  });
  if (first !== undefined && row.tail !== null) {
    drawShaft(line, at(grid, row.tail), at(grid, first), faint ?? '┄', role);
    line.put(at(grid, row.tail), right ? '├' : '┤', role);
  }
  if (last !== undefined && row.head !== null) {
    drawShaft(line, at(grid, last), at(grid, row.head), faint ?? '┄', role);
    line.put(at(grid, row.head) + (right ? -1 : 1), right ? '►' : '◄', role);
  }
  for (const stop of row.stops)
    drawStop(line, grid, stop.lane, eventText(stop.events, row.count), role);
  if (last !== undefined && row.head === null && row.drop === null) {
    const number = eventText(row.stops.at(-1)?.events ?? [], row.count);
    const beside = right ? Math.ceil((widthOf(number) + 1) / 2) : -Math.ceil(widthOf(number) / 2);
    if (row.stops.length === 1) line.put(at(grid, last) + beside, right ? '►' : '◄', role);
    else line.put(at(grid, last) - beside + (right ? 0 : 0), right ? '►' : '◄', role);
  }
  for (const rewriting of row.rewritings) markRewriting(line, grid, rewriting);
  const notes = row.rewritings
    .filter((rewriting) => rewriting.spelledOut)
    .flatMap((rewriting) => noteRewriting(rewriting, ladder, grid));
  return [line, ...notes, ...drawDrop(line, row, ladder, grid)];
}

function eventText(events: readonly number[], count: number): string {
  const [first, ...rest] = events;
  if (first === undefined) return '';
  if (count > 1) return `${first}…`;
  return rest.length > 0 ? `${first},${rest.at(-1) ?? ''}` : String(first);
}

function drawShaft(line: Line, from: number, to: number, shaft: string, role: Role): void {
  const [left, right] = from < to ? [from, to] : [to, from];
  line.put(left, shaft.repeat(right - left + 1), role);
}

function drawStop(line: Line, grid: Grid, lane: number, text: string, role: Role): void {
  const fitted = widthOf(text) <= grid.spacing - 2 ? text : shorten(text, grid.spacing - 2);
  line.putCentered(at(grid, lane), fitted, role);
}

/** The diamond stands between the two places, nearer to the one that shows the new addresses. */
function markRewriting(line: Line, grid: Grid, { after, lane }: Rewriting): void {
  const x = at(grid, lane);
  const from = after === null ? x - 4 : at(grid, after);
  line.put(from < x ? x - 3 : x + 3, '◆', 'nat');
}

/** What was rewritten, in a line of its own below the diamond; on whichever side there is room. */
function noteRewriting(rewriting: Rewriting, _ladder: Ladder, grid: Grid): Line[] {
  const { hook, field, before, now, lane, after } = rewriting;
  const x = at(grid, lane);
  const diamond = (after === null ? x - 4 : at(grid, after)) < x ? x - 3 : x + 3;
  const short = field === 'source' ? 'src' : 'dst';
  const full = (room: number): string | null => {
    const fixed = widthOf(`${hook} ${short}  → `);
    const each = Math.floor((room - fixed) / 2);
    if (widthOf(before) + widthOf(now) + fixed <= room)
      return `${hook} ${short} ${before} → ${now}`;
    return each < 14
      ? null
      : `${hook} ${short} ${shortenEndpoint(before, each)} → ${shortenEndpoint(now, each)}`;
  };
  const right = grid.columns - diamond - 2;
  const left = diamond - TIME_WIDTH - 2;
  const [toRight, toLeft] = [full(right), full(left)];
  const wholeRight = toRight !== null && !toRight.includes('…');
  const wholeLeft = toLeft !== null && !toLeft.includes('…');
  const line = startLine(grid);
  if (toRight !== null && (wholeRight || !wholeLeft || toLeft === null)) {
    line.put(diamond, `╰ ${toRight}`, 'nat');
    return [line];
  }
  if (toLeft !== null) {
    line.put(diamond - widthOf(toLeft) - 1, `${toLeft} ╯`, 'nat');
    return [line];
  }
  const text = shorten(`${hook} ${short} ${before} → ${now}`, grid.columns - TIME_WIDTH - 2);
  line.put(TIME_WIDTH + 1, text, 'nat');
  return [line];
}

function drawDrop(line: Line, row: ArrowRow, _ladder: Ladder, grid: Grid): Line[] {
  const { drop } = row;
  if (!drop) return [];
  const right = row.flow === 'request';
  const x = at(grid, drop.lane);
  const width = widthOf(eventText(row.stops.at(-1)?.events ?? [], row.count));
  const cross = drop.behind ? x + (right ? Math.max(3, width) : -Math.max(3, width)) : x;
  const last = row.stops.at(-1);
  if (last) {
    const from =
      at(grid, last.lane) + (right ? Math.ceil((width + 1) / 2) : -Math.ceil((width + 1) / 2));
    if ((right && from < cross) || (!right && cross < from))
      drawShaft(line, from, cross, '─', 'bad');
  }
  line.put(cross, '╳', 'bad');
  const note = startLine(grid);
  const text = `${drop.event} dropped: ${drop.reason}`;
  const room = grid.columns - cross - 2;
  if (widthOf(text) <= room || room >= cross - TIME_WIDTH)
    note.put(cross, `╰ ${shorten(text, room)}`, 'bad');
  else {
    const fitted = shorten(text, cross - TIME_WIDTH - 2);
    note.put(cross - widthOf(fitted) - 1, `${fitted} ╯`, 'bad');
  }
  return [note];
}

function drawPoint(row: PointRow, _ladder: Ladder, grid: Grid): Line {
  const line = labelled(row, grid);
  const text = eventText(row.events, 1);
  line.putCentered(at(grid, row.lane), `●${text}`, roleOf(row));
  return line;
}

function drawRelay(row: RelayRow, _ladder: Ladder, grid: Grid): Line {
  const line = labelled(row, grid);
  const text = eventText(row.events.slice(0, 1), row.count);
  const arrow = row.flow === 'request' ? '►' : '◄';
  line.putCentered(at(grid, row.lane), `${arrow}${text}${arrow}`, roleOf(row));
  return line;
}
