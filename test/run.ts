// The test runner: every file in its own process, unit files two at a time, live files alone, one closing line.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { discoverTests, type TestFile } from './support/runner/discover.js';
import { runFile, type FileLimits, type FileResult } from './support/runner/file.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const UNIT_AT_ONCE = 2;

const { values: options } = parseArgs({
  options: {
    pattern: { type: 'string' }, // a regular expression over file names
    live: { type: 'boolean' }, // only *.live.ts
    'no-live': { type: 'boolean' }, // only *.test.ts
    timeout: { type: 'string' }, // seconds per file
    folder: { type: 'string', default: 'test' }, // for the runner's own tests
    endings: { type: 'string', default: 'test,live' }, // for the runner's own tests
  },
});

const totals = { passed: 0, failed: 0, skipped: 0 };
const interrupt = new AbortController();

async function main(): Promise<void> {
  process.on('SIGINT', () => {
    interrupt.abort();
  });
  process.on('SIGTERM', () => {
    interrupt.abort();
  });
  const endings = options.endings.split(',');
  const { files, uncompiled } = await discoverTests(PROJECT, options.folder, endings);
  const chosen = files.filter(({ name }) => matches(name)).filter(({ live }) => wanted(live));
  for (const name of uncompiled.filter(matches)) {
    if (wanted(name.endsWith('.live.ts'))) reportFailure(name, 'not compiled', 'npm run build');
  }
  if (chosen.length === 0) reportFailure('test/run.ts', 'no test file', 'Nothing matches.');

  const units = chosen.filter(({ live }) => !live);
  await Promise.all(Array.from({ length: UNIT_AT_ONCE }, () => drain(units)));
  await drain(chosen.filter(({ live }) => live));

  if (interrupt.signal.aborted) reportFailure('test/run.ts', 'interrupted', 'Not every file ran.');
  const { passed, failed, skipped } = totals;
  if (failed > 0 || passed === 0) process.exitCode = 1;
  print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
}

async function drain(files: TestFile[]): Promise<void> {
  for (let next = files.shift(); next && !interrupt.signal.aborted; next = files.shift()) {
    reportFile(next.name, await runFile(next, limitsOf(next), interrupt.signal));
  }
}

function limitsOf({ live }: TestFile): FileLimits {
  const seconds = Number(options.timeout ?? (live ? 600 : 120));
  return { timeoutMs: seconds * 1000, killGraceMs: live ? 20_000 : 1000 };
}

function matches(name: string): boolean {
  return new RegExp(options.pattern ?? '').test(name);
}

function wanted(live: boolean): boolean {
  return live ? !options['no-live'] : !options.live;
}

function reportFile(name: string, result: FileResult): void {
  totals.passed += result.passed;
  totals.skipped += result.skips.length;
  const seconds = (result.elapsedMs / 1000).toFixed(1);
  print(`${result.failures.length > 0 ? '✘' : '•'} ${name}  ${result.passed} passed, ${seconds} s`);
  for (const { title, reason } of result.skips) print(`    skipped: ${title}: ${reason}`);
  for (const { title, detail } of result.failures) reportFailure(name, title, detail);
  if (result.failures.length > 0 && result.output.trim() !== '') {
    print(indent(`output of ${name}:\n${result.output.trimEnd()}`));
  }
}

function reportFailure(name: string, title: string, detail: string): void {
  totals.failed++;
  print(`  FAIL ${name}: ${title}`);
  print(indent(detail));
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
