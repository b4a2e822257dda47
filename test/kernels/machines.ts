/** The virtual machines of the kernel matrix: a release of Debian each, with its kernel, bpftrace and Docker Engine. */
import { createHash } from 'node:crypto';

export interface Machine {
  readonly name: string;
  /** Release of Debian that everything in it comes from. */
  readonly release: string;
  /** The package that depends on the newest kernel. */
  readonly kernel: string;
  /** pwru is tried beside trace-flow there. */
  readonly compared?: true;
}

export const MACHINES: readonly Machine[] = [
  { name: 'debian-12', release: 'bookworm', kernel: 'linux-image-cloud-amd64' },
  { name: 'debian-13', release: 'trixie', kernel: 'linux-image-cloud-amd64', compared: true },
  { name: 'debian-sid', release: 'sid', kernel: 'linux-image-cloud-amd64' },
];

export const MIRROR = 'http://deb.debian.org/debian';

/** What the project needs in a machine; Node.js comes from the machine that runs the matrix. */
const PACKAGES: readonly string[] = [
  'bpftrace',
  'busybox-static',
  'ca-certificates',
  'conntrack',
  'docker.io',
  'iproute2',
  'iptables',
  'kmod',
  'mount',
  'nftables',
  'procps',
  'redis-server',
  'redis-tools',
  'socat',
  'tcpdump',
  'util-linux',
];

/** From trixie on Docker's client is a package of its own, and pwru is there. */
export function packagesOf({ release }: Machine): string[] {
  return release === 'bookworm' ? [...PACKAGES] : [...PACKAGES, 'docker-cli', 'pwru'];
}

/** Modules that bring the root disk, with their dependencies. */
export const DISK_MODULES: readonly string[] = ['virtio_pci', 'virtio_blk', 'ext4'];

/** Changes when an image would: it names the folder that the image is kept in. */
export function imageKey(machine: Machine, script: string): string {
  const { name, release, kernel } = machine;
  const whole = [{ name, release, kernel }, packagesOf(machine), DISK_MODULES, MIRROR, script];
  const recipe = JSON.stringify(whole);
  return createHash('sha256').update(recipe).digest('hex').slice(0, 12);
}
