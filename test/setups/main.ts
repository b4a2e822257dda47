// Tries many set-ups: node dist/test/setups/main.js [--count N] [--seed N] [--workers N] [--docs FILE]

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { listEngines, makePlan } from './catalogue.js';
import { summarize, writeTable } from './table.js';
import { trySetup, type Tried } from './try.js';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' }, // the first one
    workers: { type: 'string', default: '2' },
    docs: { type: 'string' }, // where the table goes
  },
});

const engines = listEngines();
const first = Number(options.seed);
const plans = Array.from({ length: Number(options.count) }, (_, i) => makePlan(first + i, engines));
const tried: Tried[] = [];
const lost: number[] = [];
const queue = [...plans];

// What runs is finished, cleaned up and told; the rest is left.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => (queue.length = 0));
}

await Promise.all(Array.from({ length: Number(options.workers) }, work));
tried.sort((a, b) => a.plan.seed - b.plan.seed);
const sum = summarize(tried);
process.stdout.write(`${sum}\n`);
if (options.docs !== undefined) await writeFile(options.docs, writeTable(tried));
if (lost.length > 0 || tried.some(({ trials }) => trials.some(({ right }) => right === false)))
  process.exitCode = 1;

async function work(): Promise<void> {
  for (let plan = queue.shift(); plan; plan = queue.shift()) {
    try {
      const one = await trySetup(plan);
      tried.push(one);
      report(one);
    } catch (error) {
      lost.push(plan.seed);
      process.stderr.write(`${plan.seed} could not be made: ${String(error)}\n`);
    }
  }
}

function report({ plan, trials, problems }: Tried): void {
  const name = `${plan.seed} ${plan.engine.name}: ${plan.changes.map((change) => change.name).join(' + ') || 'as it is'}`;
  const wrong = trials.filter(({ right }) => right === false);
  const open = trials.filter(({ right }) => right === null);
  process.stderr.write(
    `${name}: ${trials.length} tried, ${wrong.length} wrong, ${open.length} unknown\n`,
  );
  for (const { way, prediction, seen } of wrong) {
    process.stderr.write(
      `  WRONG ${way}: ${prediction.path} (${prediction.why}; ${prediction.obstacles.join(', ')}; seen as ${prediction.sourceSeen}); seen ${JSON.stringify(seen)}\n`,
    );
  }
  for (const { way, prediction } of open)
    process.stderr.write(`  unknown ${way}: ${prediction.why}\n`);
  for (const problem of problems) process.stderr.write(`  problem: ${problem}\n`);
}
