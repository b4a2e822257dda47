/** One kernel, one bpftrace, one Docker Engine: every scenario with each profile of probes, then what the doctor says. */
import { execa } from 'execa';
import { release } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Comparison } from './compare.js';
import { runScenarios, type ProfileResult, type ScenarioRun } from './scenarios.js';

export interface Examined {
  readonly kernel: string;
  readonly bpftrace: string;
  readonly docker: string;
  readonly doctor: string;
  readonly profiles: readonly ProfileResult[];
  /** Beside pwru, where the machine has it. */
  readonly comparison?: readonly Comparison[] | null;
}

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

export async function examineKernel(run: ScenarioRun): Promise<Examined> {
  const [bpftrace, docker] = await Promise.all([versionOf(run.bpftrace), versionOf('dockerd')]);
  const profiles = await runScenarios(run);
  const doctor = await execa(process.execPath, [RUN, 'doctor', '--bpftrace', run.bpftrace], {
    reject: false,
    all: true,
  });
  run.say(doctor.all);
  return { kernel: release(), bpftrace, docker, doctor: doctor.all, profiles };
}

export async function versionOf(program: string): Promise<string> {
  return /\d+(\.\d+)+/.exec((await execa(program, ['--version'])).stdout)?.[0] ?? 'unknown';
}
