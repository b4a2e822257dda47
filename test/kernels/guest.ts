// Runs inside a virtual machine: examines its kernel with the profiles that are named, and leaves what it found.

import { execa } from 'execa';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { ProbeProfile } from '../../src/capture/bpftrace/tracer.js';
import { examineKernel } from './examine.js';

/** Software emulation takes ten times as long as the processor itself, and more. */
const SLOWNESS = 8;

const folder = process.env['TRACE_FLOW_GUEST'] ?? '.';
// Nothing has loaded it before the first engine starts, and the probes need its types.
await execa('modprobe', ['nf_nat']);
const result = await examineKernel({
  profiles: process.argv.slice(2) as ProbeProfile[],
  slowness: SLOWNESS,
  folder,
  bpftrace: 'bpftrace',
  say: (line) => process.stdout.write(`${line}\n`),
});
await writeFile(join(folder, 'result.json'), JSON.stringify(result));
