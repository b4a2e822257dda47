/** The test runner: every file in its own process, those of the lab one after the other, the rest behind them, one closing line. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { discoverTests, type TestFile } from './support/runner/discover.js';
import { keepBusy } from './support/runner/load.js';
import { runFile, type FileLimits, type FileResult } from './support/runner/file.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Of the files that need no lab; one while the lab's run, which are watched for what takes how long. */
const AT_ONCE = 2;
const BESIDE_LAB = 1;
/** What needs a browser or tshark only. */
const WITHOUT_LAB = /^test\/render\//;
/** The longest ones: they run with `--all`, as .ci/run does, and by name. What stays takes under ten minutes on two processors. */
const LONG = new RegExp(
  '^test/(' +
    [
      'app/(beside|disturbed|explain|faults|findings|firewalls|otlp)',
      'capture/tracer',
      'hosts/ssh',
      'lab/(cli|container|outcomes)',
      'matrix/matrix',
      'probes/probes',
      'questions/questions',
      'render/(browser|html)',
      'setups/setups',
    ].join('|') +
    ')\\.live\\.',
);
/** Yields to the lab: a trace that has to wait for the processor loses events. */
const LOWEST_PRIORITY = 19;

const { values: options } = parseArgs({
  options: {
    pattern: { type: 'string' }, // a regular expression over file names
    live: { type: 'boolean' }, // only *.live.ts
    all: { type: 'boolean' }, // the longest live files too
    'no-live': { type: 'boolean' }, // only *.test.ts
    times: { type: 'string', default: '1' }, // how often everything is run, one round after the other
    load: { type: 'string', default: '0' }, // busy loops beside the tests
    timeout: { type: 'string' }, // seconds per file
    grace: { type: 'string', default: '30' }, // seconds to end in after the last test, on a busy machine too
    folder: { type: 'string', default: 'test' }, // for the runner's own tests
    endings: { type: 'string', default: 'test,live' }, // for the runner's own tests
  },
});

const totals = { passed: 0, failed: 0, skipped: 0 };
/** In which rounds a file failed. */
const failedIn = new Map<string, number[]>();
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
  const meant = files.filter(({ name }) => matches(name)).filter(({ live }) => wanted(live));
  const whole = options.all === true || options.pattern !== undefined;
  const chosen = meant.filter(({ name }) => whole || !LONG.test(name));
  for (const name of uncompiled.filter(matches)) {
    if (wanted(name.endsWith('.live.ts'))) reportFailure(name, 'not compiled', 'npm run build');
  }
  if (chosen.length === 0) reportFailure('test/run.ts', 'no test file', 'Nothing matches.');

  const idle = keepBusy(Number(options.load));
  const rounds = Number(options.times);
  for (let round = 1; round <= rounds && !interrupt.signal.aborted; round++) {
    if (rounds > 1) print(`round ${round} of ${rounds}`);
    await runRound(chosen, round);
  }
  idle();
  if (rounds > 1) {
    for (const [name, failed] of failedIn) print(`failed: ${name}, round ${failed.join(', ')}`);
  }

  if (interrupt.signal.aborted) reportFailure('test/run.ts', 'interrupted', 'Not every file ran.');
  const left = meant.length - chosen.length;
  if (left > 0) print(`${left} long files were left out; --all runs them too`);
  const { passed, failed, skipped } = totals;
  if (failed > 0 || passed === 0) process.exitCode = 1;
  print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
}

async function runRound(chosen: readonly TestFile[], round: number): Promise<void> {
  const lab = chosen.filter(({ live, name }) => live && !WITHOUT_LAB.test(name));
  const others = chosen.filter((file) => !lab.includes(file));
  const workers = lab.length > 0 ? BESIDE_LAB : AT_ONCE;
  const priority = lab.length > 0 ? LOWEST_PRIORITY : 0;
  const drain = async (files: TestFile[], priority: number): Promise<void> => {
    for (let next = files.shift(); next && !interrupt.signal.aborted; next = files.shift()) {
      const limits = { ...limitsOf(next), priority };
      reportFile(next.name, await runFile(next, limits, interrupt.signal), round);
    }
  };
  await Promise.all([
    // When the lab is done, what is left has the processor for itself.
    lab.length > 0 ? drain(lab, 0).then(async () => drain(others, 0)) : null,
    ...Array.from({ length: workers }, () => drain(others, priority)),
  ]);
}

function limitsOf({ live, name }: TestFile): Omit<FileLimits, 'priority'> {
  const seconds = Number(options.timeout ?? (live ? (LONG.test(name) ? 900 : 600) : 300));
  return {
    timeoutMs: seconds * 1000,
    exitGraceMs: Number(options.grace) * 1000,
    killGraceMs: live ? 20_000 : 1000,
  };
}

function matches(name: string): boolean {
  return new RegExp(options.pattern ?? '').test(name);
}

function wanted(live: boolean): boolean {
  return live ? !options['no-live'] : !options.live;
}

function reportFile(name: string, result: FileResult, round: number): void {
  if (result.failures.length > 0) failedIn.set(name, [...(failedIn.get(name) ?? []), round]);
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
