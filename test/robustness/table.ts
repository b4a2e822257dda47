/** Draws what the run has tried, and what failed, as tables of docs/robustness.md. */
import type { Tried } from '../fuzz/run.js';
import type { Checks, Fault } from './catalogue.js';

/** Of tests: how many ran, failed, and were left out. */
export interface Counts {
  readonly tried: number;
  readonly failed: number;
  readonly skipped: number;
}

const write = (count: number): string => count.toLocaleString('en-US');
const writeFailed = (count: number): string => (count === 0 ? '0' : `**${write(count)}**`);

export function drawMutations(all: readonly Tried[]): string[] {
  const row = (name: string, tries: number, refused: number, failed: number): string =>
    `| ${name} | ${write(tries)} | ${write(refused)} | ${writeFailed(failed)} |`;
  const sum = (count: (one: Tried) => number): number =>
    all.reduce((total, one) => total + count(one), 0);
  const failed = ({ found }: Tried): number => (found === null ? 0 : 1);
  return [
    '| mutations of | tried | refused with a clear error | failed |',
    '|---|--:|--:|--:|',
    ...all.map((one) => row(one.name, one.tries, one.refused, failed(one))),
    row(
      'all',
      sum(({ tries }) => tries),
      sum(({ refused }) => refused),
      sum(failed),
    ),
  ];
}

export function drawFaults(faults: readonly Fault[], count: (checks: Checks) => Counts): string[] {
  return [
    '| what goes wrong | what is right | tests | tried | failed |',
    '|---|---|---|--:|--:|',
    ...faults.map(({ name, right, checks }) => {
      const counts = checks.map((one) => ({ ...count(one), each: one.each ?? 1 }));
      const tried = counts.reduce((sum, one) => sum + one.tried * one.each, 0);
      const failed = counts.reduce((sum, one) => sum + one.failed, 0);
      const skipped = counts.reduce((sum, one) => sum + one.skipped, 0);
      const left = skipped > 0 ? `, ${write(skipped)} skipped` : '';
      return `| ${name} | ${right} | ${listFiles(checks)} | ${write(tried)}${left} | ${writeFailed(failed)} |`;
    }),
  ];
}

function listFiles(checks: readonly Checks[]): string {
  const files = new Set(checks.map(({ file }) => file.replace(/^.*\//, '')));
  return [...files].map((file) => `\`${file}\``).join(', ');
}

/** Puts lines between the markers of a table. Throws where the page has none of that name. */
export function replaceTable(page: string, name: string, lines: readonly string[]): string {
  const begin = `<!-- table ${name}: written by npm run robustness -->\n`;
  const from = page.indexOf(begin);
  const to = page.indexOf('<!-- end of table -->', from);
  if (from < 0 || to < 0) throw new Error(`the page has no table ${name}`);
  return `${page.slice(0, from + begin.length)}${lines.join('\n')}\n${page.slice(to)}`;
}
