/** Stryker's test runner for the project's suites: all in one process, only the tests that meet a mutant, the likeliest killers first. */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { INSTRUMENTER_CONSTANTS, type MutantCoverage } from '@stryker-mutator/api/core';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  determineHitLimitReached,
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  type DryRunResult,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
} from '@stryker-mutator/api/test-runner';
import fc from 'fast-check';
import { collectFile, type CollectedTest } from './collect.js';
import { LEFT_OUT, PATIENCE, SEEDS, SLOWEST } from './plan.js';
import { isInSample } from './sample.js';

/** What instrumented code reads and writes. */
interface Instrumentation {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  mutantCoverage?: MutantCoverage | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
}

const instrumentation = ((globalThis as Record<string, unknown>)[
  INSTRUMENTER_CONSTANTS.NAMESPACE
] ??= {}) as Instrumentation;

/** Stryker allows a hundred times as many passes as all tests together made; a few tests need no more than twice. */
const GENEROSITY = 50;

const SLOW_TESTS = process.env['MUTATE_SLOW'] ?? '';

function readSlow(): string[] {
  return JSON.parse(readFileSync(SLOW_TESTS, 'utf8')) as string[];
}

class SuiteRunner implements TestRunner {
  readonly #tests = new Map<string, CollectedTest>();
  readonly #durations = new Map<string, number>();
  /** How often a test has killed a mutant of a file. */
  readonly #kills = new Map<string, Map<string, number>>();

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: false };
  }

  async init(): Promise<void> {
    Object.assign(process.env, SEEDS);
    // The same examples for every mutant, and no search for a smaller one.
    fc.configureGlobal({ seed: 1, endOnFailure: true, numRuns: 20 });
    const own = new URL('./collect.js', import.meta.url).href;
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier.endsWith('/support/suite.js')
          ? { url: own, shortCircuit: true }
          : next(specifier, context),
    });
    const files = globSync(process.env['MUTATE_TESTS'] ?? '', { exclude: [LEFT_OUT] }).sort();
    for (const name of files) {
      const built = join(process.cwd(), 'dist', name.replace(/\.ts$/, '.js'));
      const tests = await collectFile(name, () => import(pathToFileURL(built).href));
      for (const test of tests) this.#tests.set(test.id, test);
    }
  }

  async dryRun(): Promise<DryRunResult> {
    const results: TestResult[] = [];
    // Found by an earlier run: their time would be added to what every endless mutant is given.
    const slow = new Set(existsSync(SLOW_TESTS) ? readSlow() : []);
    for (const [id, test] of this.#tests) {
      if (slow.has(id)) continue;
      instrumentation.currentTestId = id;
      const began = processorTime();
      const error = await failureOf(test);
      let timeSpentMs = processorTime() - began;
      // Its first run pays for compiling what all that follow have ready.
      if (timeSpentMs > SLOWEST && timeSpentMs < SLOWEST * 8) {
        const again = processorTime();
        await failureOf(test);
        timeSpentMs = processorTime() - again;
      }
      instrumentation.currentTestId = undefined;
      if (error !== null) {
        return { status: DryRunStatus.Error, errorMessage: `${id}: ${error}` };
      }
      if (timeSpentMs > SLOWEST) {
        slow.add(id);
        continue;
      }
      const fileName = join(process.cwd(), id.split(' › ')[0] ?? '');
      results.push({ id, name: id, fileName, timeSpentMs, status: TestStatus.Success });
    }
    const coverage = instrumentation.mutantCoverage ?? { static: {}, perTest: {} };
    for (const id of slow) Reflect.deleteProperty(coverage.perTest, id);
    writeFileSync(SLOW_TESTS, JSON.stringify([...slow]));
    return { status: DryRunStatus.Complete, tests: results, mutantCoverage: coverage };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, sandboxFileName } = options;
    if (!isInSample(activeMutant.id)) {
      return { status: MutantRunStatus.Error, errorMessage: 'not in the sample' };
    }
    const hitLimit = options.hitLimit && Math.max(1000, options.hitLimit / GENEROSITY);
    const ids = options.testFilter ?? [...this.#tests.keys()];
    const order = this.#orderFor(sandboxFileName, ids);
    instrumentation.activeMutant = activeMutant.id;
    instrumentation.hitCount = hitLimit === undefined ? undefined : 0;
    instrumentation.hitLimit = hitLimit;
    const began = processorTime();
    let ran = 0;
    try {
      for (const test of order) {
        if (processorTime() - began > PATIENCE) break;
        ran += 1;
        const before = processorTime();
        const error = await failureOf(test);
        this.#durations.set(test.id, processorTime() - before);
        const endless = determineHitLimitReached(instrumentation.hitCount, hitLimit);
        if (endless) return { status: MutantRunStatus.Timeout, reason: endless.reason ?? '' };
        if (error === null) continue;
        this.#countKill(sandboxFileName, test.id);
        return {
          status: MutantRunStatus.Killed,
          killedBy: [test.id],
          failureMessage: error,
          nrOfTests: ran,
        };
      }
      return { status: MutantRunStatus.Survived, nrOfTests: ran };
    } finally {
      instrumentation.activeMutant = undefined;
    }
  }

  /** Those that kill mutants of this file often and quickly come first. */
  #orderFor(file: string, ids: readonly string[]): CollectedTest[] {
    const kills = this.#kills.get(file);
    const worth = (id: string): number =>
      (1 + 10 * (kills?.get(id) ?? 0)) / (1 + (this.#durations.get(id) ?? 5));
    return ids
      .map((id) => ({ id, worth: worth(id) }))
      .sort((a, b) => b.worth - a.worth)
      .flatMap(({ id }) => this.#tests.get(id) ?? []);
  }

  #countKill(file: string, id: string): void {
    const kills = this.#kills.get(file) ?? new Map<string, number>();
    kills.set(id, (kills.get(id) ?? 0) + 1);
    this.#kills.set(file, kills);
  }
}

/** Milliseconds that this process has worked, whatever else the machine does. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function failureOf(test: CollectedTest): Promise<string | null> {
  try {
    await test.run();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'suites', SuiteRunner)];
