/** Describes what a lab must not change: the machine's own network, rules, settings, mounts and Docker folders. */
import { execa } from 'execa';
import { readFile, stat } from 'node:fs/promises';

const COMMANDS = [
  ['ip', '-o', 'link'],
  ['ip', '-br', 'address'],
  ['ip', 'route', 'show', 'table', 'all'],
  ['ip', '-6', 'route', 'show', 'table', 'all'],
  ['nft', '--stateless', 'list', 'ruleset'] /* without counters */,
  ['sysctl', 'net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding', 'kernel.keys.root_maxkeys'],
  ['sysctl', '--ignore', 'net.bridge.bridge-nf-call-iptables'],
] as const;

/** Folders that an engine which is not kept away from them writes to. */
const FOLDERS = [
  '/etc/docker',
  '/opt/containerd',
  '/root/.docker',
  '/run/containerd/s',
  '/run/docker',
  '/run/docker.sock',
  '/run/mount/utab',
  '/var/lib/containerd',
  '/var/lib/docker',
];

/** @returns text that is equal as long as nothing has changed; network namespaces of other programs do not count */
export async function describeMachine(): Promise<string> {
  const outputs = COMMANDS.map(async ([file, ...args]) => {
    const { all } = await execa(file, args, { reject: false, all: true });
    return all.replace(/expires \d+sec/g, '');
  });
  const times = FOLDERS.map(async (path) => {
    const found = await stat(path).catch(() => null);
    return `${path} ${found === null ? 'absent' : String(found.mtimeMs)}`;
  });
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => !line.includes(' - nsfs '));
  return [...(await Promise.all(outputs)), ...(await Promise.all(times)), ...mounts].join('\n');
}
