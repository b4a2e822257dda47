/** Reads times of a report as numbers. */

/**
 * @param text ISO 8601 in UTC with nanoseconds, as in `timing.start`
 * @returns nanoseconds since 1970; null if the text is no such time
 */
export function parseNanoseconds(text: string | null): bigint | null {
  const [, seconds, fraction] = /^(.{19})\.(\d{9})Z$/.exec(text ?? '') ?? [];
  const milliseconds = seconds === undefined ? NaN : Date.parse(`${seconds}Z`);
  if (fraction === undefined || Number.isNaN(milliseconds)) return null;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction);
}
