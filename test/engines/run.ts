/** Every engine in one command: `npm run engines [-- NAME…]`, as root on Debian. A name may be the beginning of several. */
import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ENGINES } from './catalogue.js';
import type { Engine } from './engine.js';
import { prepareRoot } from './roots.js';
import { SUITES } from './suites.js';
import { describeTried, drawDocument, type EngineRow } from './table.js';
import { tryEngine } from './try.js';

const DOCUMENT = fileURLToPath(new URL('../../../docs/engines.md', import.meta.url));

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean' }, // names the engines
    prepare: { type: 'boolean' }, // makes the roots only
    keep: { type: 'string' }, // what earlier runs came to, to which this one is added
    missing: { type: 'boolean' }, // leaves out what earlier runs have tried
    within: { type: 'string' }, // minutes after which no further engine is begun
  },
});

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => interrupt.abort());
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function choose(): readonly Engine[] {
  if (positionals.length === 0) return ENGINES;
  const chosen = ENGINES.filter(({ name }) => positionals.some((word) => name.startsWith(word)));
  if (chosen.length === 0) throw new Error(`no engine is called so: ${positionals.join(', ')}`);
  return chosen;
}

async function tryAll(engines: readonly Engine[]): Promise<{ rows: EngineRow[]; failed: number }> {
  const rows: EngineRow[] = [];
  let failed = 0;
  const end = performance.now() + Number(options.within ?? Infinity) * 60_000;
  const tried = options.missing ? (await readKept()).map(({ name }) => name) : [];
  for (const engine of engines) {
    if (interrupt.signal.aborted || performance.now() > end) break;
    if (tried.includes(engine.name)) continue;
    const suite = SUITES.find(({ name }) => name === engine.suite);
    if (!suite) throw new Error(`there is no suite ${engine.suite}`);
    const root = await prepareRoot(suite, { say, signal: interrupt.signal });
    if (options.prepare) continue;
    try {
      const row = describeTried(await tryEngine(engine, root));
      rows.push(row);
      await keep([row]);
      say(summarize(row));
    } catch (error) {
      failed += 1;
      say(
        `${engine.name}: was not tried: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return { rows, failed };
}

function summarize({ name, version, vantages }: EngineRow): string {
  const right = vantages.filter(({ problems }) => problems.length === 0).length;
  const bad = vantages.flatMap((one) =>
    one.problems.length === 0
      ? []
      : [`  ${one.wrong ? 'wrong' : 'weaker'}: ${one.name}: ${one.problems.join('; ')}`],
  );
  return [`${name} (${version}): ${right} of ${vantages.length} right`, ...bad].join('\n');
}

async function readKept(): Promise<EngineRow[]> {
  const file = options.keep;
  if (file === undefined || !existsSync(file)) return [];
  return JSON.parse(await readFile(file, 'utf8')) as EngineRow[];
}

/** With the rows of earlier runs, in the catalogue's order. */
async function keep(rows: readonly EngineRow[]): Promise<EngineRow[]> {
  const byName = new Map([...(await readKept()), ...rows].map((row) => [row.name, row]));
  const all = ENGINES.flatMap(({ name }) => byName.get(name) ?? []);
  if (options.keep !== undefined) await writeFile(options.keep, JSON.stringify(all));
  return all;
}

async function main(): Promise<void> {
  if (options.list) {
    process.stdout.write(ENGINES.map(({ name, title }) => `${name}: ${title}\n`).join(''));
    return;
  }
  const { rows, failed } = await tryAll(choose());
  if (options.prepare) return;
  const all = await keep(rows);
  const bpftrace = (await execa('bpftrace', ['--version'])).stdout.trim();
  // A part alone would take the other engines from the document.
  if (positionals.length === 0 || options.keep !== undefined) {
    const missing = ENGINES.flatMap(({ name }) =>
      all.some((row) => row.name === name) ? [] : [name],
    );
    const whole = rows.length === all.length;
    const conditions = { kernel: release(), bpftrace, missing, whole };
    await writeFile(DOCUMENT, drawDocument(all, conditions));
  }
  const wrong = rows.flatMap(({ vantages }) => vantages).filter((one) => one.wrong).length;
  say(`${rows.length} engines, ${wrong} wrong verdicts, ${failed} not tried`);
  if (wrong > 0 || failed > 0) process.exitCode = 1;
}

await main();
