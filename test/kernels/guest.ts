// Runs inside a virtual machine: the doctor, then every scenario of the lab with each profile of probes.

import { execa } from 'execa';
import { writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { runScenarios, type ProfileResult } from './scenarios.js';

export interface GuestResult {
  readonly kernel: string;
  readonly bpftrace: string;
  readonly docker: string;
  readonly doctor: string;
  readonly profiles: readonly ProfileResult[];
}

/** Software emulation takes ten times as long as the processor itself, and more. */
const SLOWNESS = 8;

async function main(profiles: readonly string[]): Promise<void> {
  const folder = process.env['TRACE_FLOW_GUEST'] ?? '.';
  const versionOf = async (program: string): Promise<string> =>
    /\d+(\.\d+)+/.exec((await execa(program, ['--version'])).stdout)?.[0] ?? 'unknown';
  const [bpftrace, docker] = await Promise.all([versionOf('bpftrace'), versionOf('dockerd')]);
  // Nothing has loaded it before the first engine starts, and the probes need its types.
  await execa('modprobe', ['nf_conntrack'], { reject: false });
  const doctor = await execa(process.execPath, ['bin/run.js', 'doctor'], {
    reject: false,
    all: true,
  });
  process.stdout.write(`${doctor.all}\n`);
  const done = await runScenarios({ profiles, slowness: SLOWNESS, folder, say });
  const result: GuestResult = {
    kernel: release(),
    bpftrace,
    docker,
    doctor: doctor.all,
    profiles: done,
  };
  await writeFile(join(folder, 'result.json'), JSON.stringify(result));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main(process.argv.slice(2));
