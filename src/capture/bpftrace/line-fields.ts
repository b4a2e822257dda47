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
  return /^[0-9a-f]{1,16}$/.test(field);
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
