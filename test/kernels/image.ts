/** Makes a machine's disk, kernel and initial memory disk from Debian packages; kept between runs. */
import { execa } from 'execa';
import {
  access,
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { DISK_MODULES, imageKey, MIRROR, packagesOf, type Machine } from './machines.js';
import { INIT } from './scripts.js';

export interface Image {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** Sparse; holds the root file system and what the guest writes in one run. */
const DISK_SIZE = '6G';

/** Low priority: the machine may have other work. */
const NICE = ['nice', '-n', '5'];

type Run = (command: readonly string[]) => Promise<string>;

/** The cached image, or a new one: a few minutes and the download of about 250 MB. */
export async function prepareImage(
  machine: Machine,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Image> {
  const cache = join(
    process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    'trace-flow-kernels',
  );
  const folder = join(cache, `${machine.name}-${imageKey(machine, INIT)}`);
  const image = {
    disk: join(folder, 'root.ext4'),
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd'),
  };
  if (await exists(folder)) return image;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'making-'));
  const run: Run = (command) => runCommand(command, signal);
  try {
    const root = join(work, 'root');
    say(`${machine.name}: installing Debian ${machine.release} with debootstrap`);
    await installSystem(machine, root, run);
    const made = join(work, 'image');
    await mkdir(made);
    const version = await installKernel(machine, root, work, run);
    const beside = join(root, 'usr/lib/modules', version, 'vmlinuz');
    const kernel = (await exists(beside)) ? beside : join(root, 'boot', `vmlinuz-${version}`);
    await copyFile(kernel, join(made, 'vmlinuz'));
    await writeInitrd(root, version, work, join(made, 'initrd'), run);
    say(`${machine.name}: kernel ${version}, writing its disk`);
    const disk = join(made, 'root.ext4');
    await run([...NICE, 'mkfs.ext4', '-q', '-d', root, disk, DISK_SIZE]);
    await rename(made, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return image;
}

/** In a mount namespace of its own, so that what debootstrap mounts goes with it. */
async function installSystem(machine: Machine, root: string, run: Run): Promise<void> {
  const { release } = machine;
  const include = `--include=${packagesOf(machine).join(',')}`;
  const bootstrap = ['debootstrap', '--variant=minbase', include, release, root, MIRROR];
  await run([...NICE, 'unshare', '--mount', '--propagation', 'private', ...bootstrap]);
}

/**
 * The packages that hold a kernel: one up to Linux 6, from 7 on another for the binary and one for the modules.
 * @param depends what `apt-cache depends --recurse` prints
 */
export function listKernelPackages(depends: string): string[] {
  const found = depends.matchAll(/Depends: (linux-(?:image|binary|modules)-\S+)/g);
  return [...new Set([...found].map(([, name = '']) => name))];
}

/** Unpacks the newest kernel into the root, where it is not installed: nothing has to boot by itself. */
async function installKernel(
  machine: Machine,
  root: string,
  work: string,
  run: Run,
): Promise<string> {
  const inside = (...command: string[]): Promise<string> =>
    run([...NICE, 'chroot', root, ...command]);
  await inside('apt-get', 'update', '-qq', '-o', 'Acquire::Check-Valid-Until=false');
  const depends = await inside(
    ...['apt-cache', 'depends', '--important', '--recurse', machine.kernel],
  );
  const names = listKernelPackages(depends);
  if (names.length === 0) throw new Error(`${machine.kernel} depends on no kernel:\n${depends}`);
  await inside('sh', '-c', `cd /tmp && apt-get download -qq ${names.join(' ')}`);
  const debs = (await readdir(join(root, 'tmp'))).filter((file) => file.endsWith('.deb'));
  const unpacked = join(work, 'kernel');
  for (const deb of debs) await run(['dpkg', '-x', join(root, 'tmp', deb), unpacked]);
  for (const deb of debs) await rm(join(root, 'tmp', deb));
  const older = join(unpacked, 'lib/modules');
  const folder = (await exists(older)) ? older : join(unpacked, 'usr/lib/modules');
  const [version = ''] = await readdir(folder);
  await cp(folder, join(root, 'usr/lib/modules'), { recursive: true });
  if (await exists(join(unpacked, 'boot'))) {
    await cp(join(unpacked, 'boot'), join(root, 'boot'), { recursive: true });
  }
  await inside('depmod', version);
  await inside('apt-get', 'clean');
  await rm(join(root, 'var/lib/apt/lists'), { recursive: true, force: true });
  return version;
}

/** A static shell, the modules that the disk needs in the order of their dependencies, and /init. */
async function writeInitrd(
  root: string,
  version: string,
  work: string,
  file: string,
  run: Run,
): Promise<void> {
  const folder = join(work, 'initrd');
  for (const name of ['bin', 'dev', 'modules', 'root']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  const busybox = join(folder, 'bin/busybox');
  await copyFile(join(root, 'bin/busybox'), busybox);
  await writeFile(join(folder, 'init'), INIT);
  await chmod(join(folder, 'init'), 0o755);
  const modules = join(root, 'usr/lib/modules', version);
  const files = listModules(await readFile(join(modules, 'modules.dep'), 'utf8'), DISK_MODULES);
  for (const [index, path] of files.entries()) {
    const name = `${String(index).padStart(2, '0')}-${basename(path).replace(/\.xz$/, '')}`;
    const target = join(folder, 'modules', name);
    await copyFile(join(modules, path), path.endsWith('.xz') ? `${target}.xz` : target);
    if (path.endsWith('.xz')) await run(['xz', '-d', `${target}.xz`]);
  }
  await run([busybox, '--install', '-s', join(folder, 'bin')]);
  await relink(join(folder, 'bin'), run);
  const pack = 'cd "$1" && find . | ./bin/busybox cpio -o -H newc | gzip -1 > "$2"';
  await run(['sh', '-c', pack, 'sh', folder, file]);
}

/** busybox links to where it lies now; in the memory disk that is /bin. */
async function relink(folder: string, run: Run): Promise<void> {
  const links = (await readdir(folder)).filter((name) => name !== 'busybox');
  await run([
    'sh',
    '-c',
    'cd "$1"; shift; for l; do ln -sf busybox "$l"; done',
    'sh',
    folder,
    ...links,
  ]);
}

/** Files of modules and all that they depend on, each behind those that it needs. What is built in has no file. */
export function listModules(dependencies: string, names: readonly string[]): string[] {
  const needs = new Map<string, readonly string[]>();
  for (const line of dependencies.split('\n')) {
    const [path = '', rest = ''] = line.split(':');
    if (path !== '') needs.set(path, rest.split(' ').filter(Boolean));
  }
  const found: string[] = [];
  const add = (path: string): void => {
    if (found.includes(path)) return;
    // modules.dep lists the nearest first: what is needed first comes last.
    for (const need of [...(needs.get(path) ?? [])].reverse()) add(need);
    found.push(path);
  };
  for (const name of names) {
    for (const path of needs.keys()) {
      if (basename(path).replace(/\.ko(\.xz)?$/, '') === name) add(path);
    }
  }
  return found;
}

async function runCommand(
  [file = '', ...args]: readonly string[],
  cancelSignal: AbortSignal,
): Promise<string> {
  const { stdout } = await execa(file, args, {
    cancelSignal,
    env: { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });
  return stdout;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
