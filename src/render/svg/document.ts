/** Turns shapes into an SVG document with d3-node, which is loaded only when a picture is asked for. */
import type { Selection } from 'd3-node';
import type { Picture, Shape } from './shapes.js';

/** Characters that XML 1.0 cannot hold; any that get this far are removed. */
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;

/** The picture as a well-formed XML document that ends in a newline. */
export async function serialisePicture(picture: Picture): Promise<string> {
  const { D3Node } = await import('d3-node');
  const d3n = new D3Node();
  const { width, height } = picture;
  const [title, description] = [`${picture.name}-title`, `${picture.name}-desc`];
  const svg = d3n.createSVG(width, height, {
    viewBox: `0 0 ${width} ${height}`,
    class: 'trace-flow',
    role: 'img',
    'aria-labelledby': `${title} ${description}`,
  });
  svg.append('title').attr('id', title).text(clean(picture.title));
  svg.append('desc').attr('id', description).text(clean(picture.description));
  svg.append('style').text(picture.style);
  for (const shape of picture.shapes) appendShape(svg, shape);
  const node = svg.node();
  if (node === null) throw new Error('d3-node made no SVG element');
  const text = new d3n.window.XMLSerializer().serializeToString(node);
  d3n.window.close();
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`;
}

function appendShape(parent: Selection, { tag, attributes, text, children }: Shape): void {
  const element = parent.append(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.attr(name, typeof value === 'string' ? clean(value) : value);
  }
  if (text !== undefined) element.text(clean(text));
  for (const child of children) appendShape(element, child);
}

function clean(text: string): string {
  return text.replace(ILLEGAL, '');
}
