/** Renders a thrown value for a person: message, uvu's diff, and the frames of our own code. */

/** @returns several lines without a trailing newline; never throws. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const lines = [`${error.name}: ${error.message}`];
  const { details } = error as { details?: unknown };
  if (typeof details === 'string') lines.push(details.trimEnd());
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  for (const frame of frames) {
    if (!/\(?node:|node_modules\/uvu\//.test(frame)) lines.push(frame);
  }
  if (error.cause !== undefined) lines.push(`caused by ${describeError(error.cause)}`);
  return lines.join('\n');
}
