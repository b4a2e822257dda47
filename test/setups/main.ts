/** Tries many set-ups: node dist/test/setups/main.js [--count N] [--seed N | --seeds N,N…] [--workers N] [--minutes N] [--keep FILE] [--docs FILE] */
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { listEngines } from './catalogue.js';
import { makePlan } from './plan.js';
import { summarize, writeTable } from './table.js';
import { trySetup, type Tried } from './try.js';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' }, // the first one
    seeds: { type: 'string' }, // these alone
    workers: { type: 'string', default: '2' },
    minutes: { type: 'string' }, // after which no further set-up is begun
    keep: { type: 'string' }, // what earlier runs came to, to which this one is added: their seeds are not tried again, unless they are named
    docs: { type: 'string' }, // where the table goes
  },
});

const engines = listEngines();
const known = readKept(options.keep);
const seeds = options.seeds?.split(',').map(Number) ?? listSeeds();
const plans = seeds.map((seed) => makePlan(seed, engines));
const tried: Tried[] = [];
const lost: number[] = [];
const queue = [...plans];

// What runs is finished, cleaned up and told; the rest is left.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => (queue.length = 0));
}

const limit = Number(options.minutes ?? 'Infinity') * 60_000;
const alarm = limit < Infinity ? setTimeout(() => (queue.length = 0), limit) : undefined;
await Promise.all(Array.from({ length: Number(options.workers) }, work));
clearTimeout(alarm);
const all = await addTo(options.keep);
process.stdout.write(`${summarize(all)}\n`);
if (options.docs !== undefined) await writeFile(options.docs, writeTable(all));
if (lost.length > 0 || tried.some(({ trials }) => trials.some(({ right }) => right === false)))
  process.exitCode = 1;

function readKept(file: string | undefined): Tried[] {
  if (file === undefined || !existsSync(file)) return [];
  return JSON.parse(readFileSync(file, 'utf8')) as Tried[];
}

/** Those that were not tried yet. */
function listSeeds(): number[] {
  const done = new Set(known.map(({ plan }) => plan.seed));
  const first = Number(options.seed);
  return Array.from({ length: Number(options.count) }, (_, i) => first + i).filter(
    (seed) => !done.has(seed),
  );
}

/** This run's set-ups with those of earlier ones; a seed that was tried again counts once. */
async function addTo(file: string | undefined): Promise<Tried[]> {
  const again = new Set(tried.map(({ plan }) => plan.seed));
  const all = [...known.filter(({ plan }) => !again.has(plan.seed)), ...tried];
  all.sort((a, b) => a.plan.seed - b.plan.seed);
  if (file !== undefined) await writeFile(file, JSON.stringify(all));
  return all;
}

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
  const name = `${plan.seed} ${plan.engine.name} ${plan.protocol}${plan.six ? ' 6' : ''}: ${plan.changes.map((change) => change.name).join(' + ') || 'as it is'}`;
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
