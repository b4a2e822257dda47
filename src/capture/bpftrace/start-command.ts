/** Writes the command that starts bpftrace, in a mount namespace of its own that shows it no more of tracefs than it needs. */

export interface StartOptions {
  readonly bpftrace: string;
  /** Folder where tracefs is mounted, or null to mount it where only the child sees it. */
  readonly tracefs: string | null;
  /** The tracepoints of the program; null shows it all that there are. */
  readonly events?: readonly string[] | null;
}

const MOUNT = 'mount -t tracefs tracefs /sys/kernel/tracing || exit;';

/**
 * bpftrace reads the list of all tracepoints again for nearly every word of its program. A folder of tracefs that it does not use
 * holds a shorter list. Where this cannot be mounted, it reads the whole one.
 */
const SHORTEN =
  'T=/sys/kernel/tracing/instances; { mount -t tmpfs -o size=64k,mode=700 tmpfs "$T" && echo "$1" >"$T/events" && ' +
  'for d in /sys/kernel/debug/tracing /sys/kernel/tracing; do ' +
  '[ ! -e "$d/available_events" ] || mount --bind "$T/events" "$d/available_events"; done; } 2>/dev/null;';

/** If trace-flow itself is killed, the kernel ends the tracer; no shutdown code could. */
export function writeCommand(
  { bpftrace, tracefs, events = null }: StartOptions,
  more: readonly string[],
): string[] {
  const bound = ['setpriv', '--pdeathsig', 'KILL', bpftrace, ...more, '-'];
  if (tracefs !== null && events === null) return bound;
  const script = [
    ...(tracefs === null ? [MOUNT] : []),
    ...(events === null ? [] : [SHORTEN]),
    'shift; exec "$@"',
  ].join(' ');
  const list = (events ?? []).join('\n');
  return [
    'unshare',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    script,
    'sh',
    list,
    ...bound,
  ];
}
