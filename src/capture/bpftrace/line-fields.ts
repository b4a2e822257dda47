/** Reads single fields of the lines that the probe programs print. */

/** Splits at spaces; with `count`, the last field keeps its spaces. */
export function splitFields(line: string, count: number | undefined): string[] {
  const fields = line.split(' ');
  if (count === undefined || fields.length <= count) return fields;
  return [...fields.slice(0, count - 1), fields.slice(count - 1).join(' ')];
}

/** `redis-server\x00\x00` → `redis-server`; bytes that are not text stay visible as \xNN. */
export function unescapeCommand(text: string | undefined = ''): string {
  const end = text.indexOf('\\x00');
  return end < 0 ? text : text.slice(0, end);
}

export function isHex(field: string): boolean {
  return /^[0-9a-f]{1,16}$/.test(field);
}

export function hex(text: string | undefined): number {
  return parseInt(text ?? '0', 16);
}

/** A whole word of 64 bits. */
export function hexWord(text: string | undefined): bigint {
  return BigInt(`0x${text ?? '0'}`);
}
