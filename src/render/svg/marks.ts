/** Draws the marks of a row: event numbers, arrow heads, NAT diamonds, stop signs, and boxes with notes. */
import { formatDuration } from '../../words/numbers.js';
import type { Tone } from '../layout/scene.js';
import { shorten } from '../text.js';
import { label, TEXT, type Block, type TextStyle } from './block.js';
import type { Grid } from './grid.js';
import { measureIn } from './metrics.js';
import { box, group, line, polygon, type Point, type Shape } from './shapes.js';
import type { Colour } from './style.js';

const LABEL_SIZE = 12;
/** Radius of an event's circle. */
const DOT = 9;

/** The colour of a row, by its tone. */
export function colourOf(tone: Tone): Colour {
  return tone === 'reset' || tone === 'retransmit' ? 'bad' : tone;
}

/** Middle of a lane. */
export function laneX(grid: Grid, lane: number): number {
  return grid.x[lane] ?? grid.left;
}

/** The style of a row's label. */
export function rowText(colour: Colour): TextStyle {
  return { size: LABEL_SIZE, face: 'strong', colour };
}

/** The time of a row whose shaft is at `y`, in the time column. */
export function timeLabel(row: { time: number }, grid: Grid, y: number): Shape {
  const text = formatDuration(row.time);
  return label([grid.left - 10, y + 4], text, { ...TEXT.figure, anchor: 'end' });
}

/** A piece of a packet's way; ` implied` as its look where it follows from what was seen. */
export function shaft(from: number, to: number, y: number, colour: Colour, look = ''): Shape {
  return line([from, y, to, y], { class: `s-${colour} shaft${look}` });
}

/** Dots in place of what is not listed. */
export function dots(xs: readonly number[], y: number, colour: Colour): Shape[] {
  return xs.map((x) => box([x - 2, y - 2, 4, 4], { rx: 2, class: `f-${colour}` }));
}

/** A triangle whose tip is at `x`. */
export function arrowHead(x: number, y: number, sign: number, colour: Colour): Shape {
  const back = x - sign * 10;
  return polygon(
    [
      [x, y],
      [back, y - 5],
      [back, y + 5],
    ],
    `f-${colour}`,
  );
}

/** A diamond, where addresses change. */
export function diamond(x: number, y: number): Shape {
  return polygon(
    [
      [x, y - 7],
      [x + 7, y],
      [x, y + 7],
      [x - 7, y],
    ],
    'f-nat',
  );
}

/** An octagon with a cross, where a packet ends. */
export function stopSign(x: number, y: number, radius = 13): Shape[] {
  const corners = Array.from({ length: 8 }, (_, i): Point => {
    const angle = Math.PI / 8 + (i * Math.PI) / 4;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
  const arm = Math.round(radius * 0.4);
  const look = { class: `s-paper ${radius > 10 ? 'thick' : 'shaft'}` };
  return [
    polygon(corners, 'f-bad'),
    line([x - arm, y - arm, x + arm, y + arm], look),
    line([x - arm, y + arm, x + arm, y - arm], look),
  ];
}

/** Width of an event's circle or pill. */
export function dotWidth(text: string): number {
  return Math.max(DOT * 2, measureIn('mono', TEXT.figure.size)(text) + 8);
}

/** A numbered event: a circle, or a pill for long numbers. */
export function eventDot(x: number, y: number, text: string, colour: Colour): Shape {
  const width = dotWidth(text);
  return group([
    box([x - width / 2, y - DOT, width, DOT * 2], { rx: DOT, class: `f-paper s-${colour} thin` }),
    label([x, y + 4], text, { ...TEXT.figure, colour, anchor: 'middle' }),
  ]);
}

interface NotePlace {
  /** The point on the row that the note is about. */
  readonly tie: Point;
  readonly top: number;
  readonly grid: Grid;
  readonly colour: Colour;
}

/** A box below a row, tied by a line to its point; it is moved to stay inside the plot. */
export function noteBox(lines: readonly string[], { tie, top, grid, colour }: NotePlace): Block {
  const [x, y] = tie;
  const most = grid.right - grid.left - 20;
  const styles = lines.map((_, i): TextStyle =>
    i === 0 ? rowText(colour) : { size: LABEL_SIZE, face: 'mono' },
  );
  const measures = styles.map(({ face = 'prose', size }) => measureIn(face, size));
  const fitted = lines.map((text, i) => shorten(text, most, measures[i]));
  const width = Math.max(...fitted.map((text, i) => measures[i]?.(text) ?? 0)) + 20;
  const height = 10 + lines.length * 17;
  const left = Math.max(grid.left + 2, Math.min(x - width / 2, grid.right - width - 2));
  const boxTop = top + 4;
  return {
    shapes: [
      line([x, y + 7, x, boxTop], { class: `s-${colour} thin` }),
      box([left, boxTop, width, height], { rx: 4, class: `f-paper s-${colour} thin` }),
      ...fitted.map((text, i) =>
        label([left + 10, boxTop + 18 + i * 17], text, styles[i] ?? rowText(colour)),
      ),
    ],
    bottom: boxTop + height + 6,
  };
}
