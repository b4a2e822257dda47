/** Finds labs whose owner has died, and takes them down. */
import { readFile, readlink, rm, rmdir } from 'node:fs/promises';
import { isAlive } from './processes.js';
import { folderOf, listLabs, readState, type LabState } from './state.js';
import { takeDown } from './teardown.js';

/** What must match for recorded pids to be comparable with present ones. */
export interface PidWorld {
  bootId: string;
  pidNamespace: string;
}

export async function readPidWorld(): Promise<PidWorld> {
  const [bootId, link] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readlink('/proc/self/ns/pid'),
  ]);
  return { bootId: bootId.trim(), pidNamespace: link.replace(/\D/g, '') };
}

/** Takes down every lab whose owner is gone. @returns the ids of the labs it removed */
export async function cleanStale(): Promise<string[]> {
  const [world, { ids, prepared }] = await Promise.all([readPidWorld(), listLabs()]);
  for (const { path, owner } of prepared) {
    if (!(await isAlive(owner))) await rm(path, { recursive: true, force: true });
  }
  const removed: string[] = [];
  for (const id of ids) {
    const state = await readState(id);
    if (!state) {
      // A crash left only the folder. If it is not empty, it may not belong to a lab.
      await rmdir(folderOf(id)).catch(() => undefined);
    } else if (await isStale(state, world)) {
      if (await takeDown(state, world.bootId)) removed.push(id);
    }
  }
  return removed;
}

/** The owner is not visible from another pid namespace, so its lab is left alone. */
async function isStale(state: LabState, world: PidWorld): Promise<boolean> {
  if (state.bootId !== world.bootId) return true;
  return state.pidNamespace === world.pidNamespace && !(await isAlive(state.owner));
}
