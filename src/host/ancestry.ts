/** Finds parents and children of processes; reads /proc once, and only when needed. */
import { readParent, type ProcessEntry } from './procfs.js';

export class Ancestry {
  readonly #proc: string;
  readonly #processes: readonly ProcessEntry[];
  #parents: Map<number, number> | null = null;

  constructor(proc: string, processes: readonly ProcessEntry[]) {
    this.#proc = proc;
    this.#processes = processes;
  }

  /** In order of pid. */
  childrenOf(pid: number): ProcessEntry[] {
    const parents = this.#read();
    return this.#processes.filter((one) => parents.get(one.pid) === pid);
  }

  /** The process, its parent, that one's parent and so on. */
  *lineOf(pid: number): Generator<number> {
    const parents = this.#read();
    const met = new Set<number>();
    for (let at: number | undefined = pid; at !== undefined && !met.has(at); at = parents.get(at)) {
      met.add(at);
      yield at;
    }
  }

  #read(): Map<number, number> {
    this.#parents ??= new Map(
      this.#processes.flatMap(({ pid }) => {
        const parent = readParent(this.#proc, pid);
        return parent === null ? [] : [[pid, parent] as const];
      }),
    );
    return this.#parents;
  }
}
