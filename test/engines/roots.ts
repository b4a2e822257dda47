/** Makes the root of a suite with debootstrap; kept between runs. */
import { execa } from 'execa';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { findMirror, MIRROR_FORMAT } from './mirror.js';
import { releaseOf, suiteKey, type Suite } from './suites.js';

/** Low priority: the machine may have other work. */
const NICE = ['nice', '-n', '5'];
/** Suites that are not served any more by the day have old release files. */
const APT = 'Acquire::Check-Valid-Until "false";\nAPT::Install-Recommends "false";\n';
/** No package may start a service in the root. */
const POLICY = '#!/bin/sh\nexit 101\n';

export interface Making {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** @returns the folder of the kept root, or of a new one: two minutes and the download of about 300 MB. */
export async function prepareRoot(suite: Suite, { say, signal }: Making): Promise<string> {
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const cache = join(caches, 'trace-flow-engines');
  const root = join(cache, `${suite.name}-${suiteKey(suite)}`);
  if (await exists(root)) return root;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'making-'));
  const run = async (...command: string[]): Promise<string> => {
    const [file = '', ...args] = [...NICE, ...command];
    const env = { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
    return (await execa(file, args, { cancelSignal: signal, env })).stdout;
  };
  try {
    const made = join(work, 'root');
    const codename = /^VERSION_CODENAME=(\S+)/m.exec(await readFile('/etc/os-release', 'utf8'));
    const sources = await run('apt-get', 'indextargets', '--format', MIRROR_FORMAT);
    const mirror = findMirror(sources, codename?.[1] ?? '');
    say(`${suite.name}: making its root with debootstrap`);
    // In a mount namespace of its own, so that what debootstrap mounts goes with it.
    const apart = ['unshare', '--mount', '--propagation', 'private'];
    await run(...apart, 'debootstrap', '--variant=minbase', releaseOf(suite), made, mirror);
    await writeFile(join(made, 'etc/apt/apt.conf.d/90trace-flow'), APT);
    await writeFile(join(made, 'usr/sbin/policy-rc.d'), POLICY, { mode: 0o755 });
    say(`${suite.name}: installing the engines`);
    const inside = async (...command: string[]): Promise<string> =>
      run(...apart, 'chroot', made, ...command);
    const install = ['apt-get', 'install', '-qq', '-y'];
    if (suite.over) {
      const line = `deb ${mirror} ${suite.name} main\n`;
      await writeFile(join(made, 'etc/apt/sources.list.d/over.list'), line);
    }
    await inside('apt-get', 'update', '-qq');
    await inside(...install, ...suite.packages);
    if (suite.over) await inside(...install, '-t', suite.name, ...suite.over.packages);
    await inside('apt-get', 'clean');
    await rm(join(made, 'var/lib/apt/lists'), { recursive: true, force: true });
    await rename(made, root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return root;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
