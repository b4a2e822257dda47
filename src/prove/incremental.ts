/** Analyses a trace while it runs: judges connections that are over, keeps them compactly and frees their events. */
import { isRequest } from '../correlate/bytes.js';
import { Budgets } from '../correlate/budgets.js';
import { correlate, type TracedConnection } from '../correlate/connections.js';
import { pairKey } from '../correlate/leg.js';
import { keepRelevant } from '../correlate/relevant.js';
import { retire } from '../correlate/retire.js';
import { joinCheckpoints } from '../model/checkpoints.js';
import { TCP, TCP_STATE, type BudgetEvent, type TraceEvent } from '../model/event.js';
import type { TraceCoverage } from '../model/judgement.js';
import type { Connection, Report } from '../model/report.js';
import type { Checkpoint, Trace, TraceHeader, TraceTail } from '../model/trace.js';
import { assemble } from './analyse.js';
import { coverageOf, isLossless } from './coverage/coverage.js';
import { coverageOfLife, standsAfterLoss, type Life } from './coverage/whole-parts.js';
import { settleSketch } from './settle.js';
import { sketchTraced, type ConnectionSketch } from './sketch-live.js';
import { indexFunctions } from './hops/functions.js';
import { namePlaces } from './hops/places.js';
import { findLives } from './lives.js';
import { ConnectionStore, numberPlaced, type ListPosition } from './kept-connection.js';
import type { Packer } from './packed-texts.js';

/** A running trace is not sealed yet: without checkpoints, connections that are over are judged as if it were. */
const OPEN_TAIL: TraceTail = {
  lostEvents: 0,
  unparsedPackets: 0,
  truncated: false,
  sealed: true,
  notes: [],
};

/** A connection that is over and lies in no complete part of the trace. */
const UNCONFIRMED: TraceTail = { ...OPEN_TAIL, sealed: false };

/** Nanoseconds for which a connection that is over waits for the checkpoint that makes it final. */
const PATIENCE = 6_000_000_000;

/** Nanoseconds for which stray packets of a freed connection are recognised: a FIN is retransmitted for so long. */
const STRAY = 120_000_000_000;

/** Events after the time of judgement from which they wait. */
const MANY = 5_000;

export interface IncrementalOptions {
  /** Hops kept per connection; null keeps all. */
  readonly hops: number | null;
  /** Calls reported per socket, see TraceHeader.budget; the end tells the sum of further ones. Null: unknown. */
  readonly budget: number | null;
  readonly packer: Packer;
  /** Checkpoints will come while events do: connections wait for one. Without it, they do so from the first one on. */
  readonly checkpoints?: boolean;
  /** Only counts freed connections and leaves them out of the report: for traces that need no report. */
  readonly forgets?: boolean;
}

/** The connections so far, judged as if the trace lacked only the events that are known to be lost by now. */
export interface Standing {
  /** Connections that were freed since the last call. */
  readonly over: readonly Connection[];
  /** How many connections are still held, and how many of these have ended. */
  readonly counts: { readonly held: number; readonly ended: number };
  /** Held connections that have ended since the last call; empty unless they are wanted. */
  readonly ended: readonly Connection[];
  /** All held connections in the order in which they were first seen; empty unless all are wanted. */
  readonly open: readonly Connection[];
}

/** Which of the connections that are still held are described. */
export type Wanted = 'none' | 'ended' | 'all';

export interface TraceEnd {
  readonly source: Trace['source'];
  readonly header: TraceHeader;
  /** Events that were read after the last one of the trace. */
  readonly sums: readonly TraceEvent[];
  readonly tail: TraceTail;
}

export class IncrementalAnalysis {
  readonly #options: IncrementalOptions;
  readonly #store: ConnectionStore;
  #coverage: TraceCoverage = OPEN_TAIL;
  #header: TraceHeader;
  #packets = 0;
  /** Held events that were already looked at, in order of time. */
  #events: TraceEvent[] = [];
  #fresh: TraceEvent[] = [];
  #complete: readonly Checkpoint[] = [];
  #isNewlyComplete = false;
  readonly #changes: BudgetEvent[] = [];
  /** Time of the last event that was looked at. */
  #latest = -Infinity;
  /** The first event of every connection that was already reported as ended. */
  readonly #described = new WeakSet<TraceEvent>();
  /** When the connection between two endpoints was freed, by their pair. */
  #strays = new Map<string, number>();

  constructor(header: TraceHeader, options: IncrementalOptions) {
    this.#header = header;
    this.#options = options;
    this.#store = new ConnectionStore(options.packer, OPEN_TAIL, options.forgets);
  }

