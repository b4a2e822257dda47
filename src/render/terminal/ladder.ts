/** Draws the ladder of one connection in fixed-width text: lanes as columns, a line per row, notes below their rows. */
import { formatDuration, formatStop } from '../format.js';
import type { Ladder, Lane, Row } from '../layout/scene.js';
import { shorten, shortenEndpoint, stick, widthOf } from '../text.js';
import { Line } from './canvas.js';
import { columnOf, startLine, TIME_WIDTH, type Grid } from './grid.js';
import type { Role, Sheet } from './paint.js';
import { drawArrow, drawPoint, drawRelay } from './rows.js';

const MIN_SPACING = 7;
const MAX_SPACING = 14;
const MIN_LABEL = 8;
const MAX_LABEL = 24;

/** Draws the ladder in at most `columns` columns; null when its lanes do not fit. */
export function drawLadder(ladder: Ladder, { columns, paint }: Sheet): string[] | null {
  const grid = planGrid(ladder, columns);
  if (!grid) return null;
  const lines = [...drawHeader(ladder, grid), ...ladder.rows.flatMap((row) => drawRow(row, grid))];
  return lines.map((line) => line.toText(paint));
}

/** Spaces lanes as far apart as the labels allow; labels shrink before lanes do. Null when the lanes do not fit. */
function planGrid({ lanes, rows }: Ladder, columns: number): Grid | null {
  const labels = rows.flatMap((row) => (row.type === 'remark' ? [] : [row.label]));
  const wanted = Math.min(MAX_LABEL, Math.max(MIN_LABEL, ...labels.map(widthOf)));
  const labelAt = TIME_WIDTH + 2;
  const gaps = Math.max(1, lanes.length - 1);
  const overhang = Math.min(5, Math.ceil(widthOf(lanes.at(-1)?.name ?? '') / 2));
  const room = columns - labelAt - 4 - overhang;
  const least = Math.max(MIN_SPACING, widestNumber(rows) + 3);
  const generous = Math.min(Math.max(MAX_SPACING, least), Math.floor((room - wanted) / gaps));
  const tight = Math.min(least, Math.floor((room - MIN_LABEL) / gaps));
  const spacing = generous >= least ? generous : tight;
  if (spacing < least - 1) return null;
  const labelWidth = Math.min(wanted, room - spacing * gaps);
  const first = labelAt + labelWidth + 4;
  return { columns, x: lanes.map((_, i) => first + i * spacing), spacing, labelAt, labelWidth };
}

/** Columns of the longest number, with the mark behind it if a stop has several. */
function widestNumber(rows: readonly Row[]): number {
  const stops = rows.flatMap((row) =>
    row.type === 'arrow' ? row.stops.map(({ events }) => formatStop(events, row.count, 1)) : [],
  );
  return Math.max(1, ...stops.map(widthOf));
}

/** Draws the namespaces, then the lanes' names, then the details of the ends. */
function drawHeader(ladder: Ladder, grid: Grid): Line[] {
  const names = drawNames(ladder, grid);
  return [drawNamespaces(ladder, grid), ...names, ...drawDetails(ladder, grid)];
}

function drawNamespaces({ groups }: Ladder, grid: Grid): Line {
  const line = new Line(grid.columns);
  const half = Math.floor((grid.spacing - 1) / 2);
  for (const { name, from, to } of groups) {
    const start = columnOf(grid, from) - half;
    const end = Math.min(columnOf(grid, to) + grid.spacing - half - 2, grid.columns - 1);
    line.put(start, '─'.repeat(end - start + 1), 'dim');
    const title = shorten(name, end - start - 1);
    if (title !== '')
      line.putCentered((start + end) >> 1, ` ${title} `, 'strong', [start, end + 1]);
  }
  return line;
}

/** Alternates names over two lines, so that each has the room of two lanes; over three if two are not enough. */
function drawNames({ lanes }: Ladder, grid: Grid): Line[] {
  const longest = Math.max(...lanes.map(({ name }) => widthOf(name)));
  const tiers = longest <= grid.spacing * 2 - 2 ? 2 : 3;
  const lines = Array.from({ length: tiers }, () => new Line(grid.columns));
  const taken: number[] = [];
  lanes.forEach((lane, i) => {
    const role: Role = lane.kind === 'relay' || lane.kind === 'process' ? lane.kind : 'plain';
    const line = lines[i % tiers];
    const name = shorten(lane.name, grid.spacing * tiers - 2);
    if (line)
      taken[i % tiers] = putApart(
        line,
        columnOf(grid, i),
        { text: name, role },
        taken[i % tiers] ?? 0,
      );
  });
  lanes.forEach((_, i) => {
    for (const line of lines.slice((i % tiers) + 1)) drawRail(line, columnOf(grid, i));
  });
  return lines;
}

