/** Takes a lab down from its state alone, for its owner or for whoever finds it after its owner has died. */
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMountedHere, removeCgroup, thaw } from './cgroups.js';
import { killMembers } from './members.js';
import { isAlive, killProcess } from './processes.js';
import { poll } from './poll.js';
import { folderOf, type LabState } from './state.js';

/**
 * Ends the lab's processes and so its namespaces with their mounts, devices and rules, which exist only while a process
 * is in them. Then removes the control groups and the folder. Safe to repeat and to run twice at once.
 * @returns false when a control group is not visible in this mount namespace; the state then stays for another clean-up
 */
export async function takeDown(state: LabState, currentBoot: string): Promise<boolean> {
  if (state.bootId === currentBoot) {
    await Promise.all(state.cgroups.map(thaw));
    await killMembers(state.id, state.tracker);
    await endRecorded(state);
    for (const cgroup of state.cgroups) {
      if (!(await isMountedHere(cgroup))) return false;
      await removeCgroup(cgroup.path);
    }
  }
  await removeFolder(folderOf(state.id));
  return true;
}

/** A process that has not passed its gate is recorded, but may not be in a cgroup of the lab yet. */
async function endRecorded(state: LabState): Promise<void> {
  for (const identity of state.processes) {
    await killProcess(identity);
    await poll(async () => ((await isAlive(identity)) ? null : true), {
      timeoutMs: 10_000,
      what: `process ${String(identity.pid)} (${identity.role}) to end`,
    });
  }
}

/** Removes state.json last: as long as anything is left, the next clean-up finds it. */
async function removeFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => each !== 'state.json')) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
  await rm(join(folder, 'state.json'), { force: true });
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
