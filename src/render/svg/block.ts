/** The blocks of which a picture is made: text set in lines, each block below the one before. */
import { wrap, wrapItems, type Measure } from '../text.js';
import { measureIn, type Face } from './metrics.js';
import { textShape, type Point, type Shape } from './shapes.js';
import type { Colour } from './style.js';

/** Shapes drawn from a given height on, and the height at which the next block may start. */
export interface Block {
  readonly shapes: readonly Shape[];
  readonly bottom: number;
}

/** Draws a block whose upper edge is at this height. */
export type Draw = (top: number) => Block;

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

/** Styles by what a text is; a figure stands beside what is drawn. */
export const TEXT = {
  title: { size: 22, face: 'strong' },
  heading: { size: 15, face: 'strong' },
  note: { size: 12, colour: 'muted' },
  figure: { size: 11, face: 'mono', colour: 'muted' },
} as const;

/** One line of text; `y` is its base line. */
export function label([x, y]: Point, text: string, style: TextStyle): Shape {
  const { size, face = 'prose', colour = 'ink', anchor, halo } = style;
  const names = [`f-${colour}`, face === 'prose' ? '' : face, halo ? 'halo s-band' : ''];
  const look = names.filter((name) => name !== '').join(' ');
  const anchored = anchor && { 'text-anchor': anchor };
  return textShape('text', text, { x, y, 'font-size': size, class: look, ...anchored });
}

/** Text in as many lines as it needs. */
export function paragraph(text: string, frame: Frame, style: TextStyle): Draw {
  return setLines(wrap(text, frame.width, measureOf(style)), frame, style);
}

/** Short items with a separator between them, in as many lines as they need. */
export function itemList(items: readonly string[], frame: Frame, style: TextStyle): Draw {
  return setLines(wrapItems(items, frame.width, measureOf(style)), frame, style);
}

function measureOf({ face = 'prose', size }: TextStyle): Measure {
  return measureIn(face, size);
}

function setLines(lines: readonly string[], { left }: Frame, style: TextStyle): Draw {
  const { size, leading = size * 1.45 } = style;
  return (top) => ({
    shapes: lines.map((line, i) => label([left, top + size + i * leading], line, style)),
    bottom: top + lines.length * leading,
  });
}

/** Blocks one below the other. */
export function stack(draws: readonly Draw[]): Draw {
  return (top) => {
    const shapes: Shape[] = [];
    let bottom = top;
    for (const draw of draws) {
      const drawn = draw(bottom);
      shapes.push(...drawn.shapes);
      bottom = drawn.bottom;
    }
    return { shapes, bottom };
  };
}

/** A block with empty space above it. */
export function below(space: number, draw: Draw): Draw {
  return (top) => draw(top + space);
}

/** An empty block of no height. */
export function nothing(top: number): Block {
  return { shapes: [], bottom: top };
}

/** Empty space. */
export function space(height: number): Draw {
  return below(height, nothing);
}

/** The frame without this much at its left and right. */
export function inset({ left, width }: Frame, before: number, after = 0): Frame {
  return { left: left + before, width: width - before - after };
}
