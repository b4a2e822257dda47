/** Takes the place of test/support/suite.ts under mutation: collects the suites' tests, to be run one by one, again and again. */
import type { Suite } from '../support/suite.js';

/** One test of the project's own suites, ready to be run any number of times in this process. */
export interface CollectedTest {
  readonly id: string;
  /** Runs it with its suite's hooks; rejects when it fails. */
  run(): Promise<void>;
}

type Handler<T> = Parameters<Suite<T>>[1];

let collected: CollectedTest[] = [];
/** Run once, and before any mutant is active. */
let preparations: (() => Promise<void>)[] = [];
let currentFile = '';

/** Loads one file of tests and gives what its suites registered. */
export async function collectFile(
  name: string,
  load: () => Promise<unknown>,
): Promise<CollectedTest[]> {
  collected = [];
  preparations = [];
  currentFile = name;
  await load();
  for (const prepare of preparations) await prepare();
  return collected;
}

/** Has the interface of test/support/suite.ts; skipped tests are left out. */
export function suite<T extends object = Record<string, unknown>>(
  name: string,
  context = {} as T,
): Suite<T> {
  const tests: { title: string; handler: Handler<T> }[] = [];
  const hooks = new Map<string, Handler<T>[]>();
  let skipped = false;

  const call = async (handler: Handler<T>): Promise<void> => {
    await handler(Object.assign(context, { __suite__: name, __test__: '' }));
  };
  const callAll = async (hook: string): Promise<void> => {
    for (const handler of hooks.get(hook) ?? []) await call(handler);
  };
  const addHook = (hook: string) => (handler: Handler<T>) => {
    hooks.set(hook, [...(hooks.get(hook) ?? []), handler]);
  };
  const test = ((title: string, handler: Handler<T>) => {
    tests.push({ title, handler });
  }) as Suite<T>;
  test.only = test;
  test.skip = () => undefined;
  test.skipUnless = (reason) => {
    skipped ||= reason !== null;
  };
  test.before = Object.assign(addHook('before'), { each: addHook('before.each') });
  test.after = Object.assign(addHook('after'), { each: addHook('after.each') });
  test.run = () => {
    preparations.push(() => callAll('before'));
    for (const { title, handler } of skipped ? [] : tests.splice(0)) {
      collected.push({
        id: `${currentFile} › ${title}`,
        run: async () => {
          await callAll('before.each');
          await call(handler);
          await callAll('after.each');
        },
      });
    }
  };
  return test;
}
