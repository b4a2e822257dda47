/** Fields of the lines that the probe programs print. */

/** Lines that end in the name of a task, which may hold spaces: how many fields they have. */
export const NAMED_LINES = new Map(
  Object.entries({ A: 18, S: 19, Z: 26, T: 18, M: 32, Y: 27, O: 22, Q: 7, F: 5 }),
);

/** Which fields behind the letter are numbers; the others are words and names. */
export const NUMBERS = new Map<string, readonly [from: number, to?: number]>([
  ['B', [1]],
  ['E', [1]],
  ['P', [2]],
  ['D', [1, -1]],
  ['N', [1]],
  ['K', [1, -1]],
  ['R', [1]],
  ['A', [1, -1]],
  ['S', [1, -1]],
  ['Z', [1, -1]],
  ['T', [1, -1]],
  ['M', [1, -1]],
  ['Y', [2, -1]],
  ['O', [2, -1]],
  ['Q', [1, -1]],
  ['F', [1, -1]],
]);

/** Splits at spaces; with `count`, the last field keeps its own. */
export function splitFields(line: string, count: number | undefined): string[] {
  const fields = line.split(' ');
  if (count === undefined || fields.length <= count) return fields;
  return [...fields.slice(0, count - 1), fields.slice(count - 1).join(' ')];
}

/** `redis-server\x00\x00` → `redis-server`; bytes that are not text stay visible as \xNN. */
export function unescapeCommand(text: string): string {
  const end = text.indexOf('\\x00');
  return end < 0 ? text : text.slice(0, end);
}

export function isHex(field: string): boolean {
  return /^[0-9a-f]{1,16}$/.test(field);
}

export function hex(text: string | undefined): number {
  return parseInt(text ?? '0', 16);
}
