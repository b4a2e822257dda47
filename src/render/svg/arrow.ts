/** Draws a packet's row: its arrow over the lanes with numbered events, latencies, NAT boxes and stop marks. */
import { formatDuration, formatStop } from '../format.js';
import type { ArrowRow, Rewriting } from '../layout/scene.js';
import { shorten, shortenEndpoint } from '../text.js';
import { label, nothing, type Block } from './block.js';
import type { Grid } from './grid.js';
import {
  arrowHead,
  colourOf,
  diamond,
  dotWidth,
  eventDot,
  LABEL_SIZE,
  laneX as at,
  noteBox,
  SMALL_SIZE,
  stopSign,
  timeLabel,
} from './marks.js';
import { measureIn } from './metrics.js';
import { box, line, textShape, type Point, type Shape } from './shapes.js';
import type { Colour } from './style.js';

/** Draws the arrow from `top` on; the caller groups its shapes. */
export function drawArrow(row: ArrowRow, grid: Grid, top: number): Block {
  const y = top + 27;
  const colour = colourOf(row.tone);
  const stops = row.stops.map((stop) => at(grid, stop.lane));
  const sign = row.flow === 'request' ? 1 : -1;
  const shapes: Shape[] = [textShape('title', row.title), timeLabel(row, grid, y)];
  const [first, last] = [stops[0], stops.at(-1)];
  stops.slice(1).forEach((x, i) => {
    shapes.push(...drawShaft([stops[i] ?? x, x], y, row.count > 1, colour));
  });
  if (first !== undefined && row.tail !== null) {
    shapes.push(line([at(grid, row.tail), y, first, y], { class: `s-${colour} shaft implied` }));
  }
  if (last !== undefined && row.head !== null) {
    const x = at(grid, row.head);
    shapes.push(line([last, y, x - sign * 8, y], { class: `s-${colour} shaft implied` }));
    shapes.push(arrowHead(x, y, sign, colour));
  } else if (last !== undefined && row.unlisted.after) {
    shapes.push(...drawUnlisted(last, y, sign, colour));
  } else if (last !== undefined && row.drop === null) {
    shapes.push(line([last, y, last + sign * 16, y], { class: `s-${colour} shaft` }));
    shapes.push(arrowHead(last + sign * 24, y, sign, colour));
  }
  if (first !== undefined && row.unlisted.before) {
    shapes.push(...drawUnlisted(first, y, -sign, colour));
  }
  if (last !== undefined && row.drop !== null) {
    shapes.push(line([last, y, dropX(row, grid, sign), y], { class: 's-bad shaft' }));
  }
  const crossing = row.rewritings.map((rewriting) => diamondAt(rewriting, row, grid));
  for (const x of crossing) shapes.push(diamond(x, y));
  for (const stop of row.stops) {
    shapes.push(eventDot(at(grid, stop.lane), y, formatStop(stop.events, row.count), colour));
  }
  shapes.push(arrowLabel(row, grid, y, colour));
  let bottom = y + (row.took === null && row.count === 1 ? 14 : 22);
  const notes: (readonly Shape[])[] = [];
  row.rewritings.forEach((rewriting, i) => {
    if (!rewriting.spelledOut) return;
    const tie: Point = [crossing[i] ?? grid.left, y];
    const note = noteBox(natText(rewriting, grid), { tie, top: bottom, grid, colour: 'nat' });
    notes.push(note.shapes);
    bottom = note.bottom;
  });
  if (row.drop) {
    const drop = drawDrop(row, [dropX(row, grid, sign), y], bottom, grid);
    shapes.push(...drop.shapes);
    bottom = drop.bottom;
  }
  // The tie of a lower box passes behind the boxes above it.
  shapes.push(...notes.reverse().flat());
  shapes.push(...drawLatencies(row, grid, y));
  return { shapes, bottom };
}

/** Draws dots beside a stop, where the packet passed places that are not listed. */
function drawUnlisted(x: number, y: number, sign: number, colour: Colour): Shape[] {
  return [
    line([x, y, x + sign * 18, y], { class: `s-${colour} shaft` }),
    ...[23, 29, 35].map((distance) =>
      box([x + sign * distance - 2, y - 2, 4, 4], { rx: 2, class: `f-${colour}` }),
    ),
  ];
}

