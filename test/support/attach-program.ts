/** Attaches programs of BPF of two instructions without a compiler, by perl's syscall. */

/** Types and attach types of include/uapi/linux/bpf.h, with what the program returns. */
const KINDS = {
  /** Drops every packet (TC_ACT_SHOT), or leaves it to others (TC_ACT_UNSPEC). */
  'tcx drop in': [3, 46, 2],
  'tcx pass in': [3, 46, -1],
  'tcx pass out': [3, 47, -1],
  'tcx drop out': [3, 47, 2],
  /** Lets every packet through. */
  'cgroup ingress': [8, 0, 1],
  'cgroup egress': [8, 1, 1],
  /** Lets every socket dial. */
  'cgroup connect4': [18, 10, 1],
  /** Refuses every socket that dials: it gets EPERM. */
  'cgroup refuse connect4': [18, 10, 0],
} as const;
export type ProgramKind = keyof typeof KINDS;

const SCRIPT = String.raw`
my ($type, $attach, $value, $target) = @ARGV;
sub bpf {
  my ($command, $attr) = @_;
  $attr .= "\0" x (128 - length $attr);
  my $answer = syscall(321, $command, $attr, 128);
  die "bpf $command: $!" if $answer < 0;
  return $answer;
}
my $code = pack("CCslCCsl", 0xb7, 0, 0, $value, 0x95, 0, 0, 0);
my $license = "GPL\0";
my @at = map { unpack("Q", pack("P", $_)) } $code, $license;
my $program = bpf(5, pack("L2Q2L2QL2a16L2", $type, 2, @at, 0, 0, 0, 0, 0, "", 0, $attach));
my $folder = $target =~ m{/};
my $to = $target;
if ($folder) { sysopen(my $dir, $target, 0) or die "$target: $!"; open(STDIN, "<&", $dir); $to = 0; }
bpf(8, pack("L4", $to + 0, $program, $attach, $folder ? 2 : 0));`;

/** @param target a folder of cgroup2, or the name of a device of the namespace in which the shell runs it. */
export function writeAttach(kind: ProgramKind, target: string): string {
  const to = target.includes('/')
    ? target
    : `$(ip -o link show dev ${target} | cut -d: -f1 | head -n 1)`;
  return `perl -e '${SCRIPT}' -- ${KINDS[kind].join(' ')} ${to}`;
}
