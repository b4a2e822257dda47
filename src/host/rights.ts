/** Judges the rights of this process over the kernel: what a live trace cannot do without, and what it does less well. */
import { listFolder, readText } from './procfs.js';

/** Linux capabilities (include/uapi/linux/capability.h) by their bit. */
const BITS = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
} as const;

type Capability = keyof typeof BITS;

export interface RightsFacts {
  readonly uid: number | undefined;
  /** Text of /proc/self/status. */
  readonly status: string;
  /** Text of /proc/self/uid_map; null where the kernel has no user namespaces. */
  readonly uidMap: string | null;
  /** Whether the kernel's tracing file system is mounted already. */
  readonly tracefs: boolean;
}

export interface Lack {
  readonly finding: string;
  readonly remedy: string;
}

export interface Rights {
  /** Why nothing can be traced; null when the kernel will allow it. */
  readonly refusal: (Lack & { readonly code: string }) | null;
  /** What will be missing in the report, one sentence each. */
  readonly limits: readonly Lack[];
  /** Those of the capabilities that matter which this process has. */
  readonly held: readonly Capability[];
}

const GIVE = 'give it: docker run --cap-add, AmbientCapabilities= of systemd, or full root';

export function judgeRights({ uid, status, uidMap, tracefs }: RightsFacts): Rights {
  const effective = readEffective(status);
  const has = (name: Capability): boolean => ((effective >> BITS[name]) & 1n) === 1n;
  const held = (Object.keys(BITS) as Capability[]).filter(has);
  const refuse = (code: string, finding: string, remedy: string): Rights => ({
    refusal: { code, finding, remedy },
    limits: [],
    held,
  });
  if (uid !== 0) {
    return refuse('not-root', 'live tracing needs root', 'run it with sudo');
  }
  if (uidMap !== null && !/^\s*0\s+0\s+4294967295\s*$/.test(uidMap)) {
    return refuse(
      'user-namespace',
      'this is root of a user namespace only, which the kernel lets trace nothing',
      'run it as root of the machine itself: outside of the rootless container, or of unshare --user',
    );
  }
  const programs = (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !has(name));
  // CAP_SYS_ADMIN includes both, as it was before Linux 5.8.
  if (programs.length > 0 && !has('CAP_SYS_ADMIN')) {
    const [these, them] = [programs.join(' and '), programs.length > 1 ? 'them' : 'it'];
    return refuse(
      'no-permission',
      `root lacks ${these} here, without which the kernel takes no probe`,
      `give ${them}: docker run ${programs.map((name) => `--cap-add ${name.slice(4)}`).join(' ')}, or AmbientCapabilities= of systemd`,
    );
  }
  if (!tracefs && !has('CAP_SYS_ADMIN')) {
    return refuse(
      'no-tracefs',
      'the kernel tracing file system is not mounted, and root lacks CAP_SYS_ADMIN here to mount it',
      'mount it on the machine itself: mount -t tracefs tracefs /sys/kernel/tracing; or give CAP_SYS_ADMIN',
    );
  }
  const limits: Lack[] = [];
  const limit = (name: Capability, finding: string): void => {
    if (!has(name)) limits.push({ finding: `root lacks ${name} here: ${finding}`, remedy: GIVE });
  };
  limit(
    'CAP_SYS_ADMIN',
    'other network namespaces cannot be entered, so devices in them have no names',
  );
  limit('CAP_NET_ADMIN', 'the rules of the firewall cannot be read, so nothing is predicted');
  limit(
    'CAP_SYS_PTRACE',
    'processes of others cannot be looked at, so some sockets and relays have no name',
  );
  return { refusal: null, limits, held };
}

/** Those of this very process. */
export function readRights(): Rights {
  return judgeRights({
    uid: process.geteuid?.(),
    status: readText('/proc/self/status') ?? '',
    uidMap: readText('/proc/self/uid_map'),
    tracefs: TRACEFS.some((folder) => listFolder(`${folder}/events`).length > 0),
  });
}

const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

function readEffective(status: string): bigint {
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return text === undefined ? 0n : BigInt(`0x${text}`);
}
