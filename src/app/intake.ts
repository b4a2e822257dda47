/** Passes the probes' events to the analysis, the recording and the stream. */
import { nameProgram } from '../host/procfs.js';
import type { TraceEvent } from '../model/event.js';
import type { Topology } from '../model/topology.js';
import { joinCheckpoints } from '../model/checkpoints.js';
import type { Checkpoint, TraceHeader } from '../model/trace.js';
import type { IncrementalAnalysis, IncrementalOptions } from '../prove/incremental.js';
import { mergeTopologies } from './merge.js';
import { PACKER } from './packer.js';

/** Most events held in memory; a trace that needs more ends by itself. */
export const MAX_EVENTS = 2_000_000;
/** Nanoseconds by which an event may be delivered later than the fastest one. */
const LAG = 1_000_000_000;
/** Milliseconds between two reads of the host's topology, which look for new namespaces. */
const LOOK = 1_000;

export interface IntakeEffects {
  /** Called for each event as it comes. */
  readonly onEvent: (event: TraceEvent) => void;
  /** Reads the host's topology again. */
  readonly readTopology: () => Promise<Topology>;
}

export class Intake {
  readonly #effects: IntakeEffects;
  readonly #namespaces = new Set<number>();
  readonly #names = new ProgramNames();
  /** Events that arrive before the header is known. */
  #early: TraceEvent[] = [];
  #analysis: IncrementalAnalysis | null = null;
  #header: TraceHeader | null = null;
  #topology: Topology;
  /** Inodes of the namespaces for which the topology has been read. */
  #asked: Set<number>;
  #looking = false;
  #lookedAt = -Infinity;
  #full = false;
  #lost = 0;
  #complete: readonly Checkpoint[] = [];
  #lastId = 0;
  #lastTime = 0;
  /** Nanoseconds between the trace's clock and ours. */
  #offset = -Infinity;

  constructor(topology: Topology, effects: IntakeEffects) {
    this.#topology = topology;
    this.#effects = effects;
    this.#asked = new Set(topology.namespaces.map(({ inode }) => inode));
  }

  /** True when it holds {@link MAX_EVENTS} events. It ignores further events. */
  get full(): boolean {
    return this.#full;
  }

  get lastId(): number {
    return this.#lastId;
  }

  get lastTime(): number {
    return this.#lastTime;
  }

  /** Inodes of the namespaces that events came from. */
  get namespaces(): ReadonlySet<number> {
    return this.#namespaces;
  }

  /** The host's topology, including what was found while the trace ran. */
  get topology(): Topology {
    return this.#topology;
  }

  /** Parts of the trace of which every event has been taken. */
  get complete(): readonly Checkpoint[] {
    return this.#complete;
  }

  noteCheckpoint(checkpoint: Checkpoint): void {
    this.#complete = joinCheckpoints(this.#complete, checkpoint);
    this.#analysis?.noteCheckpoint(checkpoint);
  }

  take(told: TraceEvent): void {
    if (this.#full) return;
    const event = this.#nameProgram(told);
    this.#lastId = event.id;
    this.#lastTime = Math.max(this.#lastTime, event.time);
    this.#offset = Math.max(this.#offset, event.time - performance.now() * 1e6);
    if ('namespace' in event && event.namespace !== null) this.#namespaces.add(event.namespace);
    if (this.#analysis === null) this.#early.push(event);
    else {
      this.#analysis.take(event);
      this.#full = this.#analysis.held >= MAX_EVENTS;
    }
    this.#effects.onEvent(event);
  }

  /** @returns the analysis, and the earlier events, which it already holds */
  begin(
    header: TraceHeader,
    options: {
      /** Opens the analysis, whose code is loaded while the probes start. */
      readonly analyse: (header: TraceHeader, options: IncrementalOptions) => IncrementalAnalysis;
      readonly hops: number | null;
      readonly wholeTrace: boolean;
      readonly forgets: boolean;
      /** Checkpoints will come. */
      readonly checkpoints: boolean;
    },
  ): { readonly analysis: IncrementalAnalysis; readonly early: readonly TraceEvent[] } {
    const { analyse, hops, wholeTrace, forgets, checkpoints } = options;
    const budget = wholeTrace ? null : (header.budget ?? null);
    const early = this.#early;
    this.#early = [];
    this.#header = header;
    this.#analysis = analyse(header, {
      hops,
      budget,
      packer: PACKER,
      forgets,
      checkpoints,
    });
    for (const one of this.#complete) this.#analysis.noteCheckpoint(one);
    for (const event of early) this.#analysis.take(event);
    if (this.#lost > 0) this.#analysis.noteLost(this.#lost);
    return { analysis: this.#analysis, early };
  }

  noteLost(total: number): void {
    this.#lost = total;
    this.#analysis?.noteLost(total);
  }

  /**
   * The time on the trace's clock, in nanoseconds, before which all events have arrived; null while the topology lacks
   * a namespace.
   */
  now(): number | null {
    const strangers = [...this.#namespaces].filter((inode) => !this.#asked.has(inode));
    if (strangers.length > 0) this.#look(strangers);
    if (strangers.length > 0 || this.#looking) return null;
    return performance.now() * 1e6 + this.#offset - LAG;
  }

  #nameProgram(event: TraceEvent): TraceEvent {
    if (!('command' in event)) return event;
    const command = this.#names.of(event.pid, event.command);
    return command === event.command ? event : { ...event, command };
  }

  #look(strangers: readonly number[]): void {
    if (this.#looking || performance.now() - this.#lookedAt < LOOK) return;
    this.#looking = true;
    void this.#effects
      .readTopology()
      .then((after) => {
        this.#topology = mergeTopologies(this.#topology, after);
        if (this.#header) this.#analysis?.learn({ ...this.#header, topology: this.#topology });
      })
      // The end of the trace reads it once more.
      .catch(() => undefined)
      .finally(() => {
        for (const inode of strangers) this.#asked.add(inode);
        this.#lookedAt = performance.now();
        this.#looking = false;
      });
  }
}

/** Milliseconds for which the name of a process is remembered: its number may be used again. */
const NAMED = 1_000;

/** The kernel reports a task's name, which may be a runtime's thread name. Finds the program's name instead. */
class ProgramNames {
  readonly #known = new Map<string, string>();
  #since = -Infinity;

  of(pid: number, command: string): string {
    const now = performance.now();
    if (now - this.#since > NAMED) {
      this.#since = now;
      this.#known.clear();
    }
    const key = `${pid} ${command}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = nameProgram('/proc', pid, command);
    this.#known.set(key, name);
    return name;
  }
}
