/** Judges what was found on a machine: turns each fact into one check with its remedy, without side effects. */
import type { Check } from '../model/doctor.js';
import type { Topology } from '../model/topology.js';
import { missing, ok, warning } from './check.js';
import { checkEngines } from './engine-checks.js';
import { isAtLeast, type Capabilities } from './capabilities.js';
import type { StrayTracer } from './tracers.js';

/** The oldest bpftrace that is known to understand the probes. */
const BPFTRACE_FLOOR = '0.16';

export interface HostFacts {
  readonly capabilities: Capabilities;
  /** Every tracepoint of the probes, as `category:name`. */
  readonly tracepoints: readonly string[];
  /** Null when it could not be read. */
  readonly topology: Topology | null;
  readonly userlandProxy: boolean | null;
  readonly strayTracers: readonly StrayTracer[];
  readonly staleLabs: readonly string[];
}

/** How a real trace of nothing went; null when it was not tried. */
export type Trial = { ok: true; milliseconds: number } | { ok: false; why: string; remedy: string };

/** Programs without which a live trace cannot start, and the package of Debian that has each. */
export const NEEDED_PROGRAMS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  mount: 'mount',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
};
/** Programs that read the packet filter rules. */
export const RULE_PROGRAMS = ['iptables-save', 'nft'];

/** Checks what a trace needs, in the order in which it would fail. */
export function checkNeeds(facts: HostFacts): Check[] {
  const { capabilities } = facts;
  if (capabilities.platform !== 'linux') {
    const remedy = 'trace on the Linux host; recordings are read anywhere: trace-flow read FILE';
    return [missing('system', `this is ${capabilities.platform}, not Linux`, remedy)];
  }
  return [
    ok('system', `Linux ${capabilities.kernel} on ${capabilities.architecture}`),
    ...checkRights(capabilities),
    capabilities.btf
      ? ok('btf', 'the kernel describes its types (BTF)')
      : missing(
          'btf',
          'the kernel does not describe its types (no /sys/kernel/btf/vmlinux)',
          'boot a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian 11, Ubuntu 20.10, Fedora 32 and later have',
        ),
    checkLockdown(capabilities),
    checkTracepoints(facts),
    checkConntrack(capabilities),
    checkBpftrace(capabilities),
    checkPrograms(capabilities),
  ];
}

/** The proof: a real trace of nothing. */
export function checkTrial(trial: Trial): Check {
  return trial.ok
    ? ok('trial', `a trial of the probes was live and sealed after ${trial.milliseconds} ms`)
    : missing('trial', `a trial of the probes failed: ${trial.why}`, trial.remedy);
}

/** Checks what limits a trace or is worth knowing. */
export function checkSurroundings(facts: HostFacts): Check[] {
  const { capabilities, topology } = facts;
  if (capabilities.platform !== 'linux') return [];
  return [
    checkKprobes(capabilities),
    ...(topology ? checkEngines(topology, facts.userlandProxy) : []),
    checkRules(capabilities),
    ...checkLeftovers(facts),
  ];
}

export function summarize(facts: HostFacts, checks: readonly Check[]): string {
  const [first, ...rest] = checks.filter(({ status }) => status === 'missing');
  if (first) {
    const more = rest.length === 0 ? '' : ` (and ${rest.length} more)`;
    return `This machine cannot trace live, because ${first.finding}${more}.`;
  }
  const { kernel, bpftrace } = facts.capabilities;
  const engine = facts.topology?.engine;
  const product = engine?.product === 'podman' ? 'Podman' : 'Docker Engine';
  const beside = engine ? `, ${product} ${engine.version}` : '';
  return `This machine can trace live: Linux ${kernel}, bpftrace ${bpftrace.version ?? 'unknown'}${beside}.`;
}

function checkRights({ rights }: Capabilities): Check[] {
  const { refusal, limits, held } = rights;
  if (refusal) return [missing('rights', refusal.finding, refusal.remedy)];
  if (limits.length === 0) return [ok('rights', 'root with every capability needed')];
  return [
    ok('rights', `root with ${held.join(', ')}, which is enough to trace`),
    ...limits.map(({ finding, remedy }) => warning('rights', finding, remedy)),
  ];
}

function checkLockdown({ tracing }: Capabilities): Check {
  const mode = tracing.lockdown;
  if (mode === 'confidentiality') {
    return missing(
      'lockdown',
      'the kernel is locked down (confidentiality), so no program may read its memory',
      'boot with lockdown=integrity or without lockdown',
    );
  }
  return ok('lockdown', mode === null ? 'no lockdown is told' : `lockdown is ${mode}`);
}

