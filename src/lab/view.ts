/** Gives the engine its own view of the file system, as planned in mounts.ts. */
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hierarchy } from './cgroups.js';
import { runChecked } from './enter.js';
import { keepExisting } from './exists.js';
import { parseMountinfo } from './mountinfo.js';
import { planView, type MountStep } from './mounts.js';
import type { LabTools } from './tools.js';

export interface ViewRequest {
  tools: LabTools;
  holder: number;
  hierarchies: readonly Hierarchy[];
  folder: string;
  shared: string;
  signal?: AbortSignal | undefined;
}

/** Gives the engine its own view of the file system (see mounts.ts). */
export async function buildView(request: ViewRequest): Promise<void> {
  const { tools, holder, hierarchies, folder, shared, signal } = request;
  const root = `/proc/${String(holder)}/root`;
  const mountinfo = await readFile(`/proc/${String(holder)}/mountinfo`, 'utf8');
  const programs = await Promise.all([tools.dockerd, tools.nsenter].map((path) => realpath(path)));
  const steps = planView({
    mounts: parseMountinfo(mountinfo),
    hierarchies,
    folder,
    shared,
    programs,
    hide: await keepExisting(['/tmp', '/var/tmp', '/etc/docker']),
  });
  const inside = [
    tools.nsenter,
    `--target=${String(holder)}`,
    '--mount',
    '--net',
    '--cgroup',
    '--',
  ];
  for (const step of steps) await takeStep(step); // without the machine's table of mounts in /run/mount

  async function takeStep(step: MountStep): Promise<void> {
    switch (step.do) {
      case 'make-folder':
        await mkdir(join(root, step.path), { recursive: true });
        break;
      case 'mount':
        await runChecked([...inside, tools.mount, '--no-mtab', ...step.arguments], { signal });
        break;
      case 'unmount': // a mount that is already gone is no failure
        await runChecked([...inside, tools.umount, '--no-mtab', '--lazy', ...step.paths], {
          signal,
          allowFailure: true,
        });
    }
  }
}
