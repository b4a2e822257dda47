/** Reads the options at the end of a pcapng block. A damaged option ends the list; an empty one is skipped. */

/**
 * Yields the non-empty options with these codes in order, one at a time: a block may have a million options. The values
 * are views of `bytes`.
 */
export function* readOptions(
  bytes: Buffer,
  little: boolean,
  codes: readonly number[],
): Generator<readonly [number, Buffer]> {
  const [low, high] = little ? [0, 1] : [1, 0];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const code = (bytes[at + low] ?? 0) + (bytes[at + high] ?? 0) * 256;
    const length = (bytes[at + 2 + low] ?? 0) + (bytes[at + 2 + high] ?? 0) * 256;
    if (code === 0 || at + 4 + length > bytes.length) break;
    if (length > 0 && codes.includes(code)) yield [code, bytes.subarray(at + 4, at + 4 + length)];
    at += 4 + ((length + 3) & ~3);
  }
}