function drawShaft([from, to]: Point, y: number, folded: boolean, colour: Colour): Shape[] {
  const heights = folded ? [y - 2, y + 2] : [y];
  return heights.map((at) => line([from, at, to, at], { class: `s-${colour} shaft` }));
}

function arrowLabel(row: ArrowRow, grid: Grid, y: number, colour: Colour): Shape {
  const lanes = [row.tail, ...row.stops.map(({ lane }) => lane), row.head, row.drop?.lane ?? null];
  const xs = lanes.filter((lane) => lane !== null).map((lane) => at(grid, lane));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const took = row.took === null || row.took <= 0 ? '' : ` in ${formatDuration(row.took)}`;
  const request = row.flow === 'request';
  const start = request ? left + 6 : right - 6;
  const room = request ? grid.right - start : start - grid.left;
  const text = shorten(row.label + took, room, measureIn('strong', LABEL_SIZE));
  return label([start, y - 13], text, {
    size: LABEL_SIZE,
    face: 'strong',
    colour,
    anchor: request ? 'start' : 'end',
    halo: true,
  });
}

/** Draws the times between stops, below the shaft. */
function drawLatencies(row: ArrowRow, grid: Grid, y: number): Shape[] {
  if (row.count > 1) return [];
  return row.stops.flatMap((stop, i) => {
    const before = row.stops[i - 1];
    if (!before || stop.since === null || stop.since <= 0) return [];
    const x = (at(grid, stop.lane) + at(grid, before.lane)) / 2;
    const text = formatDuration(stop.since);
    const room = Math.abs(at(grid, stop.lane) - at(grid, before.lane)) - 6;
    if (measureIn('mono', SMALL_SIZE)(text) > room) return [];
    return [
      label([x, y + 19], text, {
        size: SMALL_SIZE,
        face: 'mono',
        colour: 'muted',
        anchor: 'middle',
        halo: true,
      }),
    ];
  });
}

function diamondAt({ after, lane, behind }: Rewriting, row: ArrowRow, grid: Grid): number {
  const x = at(grid, lane);
  const sign = row.flow === 'request' ? 1 : -1;
  if (behind) return x + sign * (stopWidth(row) / 2 + 11);
  const before = after === null || after === lane ? x - sign * grid.spacing : at(grid, after);
  return (x + before) / 2;
}

/** Long addresses take a line each. */
function natText({ hook, field, before, now }: Rewriting, grid: Grid): string[] {
  const title = `${hook === 'reply' ? 'NAT undone for the reply' : `${hook} NAT`}: ${field}`;
  const room = grid.right - grid.left - 20;
  const measure = measureIn('mono', LABEL_SIZE);
  if (measure(`${before} → ${now}`) <= room) return [title, `${before} → ${now}`];
  const columns = Math.floor(room / measure('0')) - 2;
  return [title, shortenEndpoint(before, columns), `→ ${shortenEndpoint(now, columns)}`];
}

/** Position of the stop sign: at its lane, or beside the number of the stop there. */
function dropX(row: ArrowRow, grid: Grid, sign: number): number {
  const lane = at(grid, row.drop?.lane ?? 0);
  if (!row.drop?.behind) return lane;
  const room = row.rewritings.some(({ behind }) => behind) ? 38 : 28;
  return lane + sign * (stopWidth(row) / 2 + room);
}

/** Width of the number at the last stop. */
function stopWidth({ stops, count }: ArrowRow): number {
  return dotWidth(formatStop(stops.at(-1)?.events ?? [], count));
}

function drawDrop({ drop, flow }: ArrowRow, [x, y]: Point, top: number, grid: Grid): Block {
  if (!drop) return nothing(top);
  const sign = flow === 'request' ? 1 : -1;
  const number = String(drop.event);
  const beside = 17 + dotWidth(number) / 2;
  const outside = x + sign * beside * 2 > grid.right || x + sign * beside * 2 < grid.left;
  const numberX = outside ? x - sign * beside : x + sign * beside;
  const note = drop.spelledOut
    ? noteBox(['dropped', drop.reason], { tie: [x, y + 6], top: top + 6, grid, colour: 'bad' })
    : null;
  return {
    shapes: [...stopSign(x, y), eventDot(numberX, y, number, 'bad'), ...(note?.shapes ?? [])],
    bottom: note?.bottom ?? top,
  };
}
