/**
 * The matrix over and over: `npm run matrix -- --runs 5`; writes docs/scenarios.md. With `--only WORD` some groups, with
 * `--scenario WORD` some traces, without the table; `--record FOLDER` keeps every trace as a recording.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { findObstacle, GROUPS } from './groups.js';
import type { Group, Scenario } from './scenario.js';
import { listProblems, runGroup, type Result } from './run.js';
import { drawTable, type GroupResults } from './table.js';

const TABLE = fileURLToPath(new URL('../../../docs/scenarios.md', import.meta.url));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1' },
      only: { type: 'string' }, // a word of the group's name
      scenario: { type: 'string' }, // of a scenario's: only the traces that it is in
      record: { type: 'string' },
    },
  });
  const obstacle = findObstacle();
  if (obstacle !== null) throw new Error(obstacle);
  const groups = GROUPS.filter(({ name }) => name.includes(values.only ?? '')).map((group) =>
    narrow(group, values.scenario ?? ''),
  );
  const all: GroupResults[] = [];
  for (const group of groups) {
    const results: Result[] = [];
    for (let run = 1; run <= Number(values.runs); run += 1) {
      const began = performance.now();
      const found = await runGroup(group);
      results.push(...found);
      const problems = listProblems(found);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      process.stderr.write(`${group.name}, run ${run}: ${found.length} scenarios, ${seconds} s\n`);
      for (const problem of problems) process.stderr.write(`  ${problem}\n`);
      if (problems.length > 0) process.exitCode = 1;
      if (values.record !== undefined) await keepTraces(values.record, found);
    }
    all.push({ group, results });
  }
  if (values.only !== undefined || values.scenario !== undefined) return;
  const [docker, bpftrace] = await Promise.all([
    readVersion('dockerd', /version ([\d.]+)/),
    readVersion('bpftrace', /(bpftrace v[\d.]+)/),
  ]);
  const table = drawTable(all, {
    kernel: release().replace(/-.*/, ''),
    docker,
    bpftrace,
  });
  await writeFile(TABLE, table);
}

function narrow(group: Group, word: string): Group {
  const has = (scenarios: readonly Scenario[]): boolean =>
    scenarios.some(({ name }) => name.includes(word));
  const { traces, further = [] } = group;
  return {
    ...group,
    traces: traces.filter(has),
    further: further.filter(({ scenarios }) => has(scenarios)),
  };
}

/** One recording per trace, for `trace-flow read`. */
async function keepTraces(folder: string, results: readonly Result[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const recordings = [...new Set(results.map(({ recording }) => recording))];
  for (const [index, recording] of recordings.entries()) {
    await writeFile(join(folder, `${Date.now()}-${index}.ndjson`), recording);
  }
}

async function readVersion(program: string, pattern: RegExp): Promise<string> {
  const { stdout } = await execa(program, ['--version']);
  return pattern.exec(stdout)?.[1] ?? stdout;
}

await main();
