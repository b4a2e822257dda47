/** `npm run mutate [FOLDER…] [--share 0.1 --seed 1] [--fresh]`: how many deliberate faults the unit tests notice. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { ENDLESS, FIRST_RUN_MINUTES, FOLDERS, type Folder } from './plan.js';
import { isInSample } from './sample.js';
import { isIn, listSurvivors, renderScores, type Result } from './scores.js';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const OUTPUT = 'coverage/mutate';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    share: { type: 'string', default: '1' }, // of all faults, chosen by the seed
    seed: { type: 'string', default: '1' },
    fresh: { type: 'boolean', default: false }, // forget the results of earlier runs
    files: { type: 'string', multiple: true }, // globs, instead of folders
    tests: { type: 'string' }, // a glob, instead of the folder's tests
    concurrency: { type: 'string', default: '2' }, // processes that test mutants at once
  },
});

process.chdir(PROJECT);
mkdirSync(OUTPUT, { recursive: true });
process.env['MUTATE_SHARE'] = values.share;
process.env['MUTATE_SEED'] = values.seed;
const whole = Number(values.share) >= 1;

const known = FOLDERS.map(({ name }) => name);
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`No folder ${unknown.join()}; there are ${known.join()}.`);
const folders = FOLDERS.filter(
  ({ name }) => positionals.length === 0 || positionals.includes(name),
);

const plugin = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

async function mutateFolder({ name, files, tests }: Folder): Promise<Result[]> {
  process.env['MUTATE_TESTS'] = values.tests ?? tests;
  process.env['MUTATE_SLOW'] = join(PROJECT, OUTPUT, `${name}-slow.json`);
  const results = await new Stryker({
    mutate: values.files ?? [...files],
    plugins: [plugin('runner'), plugin('ignorer')],
    testRunner: 'suites',
    ignorers: ['sentences'],
    ignoreStatic: true,
    coverageAnalysis: 'perTest',
    buildCommand: `${process.execPath} ${plugin('transpile')}`,
    ignorePatterns: ['/dist', '/docs', '/probes', '/coverage', '*.tgz'],
    tempDirName: `${OUTPUT}/sandbox`,
    incremental: whole,
    incrementalFile: `${OUTPUT}/${name}.json`,
    force: values.fresh,
    concurrency: Number(values.concurrency),
    timeoutMS: ENDLESS,
    dryRunTimeoutMinutes: FIRST_RUN_MINUTES,
    disableTypeChecks: false,
    reporters: ['html', 'progress-append-only'],
    htmlReporter: { fileName: `${OUTPUT}/${name}.html` },
    allowConsoleColors: false,
  }).runMutationTest();
  return results
    .filter(({ id }) => isInSample(id))
    .map((one) => ({ ...one, fileName: relative(PROJECT, one.fileName) }))
    .filter(({ fileName }) => values.files !== undefined || isIn(fileName, files));
}

for (const folder of folders) {
  const began = Date.now();
  const results = await mutateFolder(folder);
  const survivors = join(OUTPUT, `${folder.name}-survivors.txt`);
  writeFileSync(survivors, listSurvivors(results));
  const seconds = Math.round((Date.now() - began) / 1000);
  process.stdout.write(
    `${renderScores(folder.name, results)}\n${seconds} s; survivors in ${survivors}\n`,
  );
}
