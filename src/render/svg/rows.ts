/** The rows of a ladder: arrows with numbered events, NAT boxes, relayed bytes, stop marks, remarks. */
import { formatDuration } from '../format.js';
import type { ArrowRow, PointRow, RelayRow, RemarkRow, Rewriting, Row } from '../layout/scene.js';
import { shorten } from '../text.js';
import { label, type Block } from './block.js';
import type { Grid } from './lanes.js';
import { measureIn } from './metrics.js';
import { box, group, line, shape, textShape, type Attributes, type Shape } from './shapes.js';
import type { Colour } from './style.js';

const LABEL_SIZE = 12;
const SMALL_SIZE = 11;
const DOT = 9;

/** Draws one row from `top` on. */
export function drawRow(row: Row, grid: Grid, top: number, prefix: string): Block {
  switch (row.type) {
    case 'remark':
      return drawRemark(row, grid, top);
    case 'arrow':
      return drawArrow(row, grid, top, prefix);
    case 'point':
      return drawPoint(row, grid, top, prefix);
    case 'relay':
      return drawRelay(row, grid, top, prefix);
  }
}

function at(grid: Grid, lane: number): number {
  return grid.x[lane] ?? grid.left;
}

function colourOf({ tone }: ArrowRow | PointRow | RelayRow): Colour {
  return tone === 'reset' || tone === 'retransmit' ? 'bad' : tone;
}

function describe(row: ArrowRow | PointRow | RelayRow, prefix: string): Attributes {
  return { class: 'row', 'data-events': row.events.map((event) => `${prefix}${event}`).join(' ') };
}

function timeLabel(row: { time: number }, grid: Grid, y: number): Shape {
  return label(
    grid.left - 10,
    y + 4,
    formatDuration(row.time),
    { size: SMALL_SIZE, face: 'mono', colour: 'muted' },
    { 'text-anchor': 'end' },
  );
}

function drawArrow(row: ArrowRow, grid: Grid, top: number, prefix: string): Block {
  const y = top + 27;
  const colour = colourOf(row);
  const stops = row.stops.map((stop) => at(grid, stop.lane));
  const sign = row.flow === 'request' ? 1 : -1;
  const shapes: Shape[] = [textShape('title', row.title), timeLabel(row, grid, y)];
  const [first, last] = [stops[0], stops.at(-1)];
  stops.slice(1).forEach((x, i) => {
    shapes.push(...drawShaft(stops[i] ?? x, x, y, row.count > 1, `s-${colour} shaft`));
  });
  if (first !== undefined && row.tail !== null) {
    shapes.push(line(at(grid, row.tail), y, first, y, { class: `s-${colour} shaft implied` }));
  }
  if (last !== undefined && row.head !== null) {
    const x = at(grid, row.head);
    shapes.push(line(last, y, x - sign * 8, y, { class: `s-${colour} shaft implied` }));
    shapes.push(arrowHead(x, y, sign, colour));
  } else if (last !== undefined && row.drop === null) {
    shapes.push(line(last, y, last + sign * 16, y, { class: `s-${colour} shaft` }));
    shapes.push(arrowHead(last + sign * 24, y, sign, colour));
  }
  const crossing = row.rewritings.map((rewriting) => diamondAt(rewriting, grid, sign));
  for (const x of crossing) shapes.push(diamond(x, y));
  for (const stop of row.stops) {
    shapes.push(eventDot(at(grid, stop.lane), y, dotText(stop.events, row.count), colour));
  }
  shapes.push(arrowLabel(row, grid, y, colour));
  let bottom = y + (row.took === null && row.count === 1 ? 14 : 22);
  row.rewritings.forEach((rewriting, i) => {
    if (!rewriting.spelledOut) return;
    const note = noteBox(natText(rewriting), crossing[i] ?? grid.left, y, bottom, grid, 'nat');
    shapes.push(...note.shapes);
    bottom = note.bottom;
  });
  if (row.drop) {
    const drop = drawDrop(row.drop, last, y, bottom, grid, sign);
    shapes.push(...drop.shapes);
    bottom = drop.bottom;
  }
  shapes.push(...drawLatencies(row, grid, y));
  return { shapes: [group(shapes, describe(row, prefix))], bottom };
}

