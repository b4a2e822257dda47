/** Finds the compiled test files, and the test sources that were never compiled. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'uvu/parse';

export interface TestFile {
  /** As people know it: `test/model/tuple.test.ts`. */
  name: string;
  /** The compiled file, absolute. */
  file: string;
  live: boolean;
}

export interface Discovery {
  files: TestFile[];
  /** Sources without a compiled file: running the rest would hide them. */
  uncompiled: string[];
}

/**
 * Lists test files, unit before live and by name within each.
 * @param project folder of package.json; `folder` is below it, `endings` are such as `test` and `live`.
 */
export async function discoverTests(
  project: string,
  folder: string,
  endings: readonly string[],
): Promise<Discovery> {
  const ending = `\\.(${endings.join('|')})\\.`;
  const [sources, compiled] = await Promise.all([
    parse(join(project, folder), `${ending}ts$`),
    parse(join(project, 'dist', folder), `${ending}js$`),
  ]);
  const files = compiled.suites
    .map(({ name, file }) => ({
      name: join(folder, name.replace(/js$/, 'ts')),
      file,
      live: /\.live\w*\.js$/.test(name),
    }))
    .filter(({ name }) => existsSync(join(project, name))) // what a deleted test left behind
    .sort((a, b) => Number(a.live) - Number(b.live));
  const known = new Set(files.map(({ name }) => name));
  const uncompiled = sources.suites
    .map(({ name }) => join(folder, name))
    .filter((name) => !known.has(name));
  return { files, uncompiled };
}
