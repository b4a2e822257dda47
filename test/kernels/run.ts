/** The kernel matrix in one command: `npm run kernels [-- NAME…]`, as root on Debian with qemu and debootstrap. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { boot, EmulatorPanic, packProject } from './boot.js';
import { writeChrooted } from './chrooted.js';
import { examineKernel, versionOf, type Examined } from './examine.js';
import { prepareImage } from './image.js';
import { MACHINES, type Machine } from './machines.js';
import { countVerdicts, findWeakness, listFaults } from './scenarios.js';
import { renderDocument, renderSummary, type Row } from './table.js';

const TABLE = fileURLToPath(new URL('../../../docs/kernels.md', import.meta.url));
const SUMMARY = fileURLToPath(new URL('../../../docs/costs.md', import.meta.url));
const HERE = 'here';
/** Megabytes of a machine. */
const MEMORY = 3072;
/** Seconds that one machine may take. */
const PATIENCE = 3600;
/** Of a machine that panics. */
const MOST_STARTS = 4;
/** Minutes. */
const DAY = 1440;
/** Exit codes: nothing was found wrong, and not everything examined (sysexits' EX_TEMPFAIL); and as shells tell Ctrl-C. */
const NOT_EXAMINED = 75;
const INTERRUPTED = 130;
const PROFILES = ['tracepoint', 'kprobe', 'fentry'] as const;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shell: { type: 'string' }, // runs this in the machines instead of the matrix
    prepare: { type: 'boolean' }, // makes the images only
    keep: { type: 'string' }, // a folder for recordings and results
    check: { type: 'boolean' }, // no comparison with pwru, and the tables stay as they are
    within: { type: 'string' }, // minutes after which it is given up
  },
});

/** A wrong verdict was told, whatever comes after. */
let wrongSeen = false;

