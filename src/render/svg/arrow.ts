/** Draws a packet's row: its arrow over the lanes with numbered events, latencies, NAT boxes and stop marks. */
import { formatDuration, formatStop } from '../../words/numbers.js';
import type { ArrowRow, Rewriting } from '../layout/scene.js';
import { shorten, shortenEndpoint } from '../text.js';
import { label, nothing, TEXT, type Block } from './block.js';
import type { Grid } from './grid.js';
import {
  arrowHead,
  colourOf,
  diamond,
  dots,
  dotWidth,
  eventDot,
  laneX as at,
  noteBox,
  rowText,
  shaft,
  stopSign,
  timeLabel,
} from './marks.js';
import { measureIn } from './metrics.js';
import type { Point, Shape } from './shapes.js';
import type { Colour } from './style.js';

/** Draws the arrow with its shaft at `y`. */
export function drawArrow(row: ArrowRow, grid: Grid, y: number): Block {
  const colour = colourOf(row.tone);
  const crossing = row.rewritings.map((rewriting) => diamondAt(rewriting, row, grid));
  const shapes = [
    timeLabel(row, grid, y),
    ...drawShafts(row, grid, y, colour),
    ...crossing.map((x) => diamond(x, y)),
    ...row.stops.map(({ lane, events }) =>
      eventDot(at(grid, lane), y, formatStop(events, row.count), colour),
    ),
    arrowLabel(row, grid, y, colour),
  ];
  let bottom = y + (row.took === null && row.count === 1 ? 14 : 22);
  const notes: (readonly Shape[])[] = [];
  row.rewritings.forEach((rewriting, i) => {
    if (!rewriting.spelledOut) return;
    const tie: Point = [crossing[i] ?? grid.left, y];
    const note = noteBox(natText(rewriting, grid), { tie, top: bottom, grid, colour: 'nat' });
    notes.push(note.shapes);
    bottom = note.bottom;
  });
  const drop = drawDrop(row, grid, y, bottom);
  // The tie of a lower box passes behind the boxes above it.
  const boxes = notes.reverse().flat();
  const shown = [...shapes, ...drop.shapes, ...boxes, ...drawLatencies(row, grid, y)];
  return { shapes: shown, bottom: drop.bottom };
}

/** Draws the way of the packet: from stop to stop, and before and after them as far as it is known. */
function drawShafts(row: ArrowRow, grid: Grid, y: number, colour: Colour): Shape[] {
  const { tail, head, drop, unlisted, count } = row;
  const xs = row.stops.map(({ lane }) => at(grid, lane));
  const [first, last] = [xs[0], xs.at(-1)];
  if (first === undefined || last === undefined) return [];
  const sign = signOf(row);
  const shapes = xs.slice(1).flatMap((x, i) => {
    const from = xs[i] ?? x;
    return (count > 1 ? [y - 2, y + 2] : [y]).map((height) => shaft(from, x, height, colour));
  });
  if (tail !== null) shapes.push(shaft(at(grid, tail), first, y, colour, ' implied'));
  if (head !== null) {
    const x = at(grid, head);
    shapes.push(shaft(last, x - sign * 8, y, colour, ' implied'), arrowHead(x, y, sign, colour));
  } else if (unlisted.after) {
    shapes.push(...drawUnlisted(last, y, sign, colour));
  } else if (drop === null) {
    shapes.push(
      shaft(last, last + sign * 16, y, colour),
      arrowHead(last + sign * 24, y, sign, colour),
    );
  }
  if (unlisted.before) shapes.push(...drawUnlisted(first, y, -sign, colour));
  if (drop !== null) shapes.push(shaft(last, dropX(row, grid), y, 'bad'));
  return shapes;
}

function signOf({ flow }: ArrowRow): 1 | -1 {
  return flow === 'request' ? 1 : -1;
}

/** Draws dots beside a stop, where the packet passed places that are not listed. */
function drawUnlisted(x: number, y: number, sign: number, colour: Colour): Shape[] {
  return [
    shaft(x, x + sign * 18, y, colour),
    ...dots(
      [23, 29, 35].map((by) => x + sign * by),
      y,
      colour,
    ),
  ];
}

