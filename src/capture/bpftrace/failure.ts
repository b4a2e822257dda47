/** Turns the output of a bpftrace that failed into an error with a remedy. */
import { UserError } from '../../model/errors.js';
import { describeSystemError } from '../../model/system-error.js';
import type { ChildExit } from './child.js';

interface Known {
  readonly pattern: RegExp;
  readonly code: string;
  readonly message: string | ((match: RegExpExecArray) => string);
  readonly remedy: string;
}

const PERMISSION =
  'trace-flow doctor names the capability that is missing; in a container: --privileged --pid=host';

const KNOWN: readonly Known[] = [
  {
    pattern: /unable to open output file '\/dev\/fd\//,
    code: 'no-dev-fd',
    message: 'bpftrace cannot compile its probes, because /dev/fd is missing',
    remedy: 'make it with: ln -s /proc/self/fd /dev/fd',
  },
  {
    pattern: /unable to create (\/\S*)\/bpftrace\.\S+ \((.+)\)/,
    code: 'no-temporary-folder',
    message: ([, folder = '', why = '']) => `bpftrace can write no file in ${folder}: ${why}`,
    remedy: 'name a folder that can be written to: TMPDIR=/run trace-flow …',
  },
  {
    pattern: /only supports running as the root user|must be run as root/i,
    code: 'not-root',
    message: 'live tracing needs root',
    remedy: 'run it with sudo; recordings and captures are read without root: trace-flow read FILE',
  },
  {
    pattern: /lockdown/i,
    code: 'lockdown',
    message: 'the kernel is locked down and refuses BPF programs that read kernel memory',
    remedy:
      'lockdown mode "confidentiality" forbids tracing; boot with lockdown=integrity or none (see /sys/kernel/security/lockdown)',
  },
  {
    pattern: /does not contain a field named '(\w+)'/,
    code: 'unknown-field',
    message: (match) => `this kernel has no field "${match[1]}" where the probes read it`,
    remedy: 'please report it with the output of: trace-flow doctor --json',
  },
  {
    pattern: /(?:unknown type|Unknown struct\/union:?) ["']struct nf_conn["']/,
    code: 'no-conntrack',
    message: 'the kernel does not describe nf_conn: the nf_conntrack module is not loaded',
    remedy:
      'no NAT can happen without it; start the Docker Engine, or load it with: modprobe nf_conntrack',
  },
  {
    pattern:
      /BTF (data|is) (not found|not available)|Cannot resolve unknown type|Unknown struct\/union|unable to (find|locate) kernel BTF|install BTF information/i,
    code: 'no-btf',
    message: 'the kernel offers no type information (BTF) that bpftrace could use',
    remedy: 'use a kernel with CONFIG_DEBUG_INFO_BTF=y (/sys/kernel/btf/vmlinux must exist)',
  },
  {
    pattern: /tracepoint not found: (\S+)/,
    code: 'no-tracepoints',
    message: (match) => `this kernel lacks tracepoint:${match[1]}`,
    remedy: 'trace-flow doctor lists what is there',
  },
  {
    pattern: /tracefs|debugfs|available_events.*No such file/i,
    code: 'no-tracefs',
    message: 'the kernel tracing file system could not be read',
    remedy: 'mount it with: mount -t tracefs tracefs /sys/kernel/tracing',
  },
  {
    // Maps are created before programs are loaded, so a refusal there never comes from the verifier.
    pattern:
      /(?:creat\w* .*map.*|Error loading (?:BPF )?program.*|perf_event_open.*): (?:Operation not permitted|Permission denied)/i,
    code: 'no-permission',
    message: 'the kernel refused the probes: permission denied',
    remedy: PERMISSION,
  },
  {
    pattern:
      /verifier|invalid mem access|Error loading (BPF )?program|BPF program is too large|R\d+ (invalid|unbounded|pointer)|program of this type cannot/i,
    code: 'verifier',
    message: 'the kernel refused a probe program',
    remedy: 'please report it with the output of: trace-flow doctor --json',
  },
  {
    pattern: /No space left on device|Cannot allocate memory|failed to create\s+map/i,
    code: 'no-memory',
    message: 'the kernel had no memory for the tables of the probes',
    remedy:
      'free some memory, raise the limits of this process (ulimit -v and -l unlimited), or lower it with --budget and fewer ports',
  },
  {
    pattern: /Operation not permitted|Permission denied|EPERM|EACCES/i,
    code: 'no-permission',
    message: 'the kernel refused the probes: permission denied',
    remedy: PERMISSION,
  },
];

/** Lines of bpftrace that do not describe a failure. */
const NOISE = /RLIMIT_MEMLOCK|^(\S+: )?WARNING: |^\s*$/;

/** The line of `~~~` that bpftrace draws under the excerpt of the program that it complains about. */
const UNDERLINE = /^\s*~+\s*$/;

/** What bpftrace means to say; since 0.27 a hint comes after the whole program. */
const TELLING = /ERROR: |^HINT: /;

/**
 * bpftrace's standard error without warnings and excerpts, at most `most` lines, each once; where there are more, errors and hints
 * come first.
 */
export function meaningfulLines(stderr: string, most = 6): string[] {
  const all = stderr.split('\n');
  const lines = new Set(
    all
      .filter((line, at) => !UNDERLINE.test(line) && !UNDERLINE.test(all[at + 1] ?? ''))
      .filter((line) => !NOISE.test(line)),
  );
  if (lines.size <= most) return [...lines];
  const [telling, others] = [true, false].map((tells) =>
    [...lines].filter((line) => TELLING.test(line) === tells),
  );
  return [...(telling ?? []), ...(others ?? [])].slice(0, most);
}

/** The error for a child that ended before the first seal. */
export function explainExit(exit: ChildExit): UserError {
  const limit = LIMITS[exit.signal ?? ''];
  if (limit !== undefined) {
    return new UserError(`bpftrace ${exit.how}: ${limit.why}`, {
      code: 'limit',
      exit: 1,
      remedy: limit.remedy,
    });
  }
  if (exit.error !== null) {
    const { why, remedy } = describeSystemError(exit.error);
    return new UserError(`bpftrace could not be started: ${why}`, {
      code: 'limit',
      exit: 1,
      remedy,
    });
  }
  const absent = /failed to execute (.+): No such file/.exec(exit.stderr);
  if (absent) return explainAbsence(absent[1] ?? 'bpftrace');
  const refused = /failed to execute (.+): (.+)/.exec(exit.stderr);
  if (refused) {
    return new UserError(`${refused[1]} cannot be run: ${refused[2]}`, {
      code: 'no-bpftrace',
      exit: 1,
      remedy: 'install it with: apt-get install bpftrace',
    });
  }
  if (exit.absent) return explainAbsence('unshare');
  return explainFailure(exit.stderr, exit.how);
}

/** The error for a bpftrace that ended before its probes were live. */
export function explainFailure(stderr: string, how: string): UserError {
  const text = meaningfulLines(stderr, 40).join('\n');
  // The word is in the message, or in the excerpt of the program below it.
  if (stderr.includes('rawtracepoint')) {
    return new UserError(
      `bpftrace refused a raw tracepoint\n${indent(meaningfulLines(stderr, 3))}`,
      {
        code: 'no-raw-tracepoints',
        exit: 1,
        remedy: 'see what this machine lacks with: trace-flow doctor',
      },
    );
  }
  for (const known of KNOWN) {
    const match = known.pattern.exec(text);
    if (!match) continue;
    const message = typeof known.message === 'string' ? known.message : known.message(match);
    return new UserError(`${message}\n${indent(meaningfulLines(stderr, 3))}`, {
      code: known.code,
      exit: 1,
      remedy: known.remedy,
    });
  }
  const said = meaningfulLines(stderr);
  return new UserError(
    `bpftrace ${how} before its probes were live${said.length > 0 ? `, saying:\n${indent(said)}` : ' and said nothing'}`,
    {
      code: 'bpftrace-failed',
      exit: 1,
      remedy: 'see what this machine lacks with: trace-flow doctor',
    },
  );
}

/** The error for a program that is not installed. */
export function explainAbsence(program: string): UserError {
  const ours = program === 'unshare' || program === 'setpriv';
  return new UserError(`${program} is not installed`, {
    code: ours ? `no-${program}` : 'no-bpftrace',
    exit: 1,
    remedy: `install it with: apt-get install ${ours ? 'util-linux' : 'bpftrace'}`,
  });
}

/** Signals by which the kernel ends a process that has reached a limit. */
export const LIMITS: Readonly<Record<string, { why: string; remedy: string }>> = {
  SIGXFSZ: {
    why: 'files may not grow any larger here',
    remedy: 'raise the limit of file sizes (ulimit -f unlimited)',
  },
  SIGXCPU: {
    why: 'no more processor time is allowed',
    remedy: 'raise the limit of processor time (ulimit -t unlimited)',
  },
};

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  | ${line}`).join('\n');
}
