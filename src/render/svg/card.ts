/** Draws a card of a host's map: a box with lines of text. */
import { printable } from '../text.js';
import { inset, nothing, paragraph, stack, type Draw, type Frame } from './block.js';
import type { Face } from './metrics.js';
import { box } from './shapes.js';
import type { Colour } from './style.js';

export interface CardLine {
  readonly text: string;
  readonly face?: Face;
  readonly colour?: Colour;
}

/** Draws a card with a frame of this colour; nothing at all without lines. */
export function card(frame: Frame, colour: Colour, lines: readonly CardLine[]): Draw {
  if (lines.length === 0) return nothing;
  const content = stack(
    lines.map(({ text, ...look }) =>
      paragraph(printable(text), inset(frame, 10, 10), { size: 12, ...look }),
    ),
  );
  return (top) => {
    const { shapes, bottom: end } = content(top + 5);
    const bottom = end + 5;
    const outline = box([frame.left, top, frame.width, bottom - top], {
      rx: 6,
      class: `f-paper s-${colour} thin`,
    });
    return { shapes: [outline, ...shapes], bottom };
  };
}
