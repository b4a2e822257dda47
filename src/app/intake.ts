/** What the probes tell of a trace: into the analysis, the recording and the stream, with what else is asked of it. */
import { nameProgram } from '../host/procfs.js';
import type { TraceEvent } from '../model/event.js';
import type { Topology } from '../model/topology.js';
import type { TraceHeader } from '../model/trace.js';
import { IncrementalAnalysis } from '../prove/incremental.js';
import { mergeTopologies } from './merge.js';
import { PACKER } from './packer.js';

/** Events held in memory; a trace that needs more ends by itself. */
export const MAX_EVENTS = 2_000_000;
/** Nanoseconds by which events may come later than the quickest did. */
const LAG = 1_000_000_000;
/** Milliseconds between two looks at the host for namespaces that have come since. */
const LOOK = 1_000;

export interface IntakeEffects {
  /** Called for each event as it comes. */
  readonly onEvent: (event: TraceEvent) => void;
  /** Reads the map of the host anew. */
  readonly readTopology: () => Promise<Topology>;
}

export class Intake {
  readonly #effects: IntakeEffects;
  readonly #namespaces = new Set<number>();
  /** What comes before the header is known. */
  #early: TraceEvent[] = [];
  #analysis: IncrementalAnalysis | null = null;
  #header: TraceHeader | null = null;
  #topology: Topology;
  /** Namespaces of which the map has been asked. */
  #asked: Set<number>;
  #looking = false;
  #lookedAt = -Infinity;
  #full = false;
  #lost = 0;
  #lastId = 0;
  #lastTime = 0;
  /** Nanoseconds between the trace's clock and ours. */
  #offset = -Infinity;

  constructor(topology: Topology, effects: IntakeEffects) {
    this.#topology = topology;
    this.#effects = effects;
    this.#asked = new Set(topology.namespaces.map(({ inode }) => inode));
  }

  /** It holds as many events as it may: what comes is left out. */
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

  /** The host with everything that came while the trace ran, as far as it was looked at. */
  get topology(): Topology {
    return this.#topology;
  }

  take(told: TraceEvent): void {
    if (this.#full) return;
    const event = withProgram(told);
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

  /** @returns the events that came before, which the analysis has as well */
  begin(
    header: TraceHeader,
    options: {
      readonly hops: number | null;
      readonly wholeTrace: boolean;
      readonly forgets: boolean;
    },
  ): { readonly analysis: IncrementalAnalysis; readonly early: readonly TraceEvent[] } {
    const { hops, wholeTrace, forgets } = options;
    const budget = wholeTrace ? null : (header.budget ?? null);
    const early = this.#early;
    this.#early = [];
    this.#header = header;
    this.#analysis = new IncrementalAnalysis(header, { hops, budget, packer: PACKER, forgets });
    for (const event of early) this.#analysis.take(event);
    if (this.#lost > 0) this.#analysis.noteLost(this.#lost);
    return { analysis: this.#analysis, early };
  }

  noteLost(total: number): void {
    this.#lost = total;
    this.#analysis?.noteLost(total);
  }

  /** Nanoseconds of the trace's clock before which everything has come; null while a namespace has no name yet. */
  now(): number | null {
    const strangers = [...this.#namespaces].filter((inode) => !this.#asked.has(inode));
    if (strangers.length > 0) this.#look(strangers);
    if (strangers.length > 0 || this.#looking) return null;
    return performance.now() * 1e6 + this.#offset - LAG;
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
      // The end of the trace asks once more.
      .catch(() => undefined)
      .finally(() => {
        for (const inode of strangers) this.#asked.add(inode);
        this.#lookedAt = performance.now();
        this.#looking = false;
      });
  }
}

/** The kernel tells the name of a task; a runtime may have given it a thread's. */
function withProgram(event: TraceEvent): TraceEvent {
  if (!('command' in event)) return event;
  const command = nameProgram('/proc', event.pid, event.command);
  return command === event.command ? event : { ...event, command };
}
