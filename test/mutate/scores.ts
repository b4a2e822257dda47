/** The table of scores, and the list of the mutants that survived. */
import { readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';

/** What is looked at of a mutant's result. */
export interface Result {
  readonly fileName: string;
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string | undefined;
  readonly location: {
    readonly start: { readonly line: number; readonly column: number };
    readonly end: { readonly line: number; readonly column: number };
  };
}

const KILLED = ['Killed', 'Timeout'];
const SURVIVED = ['Survived', 'NoCoverage'];

/** A line for the folder, and below it one for each of its files. */
export function renderScores(folder: string, results: readonly Result[]): string {
  const files = [...new Set(results.map(({ fileName }) => fileName))].sort();
  const ignored = countOf(results, ['Ignored']);
  return [
    `${''.padEnd(42)} mutants  killed survived score`,
    renderLine(folder, results),
    ...files.map((file) =>
      renderLine(
        `  ${file}`,
        results.filter(({ fileName }) => fileName === file),
      ),
    ),
    `${ignored} are not counted: in sentences, outside the sample, or run only while modules load.`,
  ].join('\n');
}

function renderLine(title: string, own: readonly Result[]): string {
  const killed = countOf(own, KILLED);
  const survived = countOf(own, SURVIVED);
  const all = killed + survived;
  const score = all === 0 ? '   –' : `${((100 * killed) / all).toFixed(1)} %`;
  const numbers = [all, killed, survived].map((number) => String(number).padStart(8)).join('');
  return `${title.padEnd(42)}${numbers} ${score}`;
}

/** One line each: where it is, what it was and what it became. */
export function listSurvivors(results: readonly Result[]): string {
  return results
    .filter(({ status }) => SURVIVED.includes(status))
    .map((one) => {
      const { fileName, location, mutatorName, replacement = '', status } = one;
      const lines = readFileSync(fileName, 'utf8').split('\n');
      const { start, end } = location;
      const before = lines[start.line - 1]?.slice(
        start.column - 1,
        start.line === end.line ? end.column - 1 : undefined,
      );
      const uncovered = status === 'NoCoverage' ? ' (no test comes here)' : '';
      const place = `${fileName}:${start.line}:${start.column}`;
      return `${place} ${mutatorName}${uncovered}: ${flatten(before ?? '')} → ${flatten(replacement)}\n`;
    })
    .sort()
    .join('');
}

function flatten(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 100);
}

export function isIn(file: string, globs: readonly string[]): boolean {
  const excluded = globs.filter((glob) => glob.startsWith('!')).map((glob) => glob.slice(1));
  const included = globs.filter((glob) => !glob.startsWith('!'));
  return (
    included.some((glob) => matchesGlob(file, glob)) &&
    !excluded.some((glob) => matchesGlob(file, glob))
  );
}

function countOf(results: readonly Result[], statuses: readonly string[]): number {
  return results.filter(({ status }) => statuses.includes(status)).length;
}
