// Makes the lab's two places, the Docker host and the outside client, and the wire between them.

import { access, readFile, readlink, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../model/errors.js';
import type { Hierarchy } from './cgroups.js';
import { runCommand } from './enter.js';
import type { GatedProcess } from './gate.js';
import { parseMountinfo } from './mountinfo.js';
import { planView, type MountStep } from './mounts.js';
import { poll } from './poll.js';
import type { Tools } from './tools.js';

export interface LabPlace {
  name: string;
  /** A path for `nsenter --net=` and `trace-flow --netns`; good until the lab is down. */
  netns: string;
  ipv4: string;
  /** Empty where the kernel has no IPv6. */
  ipv6: string;
  /** The end of the wire in this place. */
  device: string;
}

// Documentation ranges (RFC 5737, RFC 3849): no real network has them.
const WIRE = {
  host: { device: 'ext0', ipv4: '198.51.100.1', ipv6: '2001:db8:198:51::1' },
  client: { device: 'eth0', ipv4: '198.51.100.2', ipv6: '2001:db8:198:51::2' },
} as const;

/** The command of a process that holds namespaces: it has no other work. */
export function holdCommand(
  tools: Tools,
  kinds: readonly ('net' | 'mount' | 'cgroup')[],
): string[] {
  const flags = kinds.map((kind) => `--${kind}`);
  return [tools.unshare, ...flags, '--', 'sleep', 'infinity'];
}

/** Waits until a holder's namespaces are made. @returns their inodes, `host.net` and so on */
export async function awaitHolder(
  name: string,
  holder: GatedProcess,
  logFile: string,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  let death: string | undefined;
  void holder.ended.then((how) => (death = how));
  const proc = `/proc/${String(holder.pid)}`;
  await poll(
    async () => {
      const command = await readFile(join(proc, 'comm'), 'utf8').catch(() => '');
      if (command.trim() === 'sleep') return true; // all unsharing is done before this command is executed
      if (death !== undefined) throw await explainDeath(name, death, logFile);
      return null;
    },
    { timeoutMs: 10_000, what: `the ${name}'s namespaces`, signal, intervalMs: 1 },
  );
  const inodes = ['net', 'mnt', 'cgroup'].map(async (kind) => {
    const [theirs, ours] = await Promise.all(
      [`${proc}/ns/${kind}`, `/proc/self/ns/${kind}`].map((path) => readlink(path).catch(() => '')),
    );
    return theirs === ours ? [] : [[`${name}.${kind}`, theirs?.replace(/\D/g, '') ?? '']];
  });
  return Object.fromEntries((await Promise.all(inodes)).flat()) as Record<string, string>;
}

async function explainDeath(name: string, death: string, logFile: string): Promise<UserError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  return new UserError(`Cannot make the ${name}'s namespaces: ${log.trim() || death}`, {
    code: 'no-namespace',
    exit: 1,
    remedy:
      'Run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN, outside of a container or in a privileged one.',
  });
}

export interface ViewRequest {
  tools: Tools;
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
        await runCommand([...inside, tools.mount, '--no-mtab', ...step.arguments], { signal });
        break;
      case 'unmount': // one that has gone by itself meanwhile is no failure
        await runCommand([...inside, tools.umount, '--no-mtab', '--lazy', ...step.paths], {
          signal,
          allowFailure: true,
        });
    }
  }
}

async function keepExisting(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return found.flat();
}

/** Sets up addresses and routes in both places; both ends of the wire are made inside of them. */
export async function wire(
  tools: Tools,
  pids: { host: number; client: number },
  signal?: AbortSignal,
): Promise<{ host: LabPlace; client: LabPlace }> {
  const hasIpv6 = (await keepExisting(['/proc/sys/net/ipv6'])).length > 0;
  const netns = (place: 'host' | 'client'): string => `/proc/${String(pids[place])}/ns/net`;
  const inside = (place: 'host' | 'client'): string[] => [
    tools.nsenter,
    `--net=${netns(place)}`,
    '--',
  ];
  const configure = async (place: 'host' | 'client', lines: readonly string[]): Promise<void> => {
    if (hasIpv6) {
      // A machine that switches IPv6 off passes this on to new namespaces; these files are the namespace's own.
      const files = ['all', 'default', 'lo'].map(
        (each) => `/proc/sys/net/ipv6/conf/${each}/disable_ipv6`,
      );
      await runCommand([...inside(place), 'tee', ...files], { input: '0', signal });
    }
    const input = lines.map((line) => `${line}\n`).join('');
    await runCommand([...inside(place), tools.ip, '-batch', '-'], { input, signal });
  };

  const { host, client } = WIRE;
  const addresses = ({ device, ipv4, ipv6 }: (typeof WIRE)['host' | 'client']): string[] => [
    'link set lo up',
    `address add ${ipv4}/24 dev ${device}`,
    // Without "nodad" an address cannot be used for the first second.
    ...(hasIpv6 ? [`address add ${ipv6}/64 dev ${device} nodad`] : []),
    `link set ${device} up`,
  ];
  const peer = `peer name ${client.device} netns ${String(pids.client)}`;
  await configure('host', [`link add ${host.device} type veth ${peer}`, ...addresses(host)]);
  await configure('client', [
    ...addresses(client),
    `route add default via ${host.ipv4}`,
    ...(hasIpv6 ? [`route add ::/0 via ${host.ipv6}`] : []),
  ]);
  const describe = (place: 'host' | 'client'): LabPlace => ({
    name: place,
    netns: netns(place),
    ...WIRE[place],
    ipv6: hasIpv6 ? WIRE[place].ipv6 : '',
  });
  return { host: describe('host'), client: describe('client') };
}
