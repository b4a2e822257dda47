/** Blocks of the picture: text set in lines, each block below the one before. */
import { wrap, wrapItems, type Measure } from '../text.js';
import { measureIn, type Face } from './metrics.js';
import { textShape, type Attributes, type Shape } from './shapes.js';
import type { Colour } from './style.js';

/** Something drawn from a given height on, and the height below which the next may start. */
export interface Block {
  readonly shapes: readonly Shape[];
  readonly bottom: number;
}

export interface TextStyle {
  readonly size: number;
  readonly face?: Face;
  readonly colour?: Colour;
  /** Distance of the lines; 1.45 times the size unless told. */
  readonly leading?: number;
}

/** One line of text; `y` is its base line. */
export function label(
  x: number,
  y: number,
  text: string,
  style: TextStyle,
  more: Attributes = {},
): Shape {
  const { size, face = 'prose', colour = 'ink' } = style;
  const { class: extra, ...rest } = more;
  const names = [`f-${colour}`, face === 'prose' ? '' : face, String(extra ?? '')].filter(
    (name) => name !== '',
  );
  return textShape('text', text, { x, y, 'font-size': size, class: names.join(' '), ...rest });
}

/** Text in as many lines as it needs. */
export function paragraph(
  text: string,
  x: number,
  top: number,
  width: number,
  style: TextStyle,
): Block {
  return setLines(wrap(text, width, measureOf(style)), x, top, style);
}

/** Short items with a separator between them, in as many lines as they need. */
export function itemList(
  items: readonly string[],
  x: number,
  top: number,
  width: number,
  style: TextStyle,
): Block {
  return setLines(wrapItems(items, width, measureOf(style)), x, top, style);
}

function measureOf({ face = 'prose', size }: TextStyle): Measure {
  return measureIn(face, size);
}

function setLines(lines: readonly string[], x: number, top: number, style: TextStyle): Block {
  const { size, leading = size * 1.45 } = style;
  const shapes = lines.map((line, i) => label(x, top + size + i * leading, line, style));
  return { shapes, bottom: top + lines.length * leading };
}

/** Draws blocks one below the other. */
export function stack(top: number, draw: readonly ((top: number) => Block)[]): Block {
  const shapes: Shape[] = [];
  let bottom = top;
  for (const block of draw.map((make) => (): Block => make(bottom))) {
    const drawn = block();
    shapes.push(...drawn.shapes);
    bottom = drawn.bottom;
  }
  return { shapes, bottom };
}

/** Empty space. */
export function space(height: number): (top: number) => Block {
  return (top) => ({ shapes: [], bottom: top + height });
}
