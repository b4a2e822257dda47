/** What `--expect` asks for: a path, an outcome, or both. */
import { OUTCOMES, PATHS, type Outcome, type Path } from './verdict.js';

export interface Expectation {
  /** As it was written. */
  readonly text: string;
  /** Null for any. */
  readonly path: Path | null;
  readonly outcome: Outcome | null;
}

/** Parses `dnat` (implies `answered`), `refused`, `dnat/dropped`, `dnat/any`, `any/answered`; null for other text. */
export function parseExpectation(text: string): Expectation | null {
  const [first = '', second, ...more] = text.split('/');
  if (more.length > 0) return null;
  const path = PATHS.find((one) => one === first) ?? null;
  if (second === undefined) {
    if (path !== null) return { text, path, outcome: 'answered' };
    const outcome = OUTCOMES.find((one) => one === first);
    return outcome === undefined ? null : { text, path: null, outcome };
  }
  if (path === null && first !== 'any') return null;
  const outcome = OUTCOMES.find((one) => one === second) ?? null;
  return outcome === null && second !== 'any' ? null : { text, path, outcome };
}
