/** Draws the ladder of one connection in fixed-width text: lanes as columns, a line per row, notes below their rows. */
import { formatDuration, formatStop } from '../../words/numbers.js';
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
  const names = lanes.map(({ kind, name }, lane): LaneText => {
    const role = kind === 'relay' || kind === 'process' ? kind : 'plain';
    return { lane, text: shorten(name, grid.spacing * tiers - 2), role };
  });
  const lines = alternate(names, tiers, grid);
  lanes.forEach((_, i) => {
    for (const line of lines.slice((i % tiers) + 1)) drawRail(line, columnOf(grid, i));
  });
  return lines;
}

/** Draws pids and addresses of the ends, in as many lines as uncut pids need; an address may be cut. */
function drawDetails({ lanes }: Ladder, grid: Grid): Line[] {
  const ends = lanes.flatMap((lane, index) =>
    isEnd(lane) && lane.detail !== '' ? [{ ...lane, index }] : [],
  );
  if (ends.length === 0) return [];
  /** Columns from an end to the next in its line. */
  const roomAt = (i: number, tiers: number): number => {
    const own = ends[i]?.index ?? 0;
    return ((ends[i + tiers]?.index ?? own + 3) - own) * grid.spacing - 2;
  };
  const fits = (tiers: number): boolean =>
    ends.every(({ detail, kind }, i) => kind === 'endpoint' || widthOf(detail) <= roomAt(i, tiers));
  const tiers = [1, 2, 3].find(fits) ?? ends.length;
  const details = ends.map(({ index: lane, detail, kind }, i): LaneText => {
    const room = Math.min(roomAt(i, tiers), grid.spacing * 3);
    const text = kind === 'endpoint' ? shortenEndpoint(detail, room) : detail;
    return { lane, text, role: 'dim' };
  });
  const lines = alternate(details, tiers, grid);
  for (const line of lines) lanes.forEach((_, i) => drawRail(line, columnOf(grid, i)));
  return lines;
}

interface LaneText {
  readonly lane: number;
  readonly text: string;
  readonly role: Role;
}

/** Writes texts over their lanes, in turns in each of several lines; where they would touch, the later one gives way. */
function alternate(texts: readonly LaneText[], tiers: number, grid: Grid): Line[] {
  const lines = Array.from({ length: tiers }, () => ({ line: new Line(grid.columns), free: 0 }));
  texts.forEach(({ lane, text, role }, i) => {
    const tier = lines[i % tiers];
    if (!tier) return;
    const { line, free } = tier;
    const width = widthOf(text);
    const center = columnOf(grid, lane) - Math.floor((width - 1) / 2);
    const start = Math.max(Math.min(center, line.width - width), free, 0);
    const fitted = shorten(text, line.width - start);
    line.put(start, fitted, role);
    tier.free = start + widthOf(fitted) + 1;
  });
  return lines.map(({ line }) => line);
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
