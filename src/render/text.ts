/** Makes text safe to show, measures it, shortens it and wraps it. */
import stringWidth from 'string-width';
import { escapeUnsafe } from '../model/visible.js';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Makes one line that cannot deceive a terminal, browser or diagram. Characters that move the cursor, hide, reorder or
 * stack are written as `\x1b` or `\u{202e}`; line ends and tabs become spaces.
 */
export function printable(text: string): string {
  return escapeUnsafe(text.normalize('NFC').replace(/[\t\r\n\p{Zs}]+/gu, ' '));
}

/** Columns that printable text takes. */
export function widthOf(text: string): number {
  return isPlain(text) ? text.length : stringWidth(text);
}

/** Whether all characters are ASCII or parts of ladders: each of these is a grapheme of one column. */
function isPlain(text: string): boolean {
  return /^[\x20-\x7e·…→←↓↑─-╿]*$/.test(text);
}

/** Splits a text into graphemes; each takes one or two cells of a terminal. */
export function splitGraphemes(text: string): string[] {
  return isPlain(text) ? [...text] : Array.from(graphemes.segment(text), (s) => s.segment);
}

/** Measures the width of a text, in columns unless a renderer uses another unit. */
export type Measure = (text: string) => number;

/** The text in at most `width`, its end replaced by `…` if it is longer. */
export function shorten(text: string, width: number, measure: Measure = widthOf): string {
  if (measure(text) <= width) return text;
  let kept = '';
  for (const grapheme of splitGraphemes(text)) {
    if (measure(`${kept}${grapheme}…`) > width) break;
    kept += grapheme;
  }
  return measure('…') > width ? '' : `${kept.trimEnd()}…`;
}

/** The text in at most `width` columns, its middle replaced by `…` if it is longer. */
export function shortenMiddle(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 3) return shorten(text, width);
  const graphemes = splitGraphemes(text);
  const end = clip(graphemes.toReversed(), Math.floor((width - 1) / 2))
    .toReversed()
    .join('');
  return [...clip(graphemes, width - 1 - widthOf(end)), '…', end].join('');
}

/** As many of the first graphemes as fit into `width` columns. */
function clip(graphemes: readonly string[], width: number): readonly string[] {
  let used = 0;
  const end = graphemes.findIndex((grapheme) => (used += widthOf(grapheme)) > width);
  return end < 0 ? graphemes : graphemes.slice(0, end);
}

/** `[2001:db8::1]:6379` in at most `width` columns: the port stays whole while there is room. */
export function shortenEndpoint(endpoint: string, width: number): string {
  if (widthOf(endpoint) <= width) return endpoint;
  const match = /^\[?(.*?)\]?(:\d{1,5})$/.exec(endpoint);
  const [address, port] = [match?.[1] ?? '', match?.[2] ?? ''];
  if (address === '' || width < port.length + 4) return shorten(endpoint, width);
  const bracketed = endpoint.startsWith('[');
  const room = width - port.length - (bracketed ? 2 : 0);
  const short = shortenMiddle(address, room);
  return bracketed ? `[${short}]${port}` : short + port;
}

/** Pads with spaces on the right up to `width` columns. */
export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Pads with spaces on the left up to `width` columns. */
export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/** Keeps two words on one line; {@link wrap} writes it as a plain space. Never part of printable text. */
const STICKY = '\u00a0';

/** The text with its spaces made sticky, so that {@link wrap} does not break it there. */
export function stick(text: string): string {
  return text.replaceAll(' ', STICKY);
}

/** Joins items by a separator in lines of at most `width`; no line ends with a separator. */
export function wrapItems(
  items: readonly string[],
  width: number,
  measure: Measure = widthOf,
): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const joined = `${lines.at(-1) ?? ''} · ${item}`;
    if (lines.length > 0 && measure(joined) <= width) lines[lines.length - 1] = joined;
    else lines.push(...wrap(item, width, measure));
  }
  return lines;
}

/** Breaks the text at spaces into lines of at most `width`; a word that is longer is broken too. */
export function wrap(text: string, width: number, measure: Measure = widthOf): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (measure(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = breakWord(word, width, measure);
    line = pieces.pop() ?? '';
    lines.push(...pieces);
  }
  return (line === '' ? lines : [...lines, line]).map((text) => text.replaceAll(STICKY, ' '));
}

function breakWord(word: string, width: number, measure: Measure): string[] {
  if (measure(word) <= width) return [word];
  const pieces: string[] = [];
  let piece = '';
  for (const grapheme of splitGraphemes(word)) {
    if (measure(grapheme) > width) continue;
    if (measure(piece + grapheme) > width) {
      pieces.push(piece);
      piece = '';
    }
    piece += grapheme;
  }
  return piece === '' ? pieces : [...pieces, piece];
}
