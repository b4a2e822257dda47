/** Judges this process's rights: which ones a live trace needs, and what is missing in a trace without the others. */
import { readText } from './procfs.js';

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
  /** The relevant capabilities that this process has. */
  readonly held: readonly Capability[];
}

const GIVE = 'give it: docker run --cap-add, AmbientCapabilities= of systemd, or full root';

export function judgeRights({ uid, status, uidMap }: RightsFacts): Rights {
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
  // CAP_BPF and CAP_PERFMON alone do not suffice: the kernel gives types of modules (BTF) only to CAP_SYS_ADMIN.
  if (!has('CAP_SYS_ADMIN')) {
    return refuse(
      'no-permission',
      'root lacks CAP_SYS_ADMIN here, without which the kernel hands out no types of modules (BTF)',
      'give it: docker run --cap-add SYS_ADMIN, or AmbientCapabilities= of systemd, or full root',
    );
  }
  const limits: Lack[] = [];
  const limit = (name: Capability, finding: string): void => {
    if (!has(name)) limits.push({ finding: `root lacks ${name} here: ${finding}`, remedy: GIVE });
  };
  limit('CAP_NET_ADMIN', 'the rules of the firewall cannot be read, so nothing is predicted');
  limit(
    'CAP_SYS_PTRACE',
    'processes of others cannot be looked at, so some sockets and relays have no name',
  );
  return { refusal: null, limits, held };
}

/** The rights of this process. */
export function readRights(): Rights {
  return judgeRights({
    uid: process.geteuid?.(),
    status: readText('/proc/self/status') ?? '',
    uidMap: readText('/proc/self/uid_map'),
  });
}

function readEffective(status: string): bigint {
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return text === undefined ? 0n : BigInt(`0x${text}`);
}
