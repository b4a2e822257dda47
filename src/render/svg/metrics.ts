/** Estimates the width of text without a browser, from the widths of DejaVu Sans, one of the widest fonts in use. */
import { splitGraphemes, widthOf, type Measure } from '../text.js';

export type Face = 'prose' | 'strong' | 'mono';

const MONO_EM = 0.603;
const BOLD = 1.1;
/** Widths in em of the characters that are not of average width. */
const NARROW = new Map<string, number>(
  [
    ['ijl', 0.28],
    ["'|", 0.33],
    [' .,:;!I·/\\', 0.34],
    ['-()[]ft"', 0.4],
    ['r', 0.42],
    ['sczJ', 0.56],
  ].flatMap(([characters, width]) =>
    [...String(characters)].map((c): [string, number] => [c, Number(width)]),
  ),
);
const WIDE = new Map<string, number>(
  [
    ['m', 0.98],
    ['MW—…@%', 1],
    ['wDGHNOQUC#&~=+<>→←', 0.84],
  ].flatMap(([characters, width]) =>
    [...String(characters)].map((c): [string, number] => [c, Number(width)]),
  ),
);

/** A measure in pixels for text of this size. */
export function measureIn(face: Face, size: number): Measure {
  if (face === 'mono') return (text) => widthOf(text) * MONO_EM * size;
  const scale = size * (face === 'strong' ? BOLD : 1);
  return (text) => splitGraphemes(text).reduce((sum, grapheme) => sum + emOf(grapheme), 0) * scale;
}

function emOf(grapheme: string): number {
  const known = NARROW.get(grapheme) ?? WIDE.get(grapheme);
  if (known !== undefined) return known;
  return /^[\x20-\x7e]$/.test(grapheme)
    ? /[A-Z]/.test(grapheme)
      ? 0.72
      : 0.64
    : Math.max(1, widthOf(grapheme)) * 0.9;
}
