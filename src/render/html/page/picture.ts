/** Makes a picture within the page: shapes in an SVG element that is never wider than its room. */
import type { Block } from '../../svg/block.js';
import { group } from '../../svg/shapes.js';
import { svgElement } from './dom.js';

/** The picture of a block that begins near the top. */
export function createPicture(block: Block, width: number, description: string): SVGElement {
  const height = Math.ceil(block.bottom + 4);
  const frame = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const attributes = {
    class: 'trace-flow picture',
    role: 'img',
    'aria-label': description,
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
  };
  for (const [name, value] of Object.entries(attributes)) frame.setAttribute(name, String(value));
  frame.append(svgElement(group(block.shapes)));
  return frame;
}
