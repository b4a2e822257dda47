/** Finds out what this machine offers to a live trace: rights, kernel features, programs. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { arch, platform, release } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { searchFolders, VERSION_PATIENCE } from '../model/environment.js';
import type { RunCommand } from './command.js';
import { readText } from './procfs.js';
import { readRights, type Rights } from './rights.js';

export interface Capabilities {
  readonly platform: string;
  readonly architecture: string;
  readonly kernel: string;
  readonly rights: Rights;
  readonly btf: boolean;
  readonly conntrack: 'built-in' | 'module' | 'absent';
  readonly tracing: TracingFacts;
  /** Where each program is; null when it is not in the PATH. */
  readonly programs: ReadonlyMap<string, string | null>;
  readonly bpftrace: {
    readonly version: string | null;
    /** Whether there is no such program. */
    readonly absent: boolean;
    readonly problem: string;
  };
}

export interface TracingFacts {
  /** Whether tracefs is mounted, can be mounted for the trace alone, or is absent. */
  readonly tracefs: 'mounted' | 'mountable' | 'absent';
  /** Of those asked for, as `category:name`. */
  readonly tracepoints: ReadonlySet<string>;
  readonly kprobes: boolean | null;
  /** `none`, `integrity` or `confidentiality`; null when the kernel does not report it. */
  readonly lockdown: string | null;
}

/**
 * Reads tracefs and the lockdown mode; mounts what is not mounted, in its own mount namespace. The arguments are the
 * tracepoints to look for.
 */
const SCRIPT = `
for t in /sys/kernel/tracing /sys/kernel/debug/tracing; do
  [ -d $t/events ] && echo "@tracefs mounted" && break
done
if [ ! -d $t/events ]; then
  t=/sys/kernel/tracing
  mount -t tracefs tracefs $t && echo "@tracefs mountable"
fi
[ -e $t/kprobe_events ] && echo "@kprobes"
s=/sys/kernel/security
[ -e $s/lockdown ] || mount -t securityfs securityfs $s
[ -e $s/lockdown ] && echo "@lockdown $(cat $s/lockdown)"
for e in "$@"; do
  [ -d "$t/events/\${e%:*}/\${e#*:}" ] && echo "@tracepoint $e"
done
true`;

export interface CapabilityInput {
  readonly run: RunCommand;
  /** Name or path. */
  readonly bpftrace: string;
  /** Other programs to look for. */
  readonly programs: readonly string[];
  /** Tracepoints to look for, as `category:name`. */
  readonly tracepoints: readonly string[];
}

/** Never throws: what cannot be read counts as absent or unknown. */
export async function readCapabilities(input: CapabilityInput): Promise<Capabilities> {
  const { run } = input;
  const [tracing, bpftrace] = await Promise.all([
    readTracing(run, input.tracepoints),
    run(input.bpftrace, ['--version'], { timeout: VERSION_PATIENCE }),
  ]);
  const version = bpftrace.ok ? parseVersion(bpftrace.stdout) : null;
  return {
    platform: platform(),
    architecture: arch(),
    kernel: release(),
    rights: readRights(),
    btf: existsSync('/sys/kernel/btf/vmlinux'),
    conntrack: findConntrack(),
    tracing: { ...tracing, kprobes: tracing.kprobes ?? readKprobeConfig() },
    programs: new Map(input.programs.map((name) => [name, findProgram(name)])),
    bpftrace: {
      version,
      absent: bpftrace.failure === 'missing',
      problem: version === null ? describe(bpftrace.message) : '',
    },
  };
}

function describe(message: string): string {
  return message === '' ? 'bpftrace does not tell its version' : message;
}

async function readTracing(run: RunCommand, tracepoints: readonly string[]): Promise<TracingFacts> {
  const shell = ['sh', '-c', SCRIPT, 'doctor', ...tracepoints];
  const own = await run('unshare', ['-m', '--propagation', 'private', ...shell]);
  // Without the right to make a mount namespace, mounted file systems may still be readable.
  return parseTracing(own.ok ? own.stdout : (await run('sh', shell.slice(1))).stdout);
}

/** Reads what {@link SCRIPT} printed. */
export function parseTracing(text: string): TracingFacts {
  const lines = text.split('\n');
  const tracefs = /^@tracefs (mounted|mountable)$/m.exec(text)?.[1] as
    'mounted' | 'mountable' | undefined;
  return {
    tracefs: tracefs ?? 'absent',
    tracepoints: new Set(lines.flatMap((line) => /^@tracepoint (.+)$/.exec(line)?.[1] ?? [])),
    kprobes: lines.includes('@kprobes') ? true : tracefs === undefined ? null : false,
    lockdown: /^@lockdown .*\[(\w+)\]/m.exec(text)?.[1] ?? null,
  };
}

/** `bpftrace v0.17.0` is 0.17.0; null for other text. */
export function parseVersion(text: string): string | null {
  return /^bpftrace v?(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1] ?? null;
}

/** Whether version `a` is at least `b`, both as digits with points. */
export function isAtLeast(a: string, b: string): boolean {
  const left = a.split('.').map(Number);
  for (const [index, part] of b.split('.').map(Number).entries()) {
    const own = left[index] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}

function findConntrack(): Capabilities['conntrack'] {
  const present =
    existsSync('/proc/sys/net/netfilter/nf_conntrack_max') ||
    existsSync('/sys/module/nf_conntrack');
  if (!present) return 'absent';
  // A module has a state; code that is built in has only its parameters there.
  return existsSync('/sys/module/nf_conntrack/initstate') ? 'module' : 'built-in';
}

function readKprobeConfig(): boolean | null {
  const config = readKernelConfig();
  return config === null ? null : /^CONFIG_KPROBES=y$/m.test(config);
}

function readKernelConfig(): string | null {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString('utf8');
  } catch {
    return readText(`/boot/config-${release()}`);
  }
}

function findProgram(name: string): string | null {
  for (const folder of searchFolders(process.env['PATH'], process.getuid?.() === 0)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return null;
}
