/** Counts how often the kernel skipped a probe because another was running on that CPU: bpftrace does not report it. */
import { readdir, readFile } from 'node:fs/promises';

/**
 * Reads the runs that the BPF programs of a process group have missed so far; null where the kernel does not count them
 * (before 5.12; of tracepoints before 6.7 it says 0). Source: `recursion_misses` in /proc/PID/fdinfo.
 */
export class SkipReader {
  readonly #group: number | undefined;
  /** Its processes, once known: they hold the programs for as long as these are attached. */
  #pids: readonly string[] = [];

  constructor(group: number | undefined) {
    this.#group = group;
  }

  async read(): Promise<number | null> {
    const known = await sumOf(this.#pids);
    if (known !== null || this.#group === undefined) return known;
    this.#pids = await listGroup(this.#group);
    return sumOf(this.#pids);
  }
}

async function listGroup(group: number): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const own = await Promise.all(pids.map(async (pid) => ((await isOf(pid, group)) ? [pid] : [])));
  return own.flat();
}

async function sumOf(pids: readonly string[]): Promise<number | null> {
  return sumMisses((await Promise.all(pids.map(readDescriptors))).flat());
}

/** One program may have several descriptors; it counts once. */
export function sumMisses(texts: readonly string[]): number | null {
  const misses = new Map<string, number>();
  for (const text of texts) {
    const id = /^prog_id:\s*(\d+)$/m.exec(text)?.[1];
    const count = /^recursion_misses:\s*(\d+)$/m.exec(text)?.[1];
    if (id !== undefined && count !== undefined) misses.set(id, Number(count));
  }
  return misses.size === 0 ? null : [...misses.values()].reduce((sum, count) => sum + count, 0);
}

async function isOf(pid: string, group: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The command, in parentheses, may contain spaces; after it come state, parent and group.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group;
}

async function readDescriptors(pid: string): Promise<string[]> {
  const folder = `/proc/${pid}/fdinfo`;
  const names = await readdir(folder).catch(() => []);
  return Promise.all(
    names.map(async (name) => readFile(`${folder}/${name}`, 'latin1').catch(() => '')),
  );
}
