/** Makes the blocks of the picture: text set in lines, each block below the one before. */
import { wrap, wrapItems, type Measure } from '../text.js';
import { measureIn, type Face } from './metrics.js';
import { textShape, type Point, type Shape } from './shapes.js';
import type { Colour } from './style.js';

/** Shapes drawn from a given height on, and the height at which the next block may start. */
export interface Block {
  readonly shapes: readonly Shape[];
  readonly bottom: number;
}

/** Where a text begins, and the width that it may take. */
type Place = readonly [left: number, top: number, width: number];

/** The part of the picture's width that something may take. */
export interface Frame {
  readonly left: number;
  readonly width: number;
}

export interface TextStyle {
  readonly size: number;
  readonly face?: Face;
  readonly colour?: Colour;
  readonly anchor?: 'start' | 'middle' | 'end';
  /** Draws a background, so that lines behind the text do not cross it. */
  readonly halo?: boolean;
  /** Distance between lines; 1.45 times the size by default. */
  readonly leading?: number;
}

/** One line of text; `y` is its base line. */
export function label([x, y]: Point, text: string, style: TextStyle): Shape {
  const { size, face = 'prose', colour = 'ink', anchor, halo } = style;
  const names = [`f-${colour}`, face === 'prose' ? '' : face, halo ? 'halo s-band' : ''];
  const look = names.filter((name) => name !== '').join(' ');
  const anchored = anchor && { 'text-anchor': anchor };
  return textShape('text', text, { x, y, 'font-size': size, class: look, ...anchored });
}

/** Text in as many lines as it needs. */
export function paragraph(text: string, place: Place, style: TextStyle): Block {
  return setLines(wrap(text, place[2], measureOf(style)), place, style);
}

/** Short items with a separator between them, in as many lines as they need. */
export function itemList(items: readonly string[], place: Place, style: TextStyle): Block {
  return setLines(wrapItems(items, place[2], measureOf(style)), place, style);
}

function measureOf({ face = 'prose', size }: TextStyle): Measure {
  return measureIn(face, size);
}

function setLines(lines: readonly string[], [x, top]: Place, style: TextStyle): Block {
  const { size, leading = size * 1.45 } = style;
  const shapes = lines.map((line, i) => label([x, top + size + i * leading], line, style));
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

/** An empty block of no height. */
export function nothing(top: number): Block {
  return { shapes: [], bottom: top };
}

/** Empty space. */
export function space(height: number): (top: number) => Block {
  return (top) => ({ shapes: [], bottom: top + height });
}
