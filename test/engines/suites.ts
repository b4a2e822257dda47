/** The suites of Debian whose engines are tried, what each root holds, and the key that a root is kept under. */
import { createHash } from 'node:crypto';

export interface Suite {
  /** Also the name of its root. */
  readonly name: string;
  readonly packages: readonly string[];
  /** A suite that is no system of its own: the one below it, and the packages that come from this one. */
  readonly over?: { readonly release: string; readonly packages: readonly string[] };
}

const BASE = [
  ...['busybox-static', 'ca-certificates', 'conntrack', 'iproute2', 'iptables', 'nftables'],
  ...['mount', 'procps', 'socat', 'uidmap', 'util-linux'],
];
const ENGINES = [
  ...['docker.io', 'podman', 'netavark', 'aardvark-dns', 'conmon', 'crun', 'runc', 'catatonit'],
  ...['containernetworking-plugins', 'passt', 'slirp4netns', 'rootlesskit'],
];

/** From trixie on Docker's client is a package of its own. */
export const SUITES: readonly Suite[] = [
  { name: 'bookworm', packages: [...BASE, ...ENGINES] },
  { name: 'trixie', packages: [...BASE, ...ENGINES, 'docker-cli'] },
  { name: 'sid', packages: [...BASE, ...ENGINES, 'docker-cli'] },
  {
    name: 'experimental',
    packages: [...BASE, 'aardvark-dns', 'catatonit', 'conmon', 'crun', 'passt'],
    over: { release: 'sid', packages: ['podman', 'netavark'] },
  },
];

/** The suite that its root is made of. */
export function releaseOf({ name, over }: Suite): string {
  return over?.release ?? name;
}

/** Changes when a root would. */
export function suiteKey(suite: Suite): string {
  const recipe = JSON.stringify([suite.name, suite.packages, ...(suite.over ? [suite.over] : [])]);
  return createHash('sha256').update(recipe).digest('hex').slice(0, 12);
}
