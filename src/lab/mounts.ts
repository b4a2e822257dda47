/** Plans the engine's own view of the file system, in which it cannot change or reach the machine by accident. */
import { basename, join } from 'node:path';
import type { Hierarchy } from './cgroups.js';
import { isWithin, type Mount } from './mountinfo.js';

/** One step, taken inside the lab's mount namespace. */
export type MountStep =
  | { do: 'mount'; arguments: string[] }
  | { do: 'unmount'; paths: string[] }
  | { do: 'make-folder'; path: string };

export interface ViewOptions {
  /** /proc/HOLDER/mountinfo of the new mount namespace. */
  mounts: readonly Mount[];
  hierarchies: readonly Hierarchy[];
  /** The lab's folder under /run. */
  folder: string;
  /** The part of it that both sides see, with the socket and the log. */
  shared: string;
  /** Real paths of the programs that the engine runs. */
  programs: readonly string[];
  /** Folders that exist and that the engine must find empty. */
  hide: readonly string[];
}

/** Folders of the machine that programs and libraries are read from. */
const READ_FROM = [
  '/bin',
  '/etc',
  '/gnu',
  '/lib',
  '/lib32',
  '/lib64',
  '/nix',
  '/opt',
  '/sbin',
  '/usr',
];
/** Folders that are kept as they are: process and device files. */
const LIVE = ['/proc', '/dev'];

/**
 * Lists the steps, in order. What they make ends with the namespace, so there is nothing to undo:
 * 1. unmounts what no program is read from: a container's mount held here could not be removed by its own engine;
 * 2. a private /run: no Docker, containerd, D-Bus (firewalld!) or plugin socket of the machine is reachable;
 * 3. a new /sys for the lab's network namespace, whose cgroups begin at the lab's own;
 * 4. everything else is read-only, and so are the sysctls except the network ones, which are the namespace's own.
 */
export function planView(options: ViewOptions): MountStep[] {
  return [...planDrop(options), ...planRun(options), ...planSys(options), ...planReadOnly(options)];
}

function planDrop({ mounts, folder, programs }: ViewOptions): MountStep[] {
  const needed = [...READ_FROM, ...programs, folder];
  const keeps = ({ mountPoint }: Mount): boolean =>
    mountPoint === '/' ||
    [...LIVE, ...READ_FROM].some((path) => isWithin(mountPoint, path)) ||
    needed.some((path) => isWithin(path, mountPoint));
  const paths = mounts
    .filter((each) => !keeps(each) && !isWithin(each.mountPoint, '/sys'))
    .map(({ mountPoint }) => mountPoint);
  // A lazy unmount takes along what is mounted below.
  const tops = paths.filter((path) => !paths.some((each) => each !== path && isWithin(path, each)));
  return tops.length > 0 ? [{ do: 'unmount', paths: tops }] : [];
}

function planRun({ folder, shared }: ViewOptions): MountStep[] {
  const staging = join(folder, 'run'); // becomes /run, after the lab's shared folder was mounted in it
  return [
    mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', staging),
    ...['data', 'exec', basename(shared)].map((name): MountStep => ({
      do: 'make-folder',
      path: join(staging, folder.slice('/run'.length), name),
    })),
    mount('--bind', shared, join(staging, shared.slice('/run'.length))),
    mount('--move', staging, '/run'),
  ];
}

function planSys({ hierarchies }: ViewOptions): MountStep[] {
  const steps = [mount('-t', 'sysfs', 'sysfs', '/sys')];
  const [only] = hierarchies;
  if (hierarchies.length === 1 && only?.version === 2) {
    return [...steps, mount('-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup')];
  }
  steps.push(mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/sys/fs/cgroup'));
  for (const { version, mountPoint, mountOptions } of hierarchies) {
    const path = join('/sys/fs/cgroup', version === 2 ? 'unified' : basename(mountPoint));
    steps.push({ do: 'make-folder', path });
    steps.push(
      version === 2
        ? mount('-t', 'cgroup2', 'cgroup2', path)
        : mount('-t', 'cgroup', '-o', mountOptions, 'cgroup', path),
    );
  }
  return steps;
}

function planReadOnly({ mounts, hide, programs }: ViewOptions): MountStep[] {
  const read = [...READ_FROM, ...programs];
  const kept = mounts
    .map(({ mountPoint }) => mountPoint)
    .filter(
      (path) => path === '/' || read.some((each) => isWithin(path, each) || isWithin(each, path)),
    )
    .filter((path) => !LIVE.some((live) => isWithin(path, live)));
  return [
    ...hide.map((path) => mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', path)),
    ...[...new Set(kept)]
      .filter((path) => !hide.includes(path))
      .map((path) => mount('-o', 'remount,bind,ro', path)),
    mount('--bind', '/proc/sys', '/proc/sys'),
    mount('--bind', '/proc/sys/net', '/proc/sys/net'),
    mount('-o', 'remount,bind,ro', '/proc/sys'),
  ];
}

function mount(...args: string[]): MountStep {
  return { do: 'mount', arguments: args };
}