function drawShaft(
  from: number,
  to: number,
  y: number,
  folded: boolean,
  className: string,
): Shape[] {
  const offsets = folded ? [-2, 2] : [0];
  return offsets.map((offset) => line(from, y + offset, to, y + offset, { class: className }));
}

function arrowHead(x: number, y: number, sign: number, colour: Colour): Shape {
  const points = [
    [x, y],
    [x - sign * 10, y - 5],
    [x - sign * 10, y + 5],
  ];
  return shape('polygon', {
    points: points.map(([a = 0, b = 0]) => `${tenth(a)},${tenth(b)}`).join(' '),
    class: `f-${colour}`,
  });
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

function dotText(events: readonly number[], count: number): string {
  const [first = 0] = events;
  if (count > 1) return `${first}…`;
  return events.length > 1 ? `${first},${events.at(-1) ?? first}` : String(first);
}

/** A numbered event: a circle, or a pill for long numbers. */
function eventDot(x: number, y: number, text: string, colour: Colour): Shape {
  const width = Math.max(DOT * 2, measureIn('mono', SMALL_SIZE)(text) + 8);
  return group([
    box(x - width / 2, y - DOT, width, DOT * 2, { rx: DOT, class: `f-paper s-${colour} thin` }),
    label(x, y + 4, text, { size: SMALL_SIZE, face: 'mono', colour }, { 'text-anchor': 'middle' }),
  ]);
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
  return label(
    start,
    y - 13,
    text,
    { size: LABEL_SIZE, face: 'strong', colour },
    {
      'text-anchor': request ? 'start' : 'end',
      class: 'halo s-band',
    },
  );
}

/** Time from stop to stop, below the shaft. */
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
      label(
        x,
        y + 19,
        text,
        { size: SMALL_SIZE, face: 'mono', colour: 'muted' },
        { 'text-anchor': 'middle', class: 'halo s-band' },
      ),
    ];
  });
}

function diamondAt({ after, lane }: Rewriting, grid: Grid, sign: number): number {
  const x = at(grid, lane);
  const before = after === null || after === lane ? x - sign * grid.spacing : at(grid, after);
  return (x + before) / 2;
}

function diamond(x: number, y: number): Shape {
  const points = [
    [x, y - 7],
    [x + 7, y],
    [x, y + 7],
    [x - 7, y],
  ];
  return shape('polygon', {
    points: points.map(([a = 0, b = 0]) => `${tenth(a)},${tenth(b)}`).join(' '),
    class: 'f-nat',
  });
}

function natText({ hook, field, before, now }: Rewriting): string[] {
  const title = hook === 'reply' ? 'NAT undone for the reply' : `${hook} NAT`;
  return [`${title}: ${field}`, `${before} → ${now}`];
}

/** A box below a row, tied to the point at `x` on the row; moved to stay inside of the plot. */
function noteBox(
  lines: readonly string[],
  x: number,
  y: number,
  top: number,
  grid: Grid,
  colour: Colour,
): Block {
  const most = grid.right - grid.left - 20;
  const fitted = lines.map((text, i) =>
    shorten(text, most, measureIn(i === 0 ? 'strong' : 'mono', LABEL_SIZE)),
  );
  const widths = fitted.map((text, i) => measureIn(i === 0 ? 'strong' : 'mono', LABEL_SIZE)(text));
  const width = Math.max(...widths) + 20;
  const height = 10 + lines.length * 17;
  const left = Math.max(grid.left + 2, Math.min(x - width / 2, grid.right - width - 2));
  const boxTop = top + 4;
  return {
    shapes: [
      line(x, y + 7, x, boxTop, { class: `s-${colour} thin` }),
      box(left, boxTop, width, height, { rx: 4, class: `f-paper s-${colour} thin` }),
      ...fitted.map((text, i) =>
        label(left + 10, boxTop + 18 + i * 17, text, {
          size: LABEL_SIZE,
          face: i === 0 ? 'strong' : 'mono',
          colour: i === 0 ? colour : 'ink',
        }),
      ),
    ],
    bottom: boxTop + height + 6,
  };
}

