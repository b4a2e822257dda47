/** Asks the kernel for programs of BPF that decide besides the rules: those of tcx and netkit, and of control groups. */
import {
  GROUP_POINTS,
  type BpfPrograms,
  type DeviceProgram,
  type GroupPoint,
  type GroupPrograms,
} from '../model/bpf-programs.js';

/** Attach types of `enum bpf_attach_type` in include/uapi/linux/bpf.h. */
const DEVICE_TYPES = [
  [46, 'ingress'],
  [47, 'egress'],
  // A netkit device: what is sent by it, and what its peer sends to it.
  [54, 'egress'],
  [55, 'ingress'],
] as const;
const GROUP_TYPES: Readonly<Record<GroupPoint, number>> = {
  ingress: 0,
  egress: 1,
  sock_create: 2,
  connect4: 10,
  connect6: 11,
  sendmsg4: 14,
  sendmsg6: 15,
  recvmsg4: 19,
  recvmsg6: 20,
};

/** Number of the system call bpf(2); null where it is not known. */
const SYSTEM_CALLS: Readonly<Partial<Record<NodeJS.Architecture, number>>> = {
  x64: 321,
  arm64: 280,
  riscv64: 280,
  loong64: 280,
  ppc64: 361,
  ia32: 357,
  arm: 386,
};

/**
 * Perl's words for BPF_PROG_QUERY: `ask` returns how many programs are attached, and -1 where that is not known. A kernel
 * that does not have the attach type answers EINVAL, EOPNOTSUPP or ENXIO: then no program is attached.
 */
const ASK = String.raw`
my $nr = shift() + 0;
sub ask {
  my ($fd, $type, $flags) = @_;
  my $attr = pack("L16", $fd, $type, $flags, (0) x 13);
  my $ok = syscall($nr, 16, $attr, 64);
  return unpack("L", substr($attr, 24, 4)) if $ok == 0;
  return $! == 22 || $! == 95 || $! == 6 || $! == 19 ? 0 : -1;
}`;

/** Reads `ip -o link` from standard input; parameters: the system call's number, then pairs of type and direction. */
export const DEVICE_SCRIPT = String.raw`${ASK}
my $bad = 0;
my @types;
while (@ARGV) { push @types, [shift() + 0, shift]; }
while (<STDIN>) {
  /^(\d+): ([^:@]+)/ or next;
  my ($index, $name) = ($1 + 0, $2);
  for my $type (@types) {
    my $count = ask($index, $type->[0], 0);
    $bad = 1 if $count < 0;
    print "$type->[1] $name\n" if $count > 0;
  }
}
print $bad ? "unasked\n" : "asked\n";`;

/**
 * Prints the control groups that have programs (also of groups above them), each with its processes in this network
 * namespace. Parameters: the system call's number; `self` if clients are in the group of this process, or `oldest` for
 * that of the namespace's first process; then pairs of type and point.
 */
export const GROUP_SCRIPT = String.raw`${ASK}
my $whose = shift;
my @types;
while (@ARGV) { push @types, [shift() + 0, shift]; }
my $mount;
open(my $mounts, "<", "/proc/self/mountinfo") or exit 1;
while (<$mounts>) {
  my @f = split / /;
  next unless / - cgroup2 / && $f[3] eq "/";
  $mount = $f[4];
  $mount =~ s/\\(\d{3})/chr(oct($1))/ge;
  last;
}
exit 1 unless defined $mount;
sub group_of {
  open(my $file, "<", "/proc/$_[0]/cgroup") or return undef;
  while (<$file>) { return $1 if /^0::(.*)$/; }
  return undef;
}
sub start_of {
  open(my $file, "<", "/proc/$_[0]/stat") or return undef;
  my $line = <$file>;
  return (split / /, substr($line, rindex($line, ")") + 2))[19];
}
my $own = readlink("/proc/self/ns/net");
my (%pids, $first, $start);
my $bad = 0;
opendir(my $proc, "/proc") or exit 1;
for my $pid (grep { /^\d+$/ } readdir $proc) {
  my $ns = readlink("/proc/$pid/ns/net");
  next unless defined $ns && $ns eq $own;
  my $group = group_of($pid);
  next unless defined $group;
  # A group outside of what this process may see has no folder here.
  $bad = 1, next if $group =~ m{^/\.\.};
  push @{$pids{$group}}, $pid;
  next if $whose eq "self";
  my $began = start_of($pid);
  ($first, $start) = ($group, $began) if defined $began && (!defined $start || $began < $start);
}
$first = group_of("self") if $whose eq "self";
$bad = 1 unless defined $first;
for my $group (sort keys %pids) {
  my $fh;
  unless (sysopen($fh, "$mount$group", 0)) { $bad = 1; next; }
  my @points;
  for my $type (@types) {
    my $count = ask(fileno($fh), $type->[0], 1);
    $bad = 1 if $count < 0;
    push @points, $type->[1] if $count > 0;
  }
  next unless @points;
  my $clients = defined $first && $first eq $group ? "clients" : "others";
  print join(" ", $clients, join(",", @points), join(",", sort { $a <=> $b } @{$pids{$group}}), $group), "\n";
}
print $bad ? "unasked\n" : "asked\n";`;

