/** Runs inside a virtual machine: tries its kernel with the named profiles and writes down the results. */
import { execa } from 'execa';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { ProbeProfile } from '../../src/capture/bpftrace/tracer.js';
import { compareWithPwru } from './compare.js';
import { examineKernel } from './examine.js';

/** Software emulation takes ten times as long as the processor itself, and more. */
const SLOWNESS = 8;
/** Milliseconds in which a tool must be ready. */
const PATIENCE = 600_000;

const folder = process.env['TRACE_FLOW_GUEST'] ?? '.';
const say = (line: string): unknown => process.stdout.write(`${line}\n`);
// Nothing has loaded it before the first engine starts, and the probes need its types.
await execa('modprobe', ['nf_nat']);
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { compare: { type: 'boolean' } }, // beside pwru as well
});
const profiles = positionals as ProbeProfile[];
const run = { profiles, slowness: SLOWNESS, folder, bpftrace: 'bpftrace', say };
const examined = await examineKernel(run);
const save = async (result: object): Promise<void> =>
  writeFile(join(folder, 'result.json'), JSON.stringify(result));
await save(examined);
if (options.compare) {
  // pwru looks for it where it is usually mounted.
  await execa('mount', ['-t', 'debugfs', 'debugfs', '/sys/kernel/debug']);
  const comparison = await compareWithPwru({ folder, patience: PATIENCE, say }).catch(
    (error: unknown) => {
      say(`the comparison failed: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
      return null;
    },
  );
  await save({ ...examined, comparison });
}
