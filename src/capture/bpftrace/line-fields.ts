/** Reads single fields of the lines that the probe programs print. */

/** Splits at spaces; with `count`, the last field keeps its spaces. */
export function splitFields(line: string, count: number | undefined): string[] {
  const fields = line.split(' ');
  if (count === undefined || fields.length <= count) return fields;
  return [...fields.slice(0, count - 1), fields.slice(count - 1).join(' ')];
}

/** Shows the bytes of a task's name that are not text as \xNN. */
export function escapeCommand(text: string | undefined = ''): string {
  return text.replaceAll(
    /[^\x20-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

export function isHex(field: string): boolean {
  const { length } = field;
  if (length === 0 || length > 16) return false;
  for (let at = 0; at < length; at += 1) {
    const code = field.charCodeAt(at);
    // 0 to 9, a to f
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) return false;
  }
  return true;
}

/** Whether the fields in this range, as `slice` counts, are hexadecimal numbers. */
export function areHex(fields: readonly string[], from: number, to = fields.length): boolean {
  const end = to < 0 ? fields.length + to : to;
  for (let at = from; at < end; at += 1) if (!isHex(fields[at] ?? '')) return false;
  return true;
}

export function hex(text: string | undefined): number {
  return parseInt(text ?? '0', 16);
}

/** Number of digits of the lower half of a word of 64 bits. */
const HALF = 8;

/** The upper 32 bits of a word that holds two numbers. */
export function highHalf(text: string | undefined): number {
  return hex(text?.slice(0, -HALF) || '0');
}

/** The lower 32 bits of a word that holds two numbers. */
export function lowHalf(text: string | undefined): number {
  return hex(text?.slice(-HALF));
}

/** The two ports that the lower 32 bits of a word hold. */
export function portsOf(text: string | undefined): [first: number, second: number] {
  const both = lowHalf(text);
  return [both >>> 16, both & 0xffff];
}

/** A whole word of 64 bits. */
export function hexWord(text: string | undefined): bigint {
  return BigInt(`0x${text ?? '0'}`);
}