/** Draws pids and addresses of the ends, in as many lines as uncut pids need; an address may be cut. */
function drawDetails({ lanes }: Ladder, grid: Grid): Line[] {
  const ends = lanes.flatMap(({ kind, detail }, lane) =>
    isEnd({ kind }) && detail !== '' ? [{ lane, detail, whole: kind !== 'endpoint' }] : [],
  );
  if (ends.length === 0) return [];
  /** Columns from an end to the next in its line. */
  const roomAt = (i: number, tiers: number): number => {
    const next = ends[i + tiers];
    const lane = ends[i]?.lane ?? 0;
    return next ? (next.lane - lane) * grid.spacing - 2 : grid.spacing * 3 - 2;
  };
  const fits = (tiers: number): boolean =>
    ends.every(({ detail, whole }, i) => !whole || widthOf(detail) <= roomAt(i, tiers));
  const tiers = [1, 2, 3].find(fits) ?? ends.length;
  const lines = Array.from({ length: tiers }, () => new Line(grid.columns));
  const taken = lines.map(() => 0);
  ends.forEach(({ lane, detail, whole }, i) => {
    const line = lines[i % tiers];
    const text = whole
      ? detail
      : shortenEndpoint(detail, Math.min(roomAt(i, tiers), grid.spacing * 3));
    if (line) {
      taken[i % tiers] = putApart(
        line,
        columnOf(grid, lane),
        { text, role: 'dim' },
        taken[i % tiers] ?? 0,
      );
    }
  });
  for (const line of lines) lanes.forEach((_, i) => drawRail(line, columnOf(grid, i)));
  return lines;
}

interface Written {
  readonly text: string;
  readonly role: Role;
}

/** Centres a text, but not before column `taken`; returns the column from which the line is then free. */
function putApart(line: Line, center: number, { text, role }: Written, taken: number): number {
  const width = widthOf(text);
  const wanted = Math.min(center - Math.floor((width - 1) / 2), line.width - width);
  const start = Math.max(wanted, taken, 0);
  const fitted = shorten(text, line.width - start);
  line.put(start, fitted, role);
  return start + widthOf(fitted) + 1;
}

function isEnd({ kind }: Pick<Lane, 'kind'>): boolean {
  return kind === 'relay' || kind === 'process' || kind === 'endpoint';
}

/** Draws a piece of a lane, if there is room. */
function drawRail(line: Line, x: number): void {
  if (line.isBlank(x - 1, x + 2)) line.put(x, '│', 'dim');
}

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

/** Describes a row as a sentence, for a terminal too narrow for the ladder. */
export function describeRow(row: Row, ladder: Ladder): { time: string; text: string } {
  const nameOf = (lane: number): string => ladder.lanes[lane]?.name ?? '?';
  switch (row.type) {
    case 'remark':
      return { time: '', text: `… ${row.text}` };
    case 'point':
    case 'relay':
      return {
        time: formatDuration(row.time),
        text: `${stick(row.label)} · ${stick(`${row.events[0] ?? ''} ${nameOf(row.lane)}`)}`,
      };
    case 'arrow': {
      const stops = row.stops.map(({ lane, events }) =>
        stick(`${events[0] ?? ''} ${nameOf(lane)}`),
      );
      const nat = row.rewritings
        .filter(({ spelledOut }) => spelledOut)
        .map(({ hook, field, before, now }) => ` · ${hook} ${field} ${before} → ${now}`);
      const drop = row.drop ? ` · ${row.drop.event} dropped: ${row.drop.reason}` : '';
      return {
        time: formatDuration(row.time),
        text: `${stick(row.label)} · ${row.unlisted.before ? '… ' : ''}${stops.join(' → ')}${row.unlisted.after ? ' …' : ''}${nat.join('')}${drop}`,
      };
    }
  }
}