function arrowLabel(row: ArrowRow, grid: Grid, y: number, colour: Colour): Shape {
  const lanes = [row.tail, ...row.stops.map(({ lane }) => lane), row.head, row.drop?.lane ?? null];
  const xs = lanes.filter((lane) => lane !== null).map((lane) => at(grid, lane));
  const took = row.took === null || row.took <= 0 ? '' : ` in ${formatDuration(row.took)}`;
  const request = row.flow === 'request';
  const start = request ? Math.min(...xs) + 6 : Math.max(...xs) - 6;
  const room = request ? grid.right - start : start - grid.left;
  const style = rowText(colour);
  const text = shorten(row.label + took, room, measureIn('strong', style.size));
  return label([start, y - 13], text, { ...style, anchor: request ? 'start' : 'end', halo: true });
}

/** Draws the times between stops, below the shaft. */
function drawLatencies(row: ArrowRow, grid: Grid, y: number): Shape[] {
  if (row.count > 1) return [];
  return row.stops.flatMap((stop, i) => {
    const before = row.stops[i - 1];
    if (!before || stop.since === null || stop.since <= 0) return [];
    const [from, to] = [at(grid, before.lane), at(grid, stop.lane)];
    const text = formatDuration(stop.since);
    if (measureIn('mono', TEXT.figure.size)(text) > Math.abs(to - from) - 6) return [];
    return [
      label([(to + from) / 2, y + 19], text, { ...TEXT.figure, anchor: 'middle', halo: true }),
    ];
  });
}

function diamondAt({ after, lane, behind }: Rewriting, row: ArrowRow, grid: Grid): number {
  const x = at(grid, lane);
  const sign = signOf(row);
  if (behind) return x + sign * (stopWidth(row) / 2 + 11);
  const before = after === null || after === lane ? x - sign * grid.spacing : at(grid, after);
  return (x + before) / 2;
}

/** Long addresses take a line each. */
function natText({ hook, field, before, now }: Rewriting, grid: Grid): string[] {
  const title = `${hook === 'reply' ? 'NAT undone for the reply' : `${hook} NAT`}: ${field}`;
  const room = grid.right - grid.left - 20;
  const measure = measureIn('mono', rowText('nat').size);
  if (measure(`${before} → ${now}`) <= room) return [title, `${before} → ${now}`];
  const columns = Math.floor(room / measure('0')) - 2;
  return [title, shortenEndpoint(before, columns), `→ ${shortenEndpoint(now, columns)}`];
}

/** Position of the stop sign: at its lane, or beside the number of the stop there. */
function dropX(row: ArrowRow, grid: Grid): number {
  const lane = at(grid, row.drop?.lane ?? 0);
  if (!row.drop?.behind) return lane;
  const room = row.rewritings.some(({ behind }) => behind) ? 38 : 28;
  return lane + signOf(row) * (stopWidth(row) / 2 + room);
}

/** Width of the number at the last stop. */
function stopWidth({ stops, count }: ArrowRow): number {
  return dotWidth(formatStop(stops.at(-1)?.events ?? [], count));
}

/** @param top where a note may begin */
function drawDrop(row: ArrowRow, grid: Grid, y: number, top: number): Block {
  const { drop } = row;
  if (!drop) return nothing(top);
  const x = dropX(row, grid);
  const number = String(drop.event);
  const beside = signOf(row) * (17 + dotWidth(number) / 2);
  const outside = x + beside * 2 > grid.right || x + beside * 2 < grid.left;
  const note = drop.spelledOut
    ? noteBox(['dropped', drop.reason], { tie: [x, y + 6], top: top + 6, grid, colour: 'bad' })
    : nothing(top);
  return {
    shapes: [
      ...stopSign(x, y),
      eventDot(outside ? x - beside : x + beside, y, number, 'bad'),
      ...note.shapes,
    ],
    bottom: note.bottom,
  };
}
