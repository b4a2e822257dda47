/** Shows all connections over time: the waterfall of the SVG picture, in which a bar opens its connection. */
import type { Connection } from '../../../model/report.js';
import { layOutWaterfall } from '../../layout/waterfall.js';
import { drawWaterfall } from '../../svg/waterfall.js';
import { createPicture } from './picture.js';

const WIDTH = 860;

/** Null if no connection has a known start. */
export function createWaterfall(
  connections: readonly Connection[],
  open: (id: number) => void,
): SVGElement | null {
  const block = drawWaterfall(layOutWaterfall(connections), { left: 4, width: WIDTH - 8 })(0);
  if (block.shapes.length === 0) return null;
  const picture = createPicture(block, WIDTH, 'Connections over time; the list has them all');
  picture.addEventListener('click', ({ target }) => {
    const bar = target instanceof Element ? target.closest('[data-connection]') : null;
    if (bar) open(Number(bar.getAttribute('data-connection')));
  });
  return picture;
}
