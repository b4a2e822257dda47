/** Boots an image under software emulation with the project on its second disk, and brings back what it wrote to the third. */
import { execa } from 'execa';
import { chmod, copyFile, cp, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Image } from './image.js';
import { GUEST } from './scripts.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What of the project runs in a machine, beside the packages. */
const PROJECT = ['bin', 'dist', 'probes', 'package.json', 'oclif.manifest.json'];

/** Packages for development that the lab's tests use. */
const TEST_PACKAGES = ['uvu', 'dequal', 'diff', 'kleur', 'mri', 'sade'];

const RESULTS_SIZE = 256 * 1024 * 1024;

/** Writes the project as a disk: a tar file with Node.js, the compiled program, the probes and the packages. */
export async function packProject(folder: string, command: readonly string[]): Promise<string> {
  const content = join(folder, 'project');
  await mkdir(join(content, 'node_modules'), { recursive: true });
  for (const name of PROJECT) await cp(join(ROOT, name), join(content, name), { recursive: true });
  for (const name of await listPackages()) {
    const place = join('node_modules', name);
    await cp(join(ROOT, place), join(content, place), { recursive: true, dereference: true });
  }
  await copyFile(process.execPath, join(content, 'node'));
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  await writeFile(join(content, 'guest.sh'), GUEST.replace('"$@"', quoted));
  await chmod(join(content, 'guest.sh'), 0o755);
  const disk = join(folder, 'project.tar');
  await execa('tar', ['-c', '-f', disk, '-C', content, '.']);
  return disk;
}

/** Top folders in node_modules of everything that the program needs when it runs. */
async function listPackages(): Promise<string[]> {
  const list = await execa('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: ROOT,
    reject: false,
  });
  const names = list.stdout
    .split('\n')
    .map((path) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set([...names, ...TEST_PACKAGES])];
}

export interface BootOptions {
  readonly image: Image;
  readonly project: string;
  /** Folder for the results, which is made. */
  readonly results: string;
  /** Megabytes. */
  readonly memory: number;
  /** Seconds until the machine is ended. */
  readonly patience: number;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The kernel panicked in the emulator, as 7.2 does in about one start of four: no failure of what was to be examined. */
export class EmulatorPanic extends Error {}

/** What the kernel says of its panic; null for any other line of its console. */
export function readPanic(line: string): string | null {
  return /Kernel panic - not syncing: (.*)/.exec(line)?.[1] ?? null;
}

/** Runs the machine until it turns itself off. Throws EmulatorPanic, and when it does not, or leaves no results. */
export async function boot(options: BootOptions): Promise<void> {
  const { image, project, results, memory, patience, signal } = options;
  await rm(results, { recursive: true, force: true }); // what an earlier run left is no result
  await mkdir(results, { recursive: true });
  const disk = join(results, 'results.raw');
  const file = await open(disk, 'w');
  await file.truncate(RESULTS_SIZE);
  await file.close();
  const drive = (path: string, more: string): string[] => [
    '-drive',
    `file=${path},if=virtio,format=raw${more}`,
  ];
  const machine = execa(
    'nice',
    [
      ...['-n', '5', 'qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
      ...['-smp', '2', '-m', String(memory), '-nic', 'none', '-no-reboot'],
      ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
      ...['-kernel', image.kernel, '-initrd', image.initrd],
      ...['-append', 'console=ttyS0 quiet panic=-1 no_timer_check'],
      ...drive(image.disk, ',snapshot=on'),
      ...drive(project, ',readonly=on'),
      ...drive(disk, ''),
    ],
    {
      buffer: false,
      stdin: 'ignore',
      timeout: patience * 1000,
      cancelSignal: signal,
      forceKillAfterDelay: 1000,
    },
  );
  let panic: string | null = null;
  for await (const line of machine) {
    panic ??= readPanic(line);
    options.onLine(line.replace(/\r$/, ''));
  }
  await machine;
  if (panic !== null) throw new EmulatorPanic(panic.trim());
  await execa('tar', ['-x', '-f', disk, '-C', results]);
}