function drawDrop(
  drop: NonNullable<ArrowRow['drop']>,
  last: number | undefined,
  y: number,
  top: number,
  grid: Grid,
  sign: number,
): Block {
  const lane = at(grid, drop.lane);
  const x = drop.behind ? lane + sign * Math.min(46, grid.spacing / 2) : lane;
  const shaft =
    last === undefined ? [] : [line(last + sign * DOT, y, x, y, { class: 's-bad shaft' })];
  const corners = Array.from({ length: 8 }, (_, i) => {
    const angle = Math.PI / 8 + (i * Math.PI) / 4;
    return `${tenth(x + 13 * Math.cos(angle))},${tenth(y + 13 * Math.sin(angle))}`;
  });
  const number = String(drop.event);
  const numberX = x + sign * (17 + Math.max(DOT, (measureIn('mono', SMALL_SIZE)(number) + 8) / 2));
  const note = drop.spelledOut
    ? noteBox(['dropped', drop.reason], x, y + 6, top + 6, grid, 'bad')
    : null;
  return {
    shapes: [
      ...shaft,
      shape('polygon', { points: corners.join(' '), class: 'f-bad' }),
      line(x - 5, y - 5, x + 5, y + 5, { class: 's-paper thick' }),
      line(x - 5, y + 5, x + 5, y - 5, { class: 's-paper thick' }),
      eventDot(numberX, y, number, 'bad'),
      ...(note?.shapes ?? []),
    ],
    bottom: note?.bottom ?? top,
  };
}

function drawPoint(row: PointRow, grid: Grid, top: number, prefix: string): Block {
  const y = top + 15;
  const colour = colourOf(row);
  const x = at(grid, row.lane);
  const width = measureIn('strong', LABEL_SIZE)(row.label);
  const dot = Math.max(DOT, (measureIn('mono', SMALL_SIZE)(String(row.events[0] ?? '')) + 8) / 2);
  const toRight = x + dot + 8 + width <= grid.right - 4;
  const room = toRight ? width : x - dot - 12 - grid.left;
  const text = shorten(row.label, room, measureIn('strong', LABEL_SIZE));
  return {
    shapes: [
      group(
        [
          textShape('title', row.title),
          timeLabel(row, grid, y),
          eventDot(x, y, dotText(row.events, 1), colour),
          label(
            toRight ? x + dot + 7 : x - dot - 7,
            y + 4,
            text,
            { size: LABEL_SIZE, face: 'strong', colour },
            {
              'text-anchor': toRight ? 'start' : 'end',
              class: 'halo s-band',
            },
          ),
        ],
        describe(row, prefix),
      ),
    ],
    bottom: y + 15,
  };
}

/** Bytes in, bytes out: a pill over the relay's lane with an arrow through it. */
function drawRelay(row: RelayRow, grid: Grid, top: number, prefix: string): Block {
  const y = top + 18;
  const lane = at(grid, row.lane);
  const number = dotText(row.events, row.count);
  const dotWidth = Math.max(DOT * 2, measureIn('mono', SMALL_SIZE)(number) + 8);
  const measure = measureIn('strong', LABEL_SIZE);
  const text = shorten(row.label, grid.right - grid.left - dotWidth - 60, measure);
  const width = dotWidth + measure(text) + 26;
  const left = Math.max(grid.left + 22, Math.min(lane - width / 2, grid.right - width - 22));
  const sign = row.flow === 'request' ? 1 : -1;
  const tip = sign > 0 ? left + width + 18 : left - 18;
  const dotX = left + dotWidth / 2 + 6;
  return {
    shapes: [
      group(
        [
          textShape('title', row.title),
          timeLabel(row, grid, y),
          line(left - 14, y, left + width + 14, y, { class: 's-relay shaft' }),
          arrowHead(tip, y, sign, 'relay'),
          box(left, y - 13, width, 26, { rx: 13, class: 'f-paper s-relay shaft' }),
          eventDot(dotX, y, number, 'relay'),
          label(dotX + dotWidth / 2 + 8, y + 4, text, {
            size: LABEL_SIZE,
            face: 'strong',
            colour: 'relay',
          }),
        ],
        describe(row, prefix),
      ),
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
      box(grid.left, y - 9, grid.right - grid.left, 18, { class: 'f-paper' }),
      line(grid.left, y, middle - half, y, { class: className }),
      line(middle + half, y, grid.right, y, { class: className }),
      label(
        middle,
        y + 4,
        shown,
        { size: LABEL_SIZE, colour: 'muted' },
        { 'text-anchor': 'middle' },
      ),
    ],
    bottom: y + 15,
  };
}
