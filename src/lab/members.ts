/** Finds and ends the processes of a lab: those in its control group, wherever they were started from. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupName, killAtOnce } from './cgroups.js';
import { poll } from './poll.js';
import { identifyProcess, killProcess, type ProcessIdentity } from './processes.js';

/** Whether /proc/PID/cgroup shows membership of this lab. It has the name however the hierarchies are mounted. */
export function isMember(membership: string, id: string): boolean {
  return membership.split('\n').some((line) => line.split('/').includes(cgroupName(id)));
}

/** Lists the living processes of a lab. */
async function listMembers(id: string): Promise<ProcessIdentity[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const members = pids.map(async (pid) => {
    const membership = await readFile(join('/proc', pid, 'cgroup'), 'utf8').catch(() => '');
    if (!isMember(membership, id)) return [];
    // The membership is read before and after the identity, so a pid reused in between is never taken for a member.
    const identity = await identifyProcess(Number(pid));
    const again = await readFile(join('/proc', pid, 'cgroup'), 'utf8').catch(() => '');
    return identity && isMember(again, id) ? [identity] : [];
  });
  return (await Promise.all(members)).flat();
}

/** Ends every process of a lab and waits until none is left. @param tracker see `chooseTracker` */
export async function killMembers(id: string, tracker: string): Promise<void> {
  await poll(
    async () => {
      const members = await listMembers(id);
      if (members.length === 0) return true;
      await killAtOnce(tracker);
      await Promise.all(members.map(killProcess));
      return null;
    },
    { timeoutMs: 10_000, what: `the processes of lab ${id} to end` },
  );
}
