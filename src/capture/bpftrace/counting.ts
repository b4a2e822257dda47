/** Chooses how the program counts the lines that it prints, so that it can tell the count while it runs. */
import { readFile } from 'node:fs/promises';
import { isSince } from './version.js';

/**
 * - `keyed`: a number for each processor, which the program adds up. A program on a tracepoint is not interrupted by
 *   another one there, so no count is lost.
 * - `cast`: a count of bpftrace's own, which it can read while it runs.
 * - `end`: a count that only bpftrace itself can read, at the end. There are no checkpoints then.
 */
export type Counting =
  | { readonly kind: 'keyed'; readonly cpus: number }
  | { readonly kind: 'cast' }
  | { readonly kind: 'end' };

/** The first version that reads a count in an expression, and that uses raw tracepoints, which interrupt each other. */
const CAST_SINCE = [0, 23] as const;
/** Reading a count needs bpf_map_lookup_percpu_elem, which Linux has since 5.19. */
const KERNEL_SINCE = [5, 19] as const;
/** Most processors that the program adds up: each costs a look-up. */
const MOST_CPUS = 128;

/** Reads how many processors this machine may have, and chooses; `version` is what `bpftrace --version` prints. */
export async function readCounting(version: string, release: string): Promise<Counting> {
  const possible = await readFile('/sys/devices/system/cpu/possible', 'utf8').catch(() => '');
  return chooseCounting({ version, release, possible });
}

export function chooseCounting({
  version,
  release,
  possible,
}: {
  readonly version: string;
  /** What `uname -r` prints. */
  readonly release: string;
  /** The list of processors, such as `0-3,8`. */
  readonly possible: string;
}): Counting {
  if (isSince(version, CAST_SINCE)) {
    return isSince(release, KERNEL_SINCE) ? { kind: 'cast' } : { kind: 'end' };
  }
  const numbers = possible.match(/\d+/g)?.map(Number) ?? [];
  const cpus = Math.max(-1, ...numbers) + 1;
  return cpus > 0 && cpus <= MOST_CPUS ? { kind: 'keyed', cpus } : { kind: 'end' };
}
