/** Draws a card of a host's map: a box with lines of text. */
import { printable } from '../text.js';
import { nothing, paragraph, stack, type Block } from './block.js';
import type { Face } from './metrics.js';
import { box } from './shapes.js';
import type { Colour } from './style.js';

export interface CardLine {
  readonly text: string;
  readonly face?: Face;
  readonly colour?: Colour;
}

export interface CardPlace {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  /** Colour of the frame. */
  readonly colour: Colour;
}

/** Draws a card; nothing at all without lines. */
export function card({ left, top, width, colour }: CardPlace, lines: readonly CardLine[]): Block {
  if (lines.length === 0) return nothing(top);
  const content = stack(
    top + 5,
    lines.map(({ text, face = 'prose', colour: ink = 'ink' }) => (y: number) => {
      const style = { size: 12, face, colour: ink };
      return paragraph(printable(text), [left + 10, y, width - 20], style);
    }),
  );
  const bottom = content.bottom + 5;
  const frame = box([left, top, width, bottom - top], { rx: 6, class: `f-paper s-${colour} thin` });
  return { shapes: [frame, ...content.shapes], bottom };
}
