/** Finds the programs that a lab needs, and names the packages of missing ones. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UserError } from '../model/errors.js';

/** Absolute paths. `extras` go into the image when they are there. */
export interface LabTools {
  docker: string;
  dockerd: string;
  ip: string;
  mount: string;
  nsenter: string;
  redisCli: string;
  redisServer: string;
  umount: string;
  unshare: string;
  extras: { busybox: string | null; socat: string | null; redisBenchmark: string | null };
}

export type FindTool = (name: string) => Promise<string | null>;

const ADMIN_FOLDERS = [
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
];
/** Where some packages keep docker-proxy, outside of PATH. */
const PROXY_FOLDERS = ['/usr/libexec/docker', '/usr/lib/docker', '/usr/local/libexec/docker'];

/** PATH with the administrators' folders, which a plain `su` or `sudo` leaves out. */
export function searchPath(path = process.env['PATH'] ?? ''): string {
  return [...new Set([...path.split(delimiter).filter(Boolean), ...ADMIN_FOLDERS])].join(delimiter);
}

/** Makes a look-up of executables in PATH and in the folders above. */
function createFinder(path = searchPath()): FindTool {
  const folders = [...path.split(delimiter), ...PROXY_FOLDERS];
  return async (name) => {
    for (const folder of folders) {
      const file = join(folder, name);
      const found = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return file;
    }
    return null;
  };
}

/** Alternative commands, one of which suffices, and the Debian package that has them. */
const REQUIRED = [
  [['dockerd'], 'docker.io'],
  [['docker'], 'docker.io'],
  [['docker-proxy'], 'docker.io'],
  [['containerd'], 'containerd'],
  [['runc'], 'runc'],
  [['iptables'], 'iptables'],
  [['ip'], 'iproute2'],
  [['nsenter'], 'util-linux'],
  [['unshare'], 'util-linux'],
  [['mount'], 'mount'],
  [['umount'], 'mount'],
  // Debian's redis-tools has the server too: redis-check-rdb runs as one under the server's name.
  [['redis-server', 'redis-check-rdb'], 'redis-tools'],
  [['redis-cli'], 'redis-tools'],
] as const;

/**
 * Finds every program that a lab needs.
 * @throws UserError that names all missing programs and how to install them
 */
export async function findTools(find: FindTool = createFinder()): Promise<LabTools> {
  const found = new Map<string, string>();
  const missing: { name: string; apt: string }[] = [];
  for (const [names, apt] of REQUIRED) {
    const file = await findFirst(names, find);
    if (file === null) missing.push({ name: names[0], apt });
    else found.set(names[0], file);
  }
  if (missing.length > 0) throw missingTools(missing);
  const get = (name: (typeof REQUIRED)[number][0][0]): string => found.get(name) ?? name;
  const [busybox, socat, redisBenchmark] = await Promise.all(
    ['busybox', 'socat', 'redis-benchmark'].map(find),
  );
  return {
    docker: get('docker'),
    dockerd: get('dockerd'),
    ip: get('ip'),
    mount: get('mount'),
    nsenter: get('nsenter'),
    redisCli: get('redis-cli'),
    redisServer: get('redis-server'),
    umount: get('umount'),
    unshare: get('unshare'),
    extras: {
      busybox: busybox ?? null,
      socat: socat ?? null,
      redisBenchmark: redisBenchmark ?? null,
    },
  };
}

async function findFirst(names: readonly string[], find: FindTool): Promise<string | null> {
  for (const name of names) {
    const file = await find(name);
    if (file !== null) return file;
  }
  return null;
}

function missingTools(missing: readonly { name: string; apt: string }[]): UserError {
  const names = missing.map(({ name }) => name).join(', ');
  const packages = [...new Set(missing.map(({ apt }) => apt))].join(' ');
  return new UserError(`The lab needs programs that are not installed: ${names}.`, {
    code: 'lab-tools-missing',
    exit: 1,
    remedy: `apt-get install --no-install-recommends ${packages}`,
  });
}

/** @throws UserError unless this is root on Linux */
export function checkPrivilege(
  platform: NodeJS.Platform = process.platform,
  uid: number | undefined = process.geteuid?.(),
): void {
  if (platform !== 'linux') {
    throw new UserError(`The lab runs on Linux only, and this is ${platform}.`, {
      code: 'not-linux',
      exit: 1,
      remedy: 'Use a Linux machine, or a virtual one.',
    });
  }
  if (uid !== 0) {
    throw new UserError(
      'The lab makes network namespaces and runs a Docker Engine: only root may.',
      {
        code: 'not-root',
        exit: 1,
        remedy: 'Run the same command with sudo.',
      },
    );
  }
}
