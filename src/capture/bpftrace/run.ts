/** Collects what one run of bpftrace prints: its events in order, its losses and its counters. */
import { endianness } from 'node:os';
import type {
  AsideEvent,
  CounterEvent,
  TotalEvent,
  TraceEvent,
  Unnumbered,
} from '../../model/event.js';
import { Sequencer } from '../sequencer.js';
import { readAsideKey } from './asides.js';
import type { Formats } from './formats.js';
import { LineLedger, type CompleteSpan } from './ledger.js';
import { createLineReader, type ListingBudget, type TracerLine } from './lines.js';
import { readHopKey, readTotalKey, splitTotal } from './map-keys.js';
import type { SealWatch } from './seal.js';

export type Remainder = Unnumbered<CounterEvent> | Unnumbered<TotalEvent> | Unnumbered<AsideEvent>;

export interface TracerRunOptions {
  /** Calls of each kind that are printed one by one. */
  readonly budget: number;
  /** See ProgramParameters. */
  readonly mark: string;
  readonly onEvent: (event: TraceEvent) => void;
  readonly onLost: (count: number) => void;
  /** Called with each span of time of which every line has come, after all events up to its end. */
  readonly onSpan?: (span: CompleteSpan) => void;
}

/** Milliseconds that events wait for older ones of other CPUs. */
const REORDER = 100;

export class TracerRun {
  readonly #reader;
  readonly #watch: SealWatch;
  readonly #options: TracerRunOptions;
  readonly #sequencer: Sequencer;
  readonly #littleEndian = endianness() === 'LE';
  readonly #counters = new Map<
    string,
    { keys: readonly bigint[]; packets: number; bytes: number }
  >();
  readonly #totals: Unnumbered<TotalEvent>[] = [];
  readonly #asides: Unnumbered<AsideEvent>[] = [];
  readonly #ledger: LineLedger;
  #timer: NodeJS.Timeout | undefined;
  #openedAt = Infinity;
  /** The last one that was told; null while it has not changed. */
  #budget: ListingBudget | null = null;
  #lastTime = 0;
  lost = 0;
  #printed = 0;
  #received = 0;
  begun = false;
  ended = false;

  constructor(formats: Formats, watch: SealWatch, options: TracerRunOptions) {
    this.#reader = createLineReader({
      dropReasons: formats.dropReasons,
      littleEndian: this.#littleEndian,
      mark: options.mark,
    });
    this.#watch = watch;
    this.#options = options;
    this.#sequencer = new Sequencer(options.onEvent);
    this.#ledger = new LineLedger((span) => {
      this.#sequencer.release(span.to);
      options.onSpan?.(span);
    });
  }

  /** Events count from this seal on. */
  open(seal: { time: number }): void {
    this.#openedAt = seal.time;
    if (this.#budget !== null) this.#tellBudget(this.#budget);
    this.#timer = setInterval(() => this.#sequencer.tick(), REORDER);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sequencer.flush();
    if (this.ended) this.#ledger.close(this.#printed);
  }

  /** Lines that have been read. */
  get received(): number {
    return this.#received;
  }

  /** Time of the last event. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /** Lines that the kernel printed and that have not been read; known once `ended`. */
  get unread(): number {
    return Math.max(0, this.#printed - this.#received);
  }

  read(text: string): void {
    const line: TracerLine = this.#reader.read(text);
    switch (line.kind) {
      case 'event':
        this.#received += 1;
        this.#lastTime = Math.max(this.#lastTime, line.event.time);
        if (!this.#watch.observe(line.event) && line.event.time >= this.#openedAt) {
          this.#sequencer.push(line.event);
        }
        this.#ledger.take(line.event.time);
        return;
      case 'lost':
        this.lost += line.count;
        this.#options.onLost(this.lost);
        return;
      case 'count':
        this.#noteBudget(line.budget);
        this.#ledger.count(line.count);
        return;
      case 'begin':
        this.begun = true;
        return;
      case 'end':
        this.ended = true;
        return;
      case 'map':
        // When interrupted, bpftrace prints the maps again; they have been read already.
        if (!this.ended) this.#readMap(line);
        return;
      case 'other':
    }
  }

  /** The counters and totals of the traffic, without those of our own seals. */
  remainder(): Remainder[] {
    const time = this.#lastTime;
    const counters: Unnumbered<CounterEvent>[] = [];
    for (const { keys, packets, bytes } of this.#counters.values()) {
      const hop = readHopKey(keys, this.#littleEndian);
      if (hop) counters.push({ kind: 'counter', time, ...hop, packets, bytes });
    }
    const sums = [...this.#totals, ...this.#asides].map((sum) => ({ ...sum, time }));
    return [...counters, ...sums].filter((event) => !this.#watch.observe(event));
  }

  /** The program repeats it with each count, so that none is missed where one line is lost. */
  #noteBudget(told: ListingBudget | null): void {
    if (told === null || told.since === this.#budget?.since) return;
    this.#budget = told;
    if (this.#openedAt < Infinity) this.#tellBudget(told);
  }

  #tellBudget({ since, budget }: ListingBudget): void {
    this.#sequencer.push({ kind: 'budget', time: Math.max(since, this.#openedAt), budget });
  }

  #readMap(line: TracerLine & { kind: 'map' }): void {
    const value = Number(line.value);
    if (line.map === 'printed') {
      // One for each processor, or one sum.
      this.#printed += value;
      return;
    }
    if (line.map === 'packets' || line.map === 'bytes') {
      const name = line.keys.join();
      const counter = this.#counters.get(name) ?? { keys: line.keys, packets: 0, bytes: 0 };
      counter[line.map] += value;
      this.#counters.set(name, counter);
    } else if (line.map === 'asides') {
      const aside = value > this.#options.budget ? readAsideKey(line.keys, value) : null;
      if (aside) this.#asides.push({ ...aside, time: 0 });
    } else {
      const total = readTotalKey(line.map, line.keys);
      const bytes = line.map === 'total' ? splitTotal(line.value).total : value;
      if (total) this.#totals.push({ kind: 'total', time: 0, ...total, bytes });
    }
  }
}
