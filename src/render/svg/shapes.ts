/** Shapes: SVG elements as plain data, so that drawing needs no DOM. */

export interface Shape {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly text?: string;
  readonly children: readonly Shape[];
}

/** A whole picture: size in pixels, title and description for readers who cannot see it, style and shapes. */
export interface Picture {
  /** Prefix of its ids, because one page may hold pictures of several kinds. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly description: string;
  readonly style: string;
  readonly shapes: readonly Shape[];
}

export type Attributes = Record<string, string | number>;

/** Pixels from the left and from the top. */
export type Point = readonly [x: number, y: number];
type Line = readonly [x1: number, y1: number, x2: number, y2: number];
type Rectangle = readonly [x: number, y: number, width: number, height: number];

/** Any element; numbers are rounded to tenths so that output is the same everywhere. */
export function shape(
  tag: string,
  attributes: Attributes = {},
  children: readonly Shape[] = [],
): Shape {
  return { tag, attributes: roundAll(attributes), children };
}

/** An element that holds text. */
export function textShape(tag: string, text: string, attributes: Attributes = {}): Shape {
  return { tag, attributes: roundAll(attributes), text, children: [] };
}

/** Elements drawn together. */
export function group(children: readonly Shape[], attributes: Attributes = {}): Shape {
  return shape('g', attributes, children);
}

/** A straight line. */
export function line([x1, y1, x2, y2]: Line, attributes: Attributes): Shape {
  return shape('line', { x1, y1, x2, y2, ...attributes });
}

/** A rectangle. */
export function box([x, y, width, height]: Rectangle, attributes: Attributes): Shape {
  return shape('rect', { x, y, width: Math.max(0, width), height, ...attributes });
}

/** A polygon with these corners; `look` are its classes. */
export function polygon(corners: readonly Point[], look: string): Shape {
  const points = corners.map((corner) => corner.map(roundTenth).join(','));
  return shape('polygon', { points: points.join(' '), class: look });
}

function roundAll(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === 'number' ? roundTenth(value) : value,
    ]),
  );
}

function roundTenth(value: number): number {
  return Math.round(value * 10) / 10;
}
