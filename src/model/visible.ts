/** Makes untrusted text safe to show: escapes characters that move the cursor, hide, reorder or stack. */

/** Controls, format characters (bidi overrides, zero width), surrogates, private, unassigned, stray marks. */
const UNSAFE = /[\p{C}\p{M}\p{Zl}\p{Zp}]/gu;
/** Right-to-left scripts, which would reorder the line around them. */
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/gu;
/** The colours and weights that our own renderers write. */
const STYLE = /(\u001b\[[0-9;]*m)/;
/** Characters that JSON allows but that would act on a terminal or reorder its line. */
const ACTIVE_IN_JSON =
  /[\u007f-\u009f\u2028\u2029\p{Cf}\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/gu;

/** Text without any of these, found faster than by their classes. */
const PLAIN = /^[\0-\x7e]*$/;

/** Escapes every unsafe character as `\x1b` or `\u{202e}`; line ends are unsafe too. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, writeOut).replace(RIGHT_TO_LEFT, writeOut);
}

/** Escapes lines for a terminal: line ends stay, tabs become spaces, all else as {@link escapeUnsafe}. */
export function escapeLines(text: string): string {
  const lines = text.normalize('NFC').split('\n');
  return lines.map((line) => escapeUnsafe(line.replaceAll('\t', '  '))).join('\n');
}

/** Like {@link escapeLines}, but keeps the styles that our own renderers write. */
export function escapeStyled(text: string): string {
  const parts = text.split(STYLE);
  return parts.map((part, at) => (at % 2 === 1 ? part : escapeLines(part))).join('');
}

/** Escapes in JSON text what would act on a terminal, so that the data stay the same. */
export function escapeJson(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(ACTIVE_IN_JSON, (character) => {
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

function writeOut(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}
