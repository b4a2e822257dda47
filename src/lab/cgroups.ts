/** Manages the lab's own cgroups, which hold its processes together so that exactly these can be ended. */
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../model/errors.js';
import { exists } from './exists.js';
import { isWithin, type Mount } from './mountinfo.js';
import { poll } from './poll.js';

/** One mounted hierarchy: each v1 controller has its own, v2 has a single one (beside v1's on hybrid hosts). */
export interface Hierarchy {
  version: 1 | 2;
  mountPoint: string;
  /** What to mount to see this hierarchy: `cpu,cpuacct`, `none,name=systemd`; empty for v2. */
  mountOptions: string;
  /** The folder of the process whose /proc/PID/cgroup was read. */
  own: string;
}

/**
 * Pairs the mounted hierarchies with a process's place in them.
 * @param membership text of /proc/PID/cgroup
 */
export function findHierarchies(mounts: readonly Mount[], membership: string): Hierarchy[] {
  return membership.split('\n').flatMap((line) => {
    const [id, controllers, ...rest] = line.split(':');
    if (id === undefined || controllers === undefined || rest.length === 0) return [];
    const version = id === '0' ? 2 : 1;
    const wanted = controllers.split(',');
    const mount = mounts.find((candidate) =>
      version === 2
        ? candidate.fsType === 'cgroup2'
        : candidate.fsType === 'cgroup' &&
          wanted.every((controller) => candidate.superOptions.includes(controller)),
    );
    if (!mount) return []; // known to the kernel, mounted nowhere: the engine cannot use it either
    return {
      version,
      mountPoint: mount.mountPoint,
      mountOptions: controllers.startsWith('name=') ? `none,${controllers}` : controllers,
      own: locate(mount, rest.join(':')),
    };
  });
}

/** The folder of a cgroup below its mount, which may show only a part of the hierarchy. */
function locate(mount: Mount, path: string): string {
  if (path.startsWith('/..') || !isWithin(path, mount.root)) return mount.mountPoint;
  return join(mount.mountPoint, mount.root === '/' ? path : path.slice(mount.root.length));
}

/** The lab's folder in one hierarchy. */
export interface LabCgroup {
  version: 1 | 2;
  mountPoint: string;
  path: string;
}

/** The name of a lab's folder in every hierarchy. */
export function cgroupName(id: string): string {
  return `trace-flow-lab-${id}`;
}

/** Places the lab below the caller's own cgroup, so that the caller's limits apply to the lab too. */
export function placeCgroup({ version, mountPoint, own }: Hierarchy, id: string): LabCgroup {
  return { version, mountPoint, path: join(own, cgroupName(id)) };
}

/**
 * Chooses the hierarchy in which commands from outside join the lab: v2 when there is one, because it can end all of
 * its members in one step.
 */
export function chooseTracker(cgroups: readonly LabCgroup[]): string {
  const chosen = cgroups.find(({ version }) => version === 2) ?? cgroups.at(-1);
  if (chosen) return chosen.path;
  throw new UserError('No cgroup hierarchy is mounted, and a Docker Engine needs one.', {
    code: 'no-cgroups',
    exit: 1,
    remedy: 'mount -t cgroup2 none /sys/fs/cgroup',
  });
}

/**
 * Creates a lab's folder with `engine` and `exec` in it. The folder itself holds no processes; otherwise v2 would not
 * give its controllers to the containers.
 */
export async function createCgroup(path: string): Promise<void> {
  try {
    await createOne(path);
    await createOne(join(path, 'engine'));
    await createOne(join(path, 'exec'));
  } catch (cause) {
    throw new UserError(`Cannot make a control group in ${dirname(path)}: ${String(cause)}`, {
      code: 'no-cgroup-write',
      exit: 1,
      remedy: 'Run as root on a host (or in a container) whose /sys/fs/cgroup is writable.',
      cause,
    });
  }
}

async function createOne(path: string): Promise<void> {
  await mkdir(path);
  // v1's cpuset starts without CPUs and accepts no process until it has some.
  for (const file of ['cpuset.cpus', 'cpuset.mems']) await inheritSetting(path, file);
}

async function inheritSetting(path: string, file: string): Promise<void> {
  const [own, parent] = await Promise.all([
    readFile(join(path, file), 'utf8').catch(() => null),
    readFile(join(path, '..', file), 'utf8').catch(() => null),
  ]);
  // On v2 an empty cpuset.cpus means "the parent's" already; there, cgroup.type exists.
  const isV2 = (await readFile(join(path, 'cgroup.type'), 'utf8').catch(() => null)) !== null;
  if (own?.trim() === '' && parent !== null && parent.trim() !== '' && !isV2) {
    await writeFile(join(path, file), parent);
  }
}

export async function joinCgroup(path: string, pid: number): Promise<void> {
  await writeFile(join(path, 'cgroup.procs'), String(pid));
}

/** Ends all members of a cgroup and of those below it, if the kernel can (v2, Linux 5.14). */
export async function killAtOnce(path: string): Promise<void> {
  await writeFile(join(path, 'cgroup.kill'), '1').catch(() => undefined);
}

/** Resumes the paused containers of a cgroup: a process in v1's freezer cannot end. */
export async function thaw({ version, path }: LabCgroup): Promise<void> {
  if (version === 2) return; // v2 can kill frozen processes
  for (const folder of await listTree(path)) {
    // Only the freezer has this file, and its root folder has none.
    await writeFile(join(folder, 'freezer.state'), 'THAWED', { flag: 'r+' }).catch(() => undefined);
  }
}

/** Removes a cgroup and all below it, after their processes have ended. */
export async function removeCgroup(path: string): Promise<void> {
  for (const folder of (await listTree(path)).reverse()) {
    await poll(async () => rmdir(folder).then(() => true, isGoneOrBusy), {
      timeoutMs: 10_000,
      what: `the control group ${basename(folder)} to be empty`,
    });
  }
}

function isGoneOrBusy(error: NodeJS.ErrnoException): true | null {
  if (error.code === 'ENOENT') return true;
  if (error.code === 'EBUSY') return null; // ended processes are still being taken out
  throw error;
}

/** Whether this hierarchy is mounted where it was when the lab was made. It may differ in another mount namespace. */
export function isMountedHere({ mountPoint }: LabCgroup): Promise<boolean> {
  return exists(join(mountPoint, 'cgroup.procs'));
}

/** A cgroup and all below it, parents first. */
async function listTree(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => null);
  if (entries === null) return [];
  const folders = entries.filter((entry) => entry.isDirectory());
  const below = await Promise.all(folders.map(({ name }) => listTree(join(path, name))));
  return [path, ...below.flat()];
}