function say(line: string): void {
  wrongSeen ||= /^([\w-]+: )? {2}wrong: /m.test(line);
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  const names = [HERE, ...MACHINES.map(({ name }) => name)];
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown} is none of ${names.join(', ')}`);
  const wanted = positionals.length === 0 ? names : positionals;
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => interrupt.abort()); // not once: execa's own handler ends the process where it is alone
  }
  process.stderr.on('error', () => undefined); // who has stopped reading still wants nothing left behind
  const minutes = Number(options.within ?? DAY);
  const signal = AbortSignal.any([interrupt.signal, AbortSignal.timeout(minutes * 60_000)]);
  const work = await mkdtemp(join(tmpdir(), 'trace-flow-kernels-'));
  const rows: Row[] = [];
  try {
    await prepareImages(wanted, signal);
    if (wanted.includes(HERE) && !options.prepare) {
      rows.push(...(await runHere(listImages(wanted), work, signal)));
    }
    const machines = MACHINES.filter(({ name }) => wanted.includes(name));
    rows.push(...(await runMachines(machines, work, signal)));
  } catch (error) {
    const late = signal.aborted && !interrupt.signal.aborted;
    const why = late ? `given up after ${minutes} minutes` : String(error);
    say(interrupt.signal.aborted ? 'interrupted' : why);
    process.exitCode = interrupt.signal.aborted ? INTERRUPTED : wrongSeen ? 1 : NOT_EXAMINED;
    return;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  if (rows.length === 0) return;
  if (!options.check) await writeTables(rows);
  conclude(rows);
}

/** This machine borrows the bpftrace of those that are named, or of all of them. */
function listImages(names: readonly string[]): readonly Machine[] {
  const named = MACHINES.filter(({ name }) => names.includes(name));
  return named.length > 0 ? named : MACHINES;
}

async function prepareImages(names: readonly string[], signal: AbortSignal): Promise<void> {
  const ends = await Promise.allSettled(
    listImages(names).map(async (machine) => prepareImage(machine, say, signal)),
  );
  signal.throwIfAborted();
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw new Error(`the machines cannot be made: ${String(failed.reason)}`);
}

async function writeTables(rows: readonly Row[]): Promise<void> {
  for (const [file, render] of [
    [TABLE, renderDocument],
    [SUMMARY, renderSummary],
  ] as const) {
    await writeFile(file, render(rows, await readFile(file, 'utf8')));
  }
  say('wrote docs/kernels.md and docs/costs.md');
}

/** Says what came of it, and fails for whatever should not be. */
function conclude(rows: readonly Row[]): void {
  const profiles = rows.flatMap(({ examined }) => examined.profiles);
  const wrong = profiles.reduce((sum, one) => sum + countVerdicts(one, 'wrong'), 0);
  const faults = rows.flatMap(({ examined }) => listFaults(examined.profiles));
  for (const fault of faults) say(fault);
  say(`${profiles.length} runs, ${wrong} wrong verdicts`);
  const weakness = findWeakness(profiles);
  if (weakness !== null) say(`not all was examined: ${weakness}`);
  if (wrong > 0 || faults.length > 0) process.exitCode = 1;
  else if (weakness !== null) process.exitCode = NOT_EXAMINED;
}

/** This machine's kernel with its own bpftrace, and with that of each image. */
async function runHere(
  machines: readonly Machine[],
  work: string,
  signal: AbortSignal,
): Promise<Row[]> {
  const programs = ['bpftrace'];
  for (const machine of machines) {
    const { disk } = await prepareImage(machine, say, signal);
    const folder = join(work, `bpftrace-${machine.name}`);
    programs.push(await writeChrooted(disk, folder));
  }
  const rows: Row[] = [];
  for (const [index, bpftrace] of programs.entries()) {
    const version = await versionOf(bpftrace);
    if (rows.some(({ examined }) => examined.bpftrace === version)) continue;
    const folder = join(options.keep ?? work, `${HERE}-${index}`);
    await mkdir(folder, { recursive: true });
    const run = { profiles: ['auto'] as const, slowness: 1, folder, bpftrace, say };
    rows.push({ machine: HERE, examined: await examineKernel(run) });
  }
  return rows;
}

/** All machines at once: most of the time each keeps one processor busy. */
async function runMachines(
  machines: readonly Machine[],
  work: string,
  signal: AbortSignal,
): Promise<Row[]> {
  if (machines.length === 0 || options.prepare) return [];
  const ends = await Promise.allSettled(
    machines.map(async (machine) => {
      const compare = machine.compared === true && !options.check ? ['--compare'] : [];
      const command =
        options.shell === undefined
          ? ['node', 'dist/test/kernels/guest.js', ...compare, ...PROFILES]
          : ['sh', '-c', options.shell];
      const project = await packProject(join(work, `project-${machine.name}`), command);
      return runPatiently(machine, project, work, signal);
    }),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  return ends.flatMap((end) => (end.status === 'fulfilled' && end.value ? [end.value] : []));
}

/** A slow machine may not come up, or leave a verdict open, for want of time: then once more. What is wrong stays wrong. */
async function runPatiently(
  machine: Machine,
  project: string,
  work: string,
  signal: AbortSignal,
): Promise<Row | null> {
  let why: string;
  try {
    const row = await runMachine(machine, project, work, signal);
    const weakness = row && findWeakness(row.examined.profiles);
    if (!weakness) return row;
    why = weakness;
  } catch (error) {
    if (signal.aborted) throw error;
    why = error instanceof Error ? error.message : String(error);
  }
  say(`${machine.name}: once more, because ${why}`);
  return runMachine(machine, project, work, signal);
}

/** Starts a machine again whose kernel panics in the emulator. Null where something else than the matrix was run in it. */
async function runMachine(
  machine: Machine,
  project: string,
  work: string,
  signal: AbortSignal,
): Promise<Row | null> {
  for (let start = 1; ; start += 1) {
    try {
      return await runOnce(machine, project, work, signal);
    } catch (error) {
      if (!(error instanceof EmulatorPanic)) throw error;
      say(`${machine.name}: its kernel panicked in the emulator: ${error.message}`);
      if (start === MOST_STARTS) {
        throw new Error(`${machine.name} panicked ${start} times in the emulator`, {
          cause: error,
        });
      }
    }
  }
}

async function runOnce(
  machine: Machine,
  project: string,
  work: string,
  signal: AbortSignal,
): Promise<Row | null> {
  const { name } = machine;
  const image = await prepareImage(machine, say, signal);
  const results = join(options.keep ?? work, name);
  const onLine = (line: string): void => say(`${name}: ${line}`);
  await boot({ image, project, results, memory: MEMORY, patience: PATIENCE, onLine, signal });
  if (options.shell !== undefined) return null;
  const text = await readFile(join(results, 'result.json'), 'utf8');
  return { machine: name, examined: JSON.parse(text) as Examined };
}

await main();
