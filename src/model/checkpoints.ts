/** Joins checkpoints that follow one another, so that a long trace has few of them. */
import type { Checkpoint } from './trace.js';

/** The list with one more checkpoint, which may extend the last one. */
export function joinCheckpoints(
  list: readonly Checkpoint[],
  next: Checkpoint,
): readonly Checkpoint[] {
  const last = list.at(-1);
  if (last === undefined || !isPlain(last) || next.skippedRuns !== undefined) {
    return [...list, next];
  }
  if (last.to !== next.from || last.afterLoss !== next.afterLoss) return [...list, next];
  return [...list.slice(0, -1), { ...next, from: last.from }];
}

function isPlain({ skippedRuns, end }: Checkpoint): boolean {
  return skippedRuns === undefined && end === undefined;
}
