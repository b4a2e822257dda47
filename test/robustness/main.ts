/** `npm run robustness [-- --tries 100000 --seed N --times 1 --lock FILE]`: tries mutations and every fault, and writes docs/robustness.md. */
import { execa } from 'execa';
import { readFile, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Tried } from '../fuzz/run.js';
import { discoverTests, type TestFile } from '../support/runner/discover.js';
import { runFile, type FileResult } from '../support/runner/file.js';
import { FAULTS_OF_MACHINES, INPUTS, type Checks } from './catalogue.js';
import { drawFaults, drawMutations, replaceTable, type Counts } from './table.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = `${PROJECT}docs/robustness.md`;
const FUZZ = fileURLToPath(new URL('../fuzz/main.js', import.meta.url));
const LIMITS = { timeoutMs: 900_000, exitGraceMs: 30_000, killGraceMs: 20_000, priority: 0 };

const { values: options } = parseArgs({
  options: {
    tries: { type: 'string', default: '100000' }, // mutations
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    times: { type: 'string', default: '1' }, // how often each test is run
    lock: { type: 'string' }, // a file that is locked while a live test runs, on a machine with others
  },
});

async function main(): Promise<void> {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  const [mutations, results] = await Promise.all([
    tryMutations(abort.signal),
    runAll(abort.signal),
  ]);
  if (abort.signal.aborted) throw new Error('interrupted: the page stays as it was');
  const count = (checks: Checks): Counts => countTests(results.get(checks.file) ?? [], checks);
  const failed =
    mutations.filter(({ found }) => found !== null).length +
    [...results.values()].flat().filter(({ failures }) => failures.length > 0).length;
  let page = await readFile(PAGE, 'utf8');
  page = replaceTable(page, 'run', [await describeRun()]);
  page = replaceTable(page, 'mutations', drawMutations(mutations));
  page = replaceTable(page, 'inputs', drawFaults(INPUTS, count));
  page = replaceTable(page, 'faults', drawFaults(FAULTS_OF_MACHINES, count));
  await writeFile(PAGE, page);
  console.log(`docs/robustness.md is written; ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

/** In a process of its own, which yields to the live tests. */
async function tryMutations(signal: AbortSignal): Promise<Tried[]> {
  const { tries, seed } = options;
  const args = [process.execPath, FUZZ, '--tries', tries, '--seed', seed, '--json'];
  const running = execa('nice', ['-n', '19', ...args], {
    reject: false,
    cancelSignal: signal,
    stderr: 'inherit',
  });
  const all: Tried[] = [];
  for await (const line of running) {
    const tried = JSON.parse(line) as Tried;
    all.push(tried);
    console.log(`${tried.name}: ${tried.tries} tries, ${tried.found ?? 'nothing found'}`);
  }
  const { exitCode } = await running;
  // A crash is no result.
  if (exitCode !== 0 && all.every(({ found }) => found === null))
    throw new Error('the fuzz ended early');
  return all;
}

async function runAll(signal: AbortSignal): Promise<Map<string, FileResult[]>> {
  const wanted = new Set(
    [...INPUTS, ...FAULTS_OF_MACHINES].flatMap(({ checks }) => checks.map(({ file }) => file)),
  );
  const { files } = await discoverTests(PROJECT, 'test', ['test', 'live']);
  const results = new Map<string, FileResult[]>();
  for (let time = 0; time < Number(options.times); time++) {
    for (const file of files.filter(({ name }) => wanted.has(name))) {
      if (signal.aborted) return results;
      const result = await runOne(file, signal);
      results.set(file.name, [...(results.get(file.name) ?? []), result]);
      console.log(`${file.name}: ${result.passed} passed, ${result.failures.length} failed`);
      for (const { title, detail } of result.failures) console.log(`  FAIL ${title}\n${detail}`);
    }
  }
  return results;
}

async function runOne(file: TestFile, signal: AbortSignal): Promise<FileResult> {
  const lock = file.live && options.lock !== undefined ? await takeLock(options.lock) : null;
  try {
    return await runFile(file, LIMITS, signal);
  } finally {
    lock?.();
  }
}

/** @returns what gives it back */
async function takeLock(file: string): Promise<() => void> {
  const holder = execa('flock', [file, 'sh', '-c', 'echo; cat'], { stdin: 'pipe', reject: false });
  await new Promise<void>((resolve) => {
    holder.stdout.once('data', () => resolve());
    void holder.then(() => resolve());
  });
  return () => {
    holder.stdin.end();
  };
}

/** A test that neither passed nor was left out has failed; one that is not there at all as well. */
function countTests(results: readonly FileResult[], { titles }: Checks): Counts {
  const has = (title: string): boolean => {
    const own = title.slice(title.indexOf(' › ') + 3);
    return titles === undefined || titles.some((begin) => own.startsWith(begin));
  };
  const counts = results.map(({ passes, failures, skips }) => {
    const passed = passes.filter(has).length;
    // What fails beside its tests (a time limit, something left behind) is every test's failure.
    const failed = failures.filter(({ title }) => !title.includes(' › ') || has(title)).length;
    const skipped = skips.filter(({ title }) => has(title)).length;
    const absent = passed + failed + skipped < (titles?.length ?? 1) ? 1 : 0;
    return { tried: passed + failed, failed: failed + absent, skipped };
  });
  const sum = (name: keyof Counts): number => counts.reduce((total, one) => total + one[name], 0);
  const missing = results.length === 0 ? 1 : 0;
  return { tried: sum('tried'), failed: sum('failed') + missing, skipped: sum('skipped') };
}

async function describeRun(): Promise<string> {
  const { stdout } = await execa('bpftrace', ['--version'], { reject: false, stdin: 'ignore' });
  const day = new Date().toISOString().slice(0, 10);
  const machine = [
    `Linux ${release().replace(/-.*/, '')}`,
    stdout,
    `Node ${process.versions.node}`,
  ];
  return `Last run: ${day}, seed ${options.seed}, ${machine.filter((text) => text !== '').join(', ')}.`;
}

await main();