function checkTracepoints({ capabilities, tracepoints }: HostFacts): Check {
  const { tracing, rights } = capabilities;
  if (tracing.tracefs === 'absent') {
    const remedy =
      rights.refusal?.remedy ?? 'mount it: mount -t tracefs tracefs /sys/kernel/tracing';
    return missing('tracepoints', 'the kernel tracing file system cannot be read', remedy);
  }
  const absent = tracepoints.filter((name) => !tracing.tracepoints.has(name));
  const blind = absent.filter((name) => name.startsWith('net:'));
  if (blind.length > 0) {
    const remedy = 'use a kernel with CONFIG_TRACEPOINTS, CONFIG_FTRACE and CONFIG_NET';
    return missing('tracepoints', `this kernel lacks ${blind.join(', ')}`, remedy);
  }
  if (absent.length > 0) {
    return warning(
      'tracepoints',
      `this kernel lacks ${absent.join(', ')}; what they would tell is missing in the evidence`,
      'a newer kernel has them (drop reasons since 5.17); CONFIG_FTRACE_SYSCALLS=y gives the system calls',
    );
  }
  const how = tracing.tracefs === 'mounted' ? '' : ', tracefs mounted for the trace alone';
  return ok('tracepoints', `all ${tracepoints.length} tracepoints are there${how}`);
}

function checkConntrack({ conntrack }: Capabilities): Check {
  if (conntrack !== 'absent') return ok('conntrack', `connection tracking is there (${conntrack})`);
  return missing(
    'conntrack',
    'connection tracking (nf_conntrack) is not loaded, so the kernel does not describe it to the probes',
    'start the Docker Engine, or load it: modprobe nf_conntrack',
  );
}

function checkBpftrace({ bpftrace }: Capabilities): Check {
  const { version, absent, problem } = bpftrace;
  if (version === null) {
    const remedy = absent
      ? 'install it: apt-get install bpftrace'
      : 'see what keeps it: bpftrace --version';
    return missing('bpftrace', problem, remedy);
  }
  if (isAtLeast(version, BPFTRACE_FLOOR)) return ok('bpftrace', `bpftrace ${version}`);
  return missing(
    'bpftrace',
    `bpftrace ${version} is older than ${BPFTRACE_FLOOR}`,
    'install a newer one: your distribution’s backports, or a build from github.com/bpftrace/bpftrace',
  );
}

function checkPrograms({ programs }: Capabilities): Check {
  const absent = Object.keys(NEEDED_PROGRAMS).filter((name) => !programs.get(name));
  if (absent.length === 0) {
    return ok('programs', `${Object.keys(NEEDED_PROGRAMS).join(', ')} are installed`);
  }
  const packages = [...new Set(absent.map((name) => NEEDED_PROGRAMS[name]))];
  const remedy = `install them: apt-get install ${packages.join(' ')}`;
  return missing('programs', `not installed: ${absent.join(', ')}`, remedy);
}

function checkKprobes({ tracing }: Capabilities): Check {
  const text = { true: 'there', false: 'not there', null: 'perhaps there' }[`${tracing.kprobes}`];
  const more =
    tracing.kprobes === true ? ', and a trace probes functions too, for the NAT hooks' : '';
  return ok('kprobes', `kprobes are ${text ?? ''}; tracepoints are enough${more}`);
}

function checkRules({ programs }: Capabilities): Check {
  const found = RULE_PROGRAMS.filter((name) => programs.get(name));
  if (found.length > 0) return ok('rules', `rules can be read with ${found.join(' and ')}`);
  return warning(
    'rules',
    'neither iptables-save nor nft is installed, so no rule can be named as the reason for a path',
    'install one: apt-get install iptables nftables',
  );
}

function checkLeftovers({ strayTracers, staleLabs }: HostFacts): Check[] {
  const remedy = 'end and remove what is left: trace-flow doctor --clean';
  const pids = strayTracers.map(({ pid }) => pid);
  return [
    ...(pids.length === 0
      ? []
      : [
          warning(
            'stray-tracers',
            `tracers run on without their trace-flow: pid ${pids.join(', ')}`,
            remedy,
          ),
        ]),
    ...(staleLabs.length === 0
      ? []
      : [warning('stale-labs', `labs were left behind: ${staleLabs.join(', ')}`, remedy)]),
  ];
}