/** Words for both scripts; null where the machine's system calls are not known. */
export function listParameters(
  clients: 'self' | 'oldest',
  machine: NodeJS.Architecture = process.arch,
): { readonly devices: readonly string[]; readonly groups: readonly string[] } | null {
  const number = SYSTEM_CALLS[machine];
  if (number === undefined) return null;
  const points = GROUP_POINTS.flatMap((point) => [String(GROUP_TYPES[point]), point]);
  return {
    devices: [String(number), ...DEVICE_TYPES.flat().map(String)],
    groups: [String(number), clients, ...points],
  };
}

/** Reads what both scripts printed. */
export function parsePrograms(devices: string, groups: string): BpfPrograms {
  return {
    devices: readAnswers(devices, (line) => {
      const [, direction, device] = /^(ingress|egress) (\S+)$/.exec(line) ?? [];
      return device === undefined
        ? null
        : { device, direction: direction as DeviceProgram['direction'] };
    }),
    groups: readAnswers(groups, readGroup),
  };
}

/** Null unless everything was asked for and understood. */
function readAnswers<T>(text: string, read: (line: string) => T | null): T[] | null {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.pop() !== 'asked') return null;
  const answers = lines.map(read);
  return answers.includes(null) ? null : answers.filter((answer) => answer !== null);
}

function readGroup(line: string): GroupPrograms | null {
  const [, clients, points = '', pids = '', group] =
    /^(clients|others) ([a-z0-9_,]+) ([\d,]+) (\/.*)$/.exec(line) ?? [];
  if (group === undefined) return null;
  return {
    group,
    points: GROUP_POINTS.filter((point) => points.split(',').includes(point)),
    pids: pids.split(',').map(Number),
    clients: clients === 'clients',
  };
}

/** Reads `bpftool -j net show`: null for versions before 7.3, which do not know tcx. */
export function parseToolDevices(version: string, text: string): DeviceProgram[] | null {
  const [major = 0, minor = 0] =
    /"version":"v?(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  if (major < 7 || (major === 7 && minor < 3)) return null;
  try {
    const list = JSON.parse(text) as readonly {
      tc?: readonly { devname: string; kind: string }[];
    }[];
    return list.flatMap(({ tc = [] }) =>
      tc.flatMap(({ devname, kind }): DeviceProgram[] => {
        const direction = TOOL_KINDS[kind];
        return direction === undefined ? [] : [{ device: devname, direction }];
      }),
    );
  } catch {
    return null;
  }
}

const TOOL_KINDS: Readonly<Record<string, DeviceProgram['direction']>> = {
  'tcx/ingress': 'ingress',
  'tcx/egress': 'egress',
  'netkit/primary': 'egress',
  'netkit/peer': 'ingress',
};

/**
 * Reads `bpftool -j cgroup tree`, which names no processes: it can only tell that no group has programs of these kinds.
 */
export function parseToolGroups(text: string): GroupPrograms[] | null {
  if (!text.trimStart().startsWith('[')) return null;
  const counts =
    /"attach_type":\s*"\w*(ingress|egress|sock_create|(connect|sendmsg|recvmsg)[46]?)"/;
  return counts.test(text) ? null : [];
}
