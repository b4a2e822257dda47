// The kernel matrix in one command: `npm run kernels [-- MACHINE…]`, as root on Debian with qemu and debootstrap.

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { boot, packProject } from './boot.js';
import type { GuestResult } from './guest.js';
import { prepareImage } from './image.js';
import { MACHINES } from './machines.js';

const MEMORY = 3072;
/** Seconds that one machine may take. */
const PATIENCE = 1200;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    profiles: { type: 'string', default: 'tracepoint,kprobe' },
    prepare: { type: 'boolean' }, // makes the images only
    keep: { type: 'string' }, // a folder for recordings and consoles
  },
});

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupt.abort());
  }
  const machines = MACHINES.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  const work = await mkdtemp(join(tmpdir(), 'trace-flow-kernels-'));
  const results: GuestResult[] = [];
  try {
    const project = await packProject(work, options.profiles.split(','));
    for (const machine of machines) {
      const image = await prepareImage(machine, say);
      if (options.prepare) continue;
      const folder = join(options.keep ?? work, machine.name);
      await mkdir(folder, { recursive: true });
      const onLine = (line: string): void => say(`${machine.name}: ${line}`);
      await boot({
        image,
        project,
        results: folder,
        memory: MEMORY,
        patience: PATIENCE,
        onLine,
        signal: interrupt.signal,
      });
      results.push(JSON.parse(await readFile(join(folder, 'result.json'), 'utf8')) as GuestResult);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  process.stdout.write(`${JSON.stringify(results, null, 1)}\n`);
}

await main();