  /** Events that are still needed, the new ones last. */
  get events(): readonly TraceEvent[] {
    return [...this.#events, ...this.#fresh];
  }

  /** How many events are still needed. */
  get held(): number {
    return this.#events.length + this.#fresh.length;
  }

  /** Whether a checkpoint has come since the last look: connections that were over by then are final. */
  get hasCheckpoint(): boolean {
    return this.#isNewlyComplete;
  }

  /** Whether anything has come since the last look. */
  get hasNews(): boolean {
    return this.#fresh.length > 0 || this.#isNewlyComplete;
  }

  /** How many packets were seen. */
  get packets(): number {
    return this.#packets;
  }

  /** How many connections were freed. */
  get settled(): number {
    return this.#store.size;
  }

  /** Takes a newer header, whose map of the host is more complete. */
  learn(header: TraceHeader): void {
    this.#header = header;
  }

  /** @param total events known to be lost by now; from here on no verdict rests on the absence of an event */
  noteLost(total: number): void {
    this.#coverage = { ...OPEN_TAIL, lostEvents: total };
  }

  /** All events of this part of the trace have been taken. */
  noteCheckpoint(checkpoint: Checkpoint): void {
    this.#complete = joinCheckpoints(this.#complete, checkpoint);
    this.#isNewlyComplete = true;
  }

  take(event: TraceEvent): void {
    // A state of the whole trace: it outlives the connections.
    if (event.kind === 'budget') {
      this.#changes.push(event);
      return;
    }
    this.#fresh.push(event);
    if (event.kind === 'packet') this.#packets += 1;
  }

  /**
   * Looks at everything that is held.
   * @param now nanoseconds of the trace's clock, before which every event has come; null frees nothing
   * @param wanted which of the held connections to describe
   */
  advance(now: number | null, wanted: Wanted = 'none'): Standing {
    this.#sort();
    const header = this.#header;
    const { budget } = this.#options;
    const at = this.#findTime(now);
    this.#isNewlyComplete = false;
    const [events, later] = this.#split(wanted === 'none' && budget !== null ? at : null);
    const correlation = correlate(events, header, this.#budgets);
    const retired =
      at === null || budget === null ? null : retire(correlation, events, { now: at, budget });
    const context = this.#context(events);
    const gone = new Set(retired?.over.map(({ connection }) => connection));
    const over = (retired?.over ?? []).map(({ connection: one, begin }) => {
      const sketch = sketchTraced(one, context);
      const life = { from: begin, to: at ?? begin, robust: standsAfterLoss(sketch.facts) };
      const connection = this.#store.add(sketch, placeOf(one.leg.events), life);
      return this.#settle(connection, sketch, life);
    });
    const held = correlation.connections.filter((one) => !gone.has(one));
    const ended = held.filter(hasEnded);
    const tell = (one: TracedConnection, index: number): Connection =>
      settleSketch(this.#store.size + index + 1, sketchTraced(one, context), this.#coverage);
    const told = {
      over,
      counts: { held: held.length, ended: ended.length },
      ended: wanted === 'none' ? [] : ended.filter((one) => this.#isNew(one)).map(tell),
      open: wanted === 'all' ? held.map(tell) : [],
    };
    if (retired && at !== null) {
      this.#events = [...retired.kept, ...later];
      for (const pair of retired.pairs) {
        this.#strays.delete(pair); // keeps the map in order of time
        this.#strays.set(pair, at);
      }
      for (const [pair, time] of this.#strays) {
        if (at - time < STRAY) break;
        this.#strays.delete(pair);
      }
    }
    return told;
  }

  get #budgets(): Budgets {
    return new Budgets(this.#header.budget, this.#changes.toSorted(byTime));
  }

  get #hasCheckpoints(): boolean {
    return this.#options.checkpoints === true || this.#complete.length > 0;
  }

  /** The time at which connections are judged; null where none is let go yet. */
  #findTime(now: number | null): number | null {
    if (now === null || !this.#hasCheckpoints) return now;
    const final = this.#complete.at(-1)?.to ?? -Infinity;
    const latest = Math.min(now, this.#latest) - PATIENCE;
    return Math.max(final, latest) === -Infinity ? null : Math.max(final, latest);
  }

  /** The connection as it is told while the trace runs; `told` is judged as if the trace lacked nothing. */
  #settle(told: Connection, sketch: ConnectionSketch, life: Life): Connection {
    const { lostEvents } = this.#coverage;
    const coverage = this.#hasCheckpoints
      ? coverageOfLife(life, this.#complete, { ...UNCONFIRMED, lostEvents })
      : this.#coverage;
    return isLossless(coverage) ? told : settleSketch(told.id, sketch, coverage);
  }

  /**
   * Under load, events after the time at which connections are judged wait: what begins after it decides nothing before,
   * and looking at it again and again would cost most of the time.
   */
  #split(at: number | null): readonly [now: readonly TraceEvent[], later: readonly TraceEvent[]] {
    const events = this.#events;
    const length = at === null ? events.length : events.findLastIndex(({ time }) => time <= at) + 1;
    if (events.length - length < MANY) return [events, []];
    return [events.slice(0, length), events.slice(length)];
  }

  /** Builds the report on all connections, including those that are still open. */
  finish({ source, header, sums, tail }: TraceEnd): {
    readonly report: Report;
    readonly trace: Trace;
    /** Connections of the report that had not been freed before. */
    readonly rest: readonly Connection[];
  } {
    this.#fresh.push(...sums);
    this.#sort();
    this.#header = header;
    const events = keepRelevant(this.#events, header.topology);
    const partial = this.#store.size > 0 ? { partial: true as const } : {};
    const all = [...this.#changes, ...events].sort(byTime);
    const trace: Trace = { source, header, events: all, tail, ...partial };
    const coverage: TraceCoverage = coverageOf(trace);
    const context = this.#context(events);
    const correlation = correlate(events, header, this.#budgets);
    const lives = findLives(trace, correlation);
    const { complete = [] } = tail;
    const rest = correlation.connections.map((one) => {
      const sketch = sketchTraced(one, context);
      return {
        place: placeOf(one.leg.events),
        connection: settleSketch(0, sketch, lives.coverageOf(one, sketch.facts, coverage)),
      };
    });
    const kept = this.#store.list(coverage, complete);
    const connections = numberPlaced([...kept, ...rest]);
    return {
      report: assemble(trace, connections, this.#store.namespaces),
      trace,
      rest: rest.map(({ connection }) => connection),
    };
  }

  /** Whether the connection has not been described before. */
  #isNew({ leg: { events } }: TracedConnection): boolean {
    const [first] = events;
    if (first === undefined || this.#described.has(first)) return false;
    this.#described.add(first);
    return true;
  }

  #context(events: readonly TraceEvent[]) {
    return {
      header: this.#header,
      places: namePlaces(this.#header.topology),
      functions: indexFunctions(events),
      limit: this.#options.hops,
    };
  }

  /** Merges the new events into the held ones, without strays. */
  #sort(): void {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh.sort(byTime).filter((event) => !this.#isStray(event));
    this.#fresh = [];
    const late = (fresh[0]?.time ?? Infinity) < (this.#events.at(-1)?.time ?? -Infinity);
    const all = [...this.#events, ...fresh];
    this.#latest = Math.max(this.#latest, fresh.at(-1)?.time ?? -Infinity);
    this.#events = late ? all.sort(byTime) : all;
  }

  /** Whether an event belongs to a connection that was already freed, such as a retransmitted packet. */
  #isStray(event: TraceEvent): boolean {
    switch (event.kind) {
      case 'packet':
      case 'outer':
      case 'drop':
      case 'reset': {
        if (event.protocol !== 'tcp') return false;
        const key = pairKey('tcp', event.source, event.destination);
        // A SYN begins another connection between the same ports.
        if ((event.flags & (TCP.SYN | TCP.ACK)) === TCP.SYN) this.#strays.delete(key);
        return this.#strays.has(key);
      }
      case 'state': {
        const key = pairKey('tcp', event.local, event.remote);
        if (event.to === TCP_STATE.SYN_SENT || event.to === TCP_STATE.SYN_RECV) {
          this.#strays.delete(key);
        }
        return this.#strays.has(key);
      }
      case 'retransmit':
        return this.#strays.has(pairKey('tcp', event.local, event.remote));
      // Calls and counts have no pair of addresses that could be freed.
      case 'accept':
      case 'nat':
      case 'function':
      case 'move':
      case 'copy':
      case 'aside':
      case 'fork':
      case 'counter':
      case 'total':
      case 'budget':
        return false;
    }
  }
}

/** Whether every TCP leg was closed or refused, and every UDP leg was answered. */
function hasEnded({ leg, links }: TracedConnection): boolean {
  return [leg, ...links.map(({ upstream }) => upstream)].every((one) => {
    const packets = one.events.filter((event) => event.kind === 'packet');
    if (one.protocol === 'udp') return packets.some((packet) => !isRequest(one, packet));
    return packets.length === 0 || one.until !== Infinity;
  });
}

function byTime(a: TraceEvent, b: TraceEvent): number {
  return a.time - b.time || a.id - b.id;
}

function placeOf([first]: readonly TraceEvent[]): ListPosition {
  return [first?.time ?? 0, first?.id ?? 0];
}
