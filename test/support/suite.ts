/** uvu's `suite`, keeping a record of what was registered and what happened, so that the runner can tell silence from success. */
import { suite as uvuSuite, type Callback } from 'uvu';

type Outcome = 'pending' | 'passed' | 'failed';

export interface TestRecord {
  name: string;
  outcome: Outcome;
  error?: unknown;
}

export interface SkipRecord {
  name: string;
  reason: string;
  /** May be skipped even where live tests are required: no machine can be expected to have what it needs. */
  optional: boolean;
}

export interface SuiteRecord {
  name: string;
  tests: TestRecord[];
  skipped: SkipRecord[];
  hookErrors: { hook: string; error: unknown }[];
  /** Names given to `.only`: they narrow the run and then fail it. */
  only: string[];
  /** Tests and skips registered since the last `.run()`; anything left here never ran. */
  waiting: number;
  runs: number;
}

interface Hook<T> {
  (handler: Callback<T>): void;
  each(handler: Callback<T>): void;
}

export interface Suite<T> {
  (name: string, handler: Callback<T>): void;
  only(name: string, handler: Callback<T>): void;
  /** Skips one test; the reason is printed. */
  skip(name: string, reason: string): void;
  /**
   * Skips every test of the suite when `reason` is not null; the reason is printed for each.
   * In a `.live.ts` file such a skip is a failure under TRACE_FLOW_REQUIRE_LIVE=1, unless it is `optional`.
   */
  skipUnless(reason: string | null, options?: { optional?: boolean }): void;
  before: Hook<T>;
  after: Hook<T>;
  run(): void;
}

interface Registry {
  suites: SuiteRecord[];
  onStart: (suite: string, test: string) => void;
}

/** The suites of this process, oldest first. */
export const registry: Registry = { suites: [], onStart: () => undefined };

/** Creates a suite with uvu's interface. Call `.run()` once, after the last test. */
export function suite<T extends object = Record<string, unknown>>(
  name: string,
  context?: T,
): Suite<T> {
  const record: SuiteRecord = {
    name,
    tests: [],
    skipped: [],
    hookErrors: [],
    only: [],
    waiting: 0,
    runs: 0,
  };
  registry.suites.push(record);
  let inner = uvuSuite<T>(name, context);
  let skipAll: { reason: string; optional: boolean } | undefined;
  let current: TestRecord | undefined;
  let pending: (() => void)[] = [];

  const addSkip = (test: string, reason: string, optional: boolean): void => {
    record.skipped.push({ name: test, reason, optional });
    inner.skip(test);
  };

  const addTest = (test: string, handler: Callback<T>, kind: 'all' | 'only'): void => {
    if (skipAll) {
      addSkip(test, skipAll.reason, skipAll.optional);
      return;
    }
    const entry: TestRecord = { name: test, outcome: 'pending' };
    record.tests.push(entry);
    const watched: Callback<T> = async (state) => {
      current = entry;
      registry.onStart(name, test);
      try {
        await handler(state);
        entry.outcome = 'passed';
      } catch (error) {
        Object.assign(entry, { outcome: 'failed', error });
        throw error;
      }
    };
    if (kind === 'only') inner.only(test, watched);
    else inner(test, watched);
  };

  const watchHook = (hook: string, handler: Callback<T>): Callback<T> => {
    return async (state) => {
      try {
        await handler(state);
      } catch (error) {
        record.hookErrors.push({ hook, error });
        if (hook === 'after.each' && current) current.outcome = 'failed';
        throw error;
      }
    };
  };

  const queue = (add: () => void): void => {
    record.waiting++;
    pending.push(add);
  };

  const addHook = (hook: string, add: (watched: Callback<T>) => void) => {
    return (handler: Callback<T>): void => {
      pending.push(() => {
        if (!skipAll) add(watchHook(hook, handler));
      });
    };
  };

  const test = ((title: string, handler: Callback<T>) => {
    queue(() => {
      addTest(title, handler, 'all');
    });
  }) as Suite<T>;
  test.only = (title, handler) => {
    record.only.push(title);
    queue(() => {
      addTest(title, handler, 'only');
    });
  };
  test.skip = (title, reason) => {
    queue(() => {
      addSkip(title, reason, false);
    });
  };
  test.skipUnless = (reason, options) => {
    if (reason !== null) skipAll ??= { reason, optional: options?.optional ?? false };
  };
  test.before = Object.assign(
    addHook('before', (watched) => {
      inner.before(watched);
    }),
    {
      each: addHook('before.each', (watched) => {
        inner.before.each(watched);
      }),
    },
  );
  test.after = Object.assign(
    addHook('after', (watched) => {
      inner.after(watched);
    }),
    {
      each: addHook('after.each', (watched) => {
        inner.after.each(watched);
      }),
    },
  );
  test.run = () => {
    for (const add of pending) add();
    pending = [];
    record.waiting = 0;
    record.runs++;
    inner.run();
    inner = uvuSuite<T>(name, context);
  };
  return test;
}
