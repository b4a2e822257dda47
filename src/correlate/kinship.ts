/** Tracks which process serves for which: a relay that forks lets its child serve the connection that it accepted. */
import type { AcceptEvent, ForkEvent, TraceEvent } from '../model/event.js';

export class Kinship {
  /** The fork that created each process; a reused pid means the latest process. */
  readonly #forks = new Map<number, ForkEvent>();
  /** The forks that each process made. */
  readonly #children: ReadonlyMap<number, readonly ForkEvent[]>;
  /** By child pid: the last accept of the parent before it forked; the child serves that connection. */
  readonly #served = new Map<number, AcceptEvent>();

  /** The events must be in order of time. */
  constructor(events: readonly TraceEvent[]) {
    const accepts = new Map<number, AcceptEvent>();
    for (const event of events) {
      if (event.kind === 'accept') accepts.set(event.pid, event);
      if (event.kind !== 'fork') continue;
      this.#forks.set(event.child, event);
      const accept = accepts.get(event.pid) ?? this.#served.get(event.pid);
      if (accept) this.#served.set(event.child, accept);
    }
    this.#children = Map.groupBy(this.#forks.values(), ({ pid }) => pid);
  }

  /** Whether `pid` is `ancestor` or was forked by it, directly or not. */
  descends(pid: number, ancestor: number): boolean {
    const seen = new Set<number>();
    for (let at: number | undefined = pid; at !== undefined && !seen.has(at);) {
      if (at === ancestor) return true;
      seen.add(at);
      at = this.#forks.get(at)?.pid;
    }
    return false;
  }

  /** The oldest known ancestor of a process; the process itself where no fork is known. */
  rootOf(pid: number): number {
    const seen = new Set<number>();
    let root = pid;
    for (let at = this.#forks.get(pid); at && !seen.has(root); at = this.#forks.get(root)) {
      seen.add(root);
      root = at.pid;
    }
    return root;
  }

  /** The process and all its descendants. */
  family(pid: number): Set<number> {
    const family = new Set([pid]);
    for (const member of family) {
      for (const { child } of this.#children.get(member) ?? []) family.add(child);
    }
    return family;
  }

  /** The accept that a process was forked for, as far as the order of calls tells; null for others. */
  servedBy(pid: number): AcceptEvent | null {
    return this.#served.get(pid) ?? null;
  }
}
