/** Groups the calls of processes by leg, and by the end of the leg that their socket is at. */
import type { CopyEvent, TraceEvent } from '../model/event.js';
import type { Leg } from './leg.js';
import { findSide, type LegIndex, type Side } from './locate.js';

type Calls = Record<Side, CopyEvent[]>;

const NONE: readonly CopyEvent[] = [];

export class LegCalls {
  readonly #byLeg = new Map<Leg, Calls>();
  /** The legs that each process serves: it has read from or written to the server's socket of the leg. */
  readonly #served = new Map<number, Set<Leg>>();
  readonly #legOf = new Map<CopyEvent, Leg>();

  constructor(index: LegIndex, events: readonly TraceEvent[]) {
    for (const event of events) {
      if (event.kind !== 'copy') continue;
      const { protocol, namespace, time, pid } = event;
      const leg = index.find({ protocol, namespace, ends: event, time });
      const side = leg && findSide(leg, event);
      if (!leg || !side) continue;
      const calls = this.#byLeg.get(leg) ?? { client: [], server: [] };
      this.#byLeg.set(leg, calls);
      calls[side].push(event);
      this.#legOf.set(event, leg);
      if (side === 'client') continue;
      const served = this.#served.get(pid) ?? new Set();
      this.#served.set(pid, served.add(leg));
    }
  }

  /** In order of time. */
  of(leg: Leg, side: Side): readonly CopyEvent[] {
    return this.#byLeg.get(leg)?.[side] ?? NONE;
  }

  legOf(call: CopyEvent): Leg | null {
    return this.#legOf.get(call) ?? null;
  }

  /** Whether a process is known to serve other legs but not this one. */
  servesOthers(pid: number, leg: Leg): boolean {
    const served = this.#served.get(pid);
    return served !== undefined && !served.has(leg);
  }
}
