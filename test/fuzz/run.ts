/** Tries mutations of every target and reports failures with the seed that repeats them. */
import fc from 'fast-check';
import { UserError } from '../../src/model/errors.js';
import { anyTry, TARGETS } from './targets.js';

export interface Tried {
  readonly name: string;
  readonly tries: number;
  /** How many were refused with a clear error; the rest was read. */
  readonly refused: number;
  /** What was found, and with what; null for nothing. */
  readonly found: string | null;
}

/**
 * @param count tries of all targets together
 * @param wanted which targets, by name
 */
export async function fuzz(
  count: number,
  seed: number,
  wanted: RegExp,
  tell: (tried: Tried) => void,
): Promise<void> {
  for (const { name, share, run } of TARGETS) {
    if (!wanted.test(name)) continue;
    let refused = 0;
    const property = fc.asyncProperty(anyTry, async ([document, changes]) => {
      try {
        await run(document, changes);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refused += 1;
      }
    });
    const numRuns = Math.max(1, Math.round((count * share) / 100));
    const { failed, errorInstance, counterexample } = await fc.check(property, { numRuns, seed });
    const what = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
    const found = failed ? `seed ${seed}: ${JSON.stringify(counterexample)}\n${what}` : null;
    tell({ name, tries: numRuns, refused, found });
  }
}

/** A clear error that says what to do. */
function isRefusal(error: unknown): boolean {
  return error instanceof UserError && error.message !== '' && error.remedy !== undefined;
}
