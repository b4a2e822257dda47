/** Analyses a capture while it is read: judges connections that are over, hands them on and frees their packets. */
import { BusyTimes } from '../correlate/capture/busy-times.js';
import {
  correlateCapture,
  createAsked,
  listConnections,
  type CapturedConnection,
  type CapturedLegs,
} from '../correlate/capture/connections.js';
import {
  findFinal,
  looksAround,
  SETTLED,
  YOUNG,
  type FinalLegs,
} from '../correlate/capture/final.js';
import type { CapturedLeg } from '../correlate/capture/legs.js';
import { isUnexplained } from '../correlate/capture/rivals.js';
import { sketchPair, type RelayPair, type Pairings } from '../correlate/capture/relays.js';
import { Services } from '../correlate/capture/services.js';
import type { CaptureFacts } from '../model/conversation.js';
import type { Trace, TraceHeader } from '../model/trace.js';
import { hearsAll } from './analyse-capture.js';
import type { CaptureEnd, CapturedKeeper } from './captured-store.js';
import { coverageOf } from './coverage/coverage.js';
import { namePlaces } from './hops/places.js';
import { contextOf, type WireDescribing } from './sketch-wire.js';

/** Number of held legs above which finished legs no longer wait for open ones. */
const MANY = 15_000;

/** Nanoseconds around a pair of legs within which other legs count against it, with room to spare. */
const REACH = 10_000_000_000;

export interface CaptureAnalysisOptions {
  /** Puts what was asked for into the header of the capture. */
  readonly narrow: (header: TraceHeader) => TraceHeader;
  readonly keeper: CapturedKeeper;
  /** Hops kept per connection; null keeps all. */
  readonly hops: number | null;
  /** How many legs may be held, for tests. */
  readonly many?: number;
}

/** The part of a capture that was read and is still held. */
export interface CapturePiece {
  readonly header: TraceHeader;
  readonly capture: CaptureFacts;
  /** Nanoseconds since the epoch: every packet before this time has been read. */
  readonly horizon: number;
}

export class IncrementalCapture {
  readonly #options: CaptureAnalysisOptions;
  readonly #services = new Services();
  readonly #ports = new Map<string, number>();
  readonly #gone = new BusyTimes();
  /** Whether legs around the time of finished ones can decide about them: once so, it is taken to stay so. */
  #wide = false;
  #taken = 0;
  #hurried = 0;

  constructor(options: CaptureAnalysisOptions) {
    this.#options = options;
  }

  /** How many connections that were asked for have come so far. */
  get taken(): number {
    return this.#taken;
  }

  /** How many legs were freed although open legs could still have changed the judgement on them. */
  get hurried(): number {
    return this.#hurried;
  }

  /** How many connections went to each port, asked for or not, as `8080/tcp`. */
  get ports(): ReadonlyMap<string, number> {
    return this.#ports;
  }

  /** @returns numbers of the conversations that may be freed */
  look({ header, capture, horizon }: CapturePiece): ReadonlySet<number> {
    const asked = this.#options.narrow(header);
    const found = this.#correlate(asked, capture, horizon);
    const { many = MANY } = this.#options;
    const settled = findFinal(found, horizon, found.legs.length > many);
    const { hops } = this.#options;
    const context = contextOf({ header: asked, capture }, namePlaces(asked.topology), hops);
    this.#take(found, settled, asked, context);
    this.#letGo(found, settled);
    const gone = new Set<number>();
    const seen = new Set<number>();
    for (const leg of found.legs) {
      for (const { id } of leg.conversations) {
        seen.add(id);
        if (settled.final.has(leg)) gone.add(id);
      }
    }
    // Conversations whose packets were all only counted have no leg.
    for (const one of capture.conversations) {
      if (!seen.has(one.id) && one.isOverAt(horizon - SETTLED)) gone.add(one.id);
    }
    return gone;
  }

  /** Leaves out what is too young to decide about what is over. */
  #correlate(header: TraceHeader, capture: CaptureFacts, horizon: number): CapturedLegs {
    const correlate = (young: number): CapturedLegs =>
      correlateCapture(header, capture, { gone: this.#gone, until: horizon - young });
    this.#wide ||= capture.conversations.some(({ protocol }) => protocol === 'udp');
    if (!this.#wide) {
      const found = correlate(YOUNG.short);
      this.#wide = looksAround(found);
      if (!this.#wide) return found;
    }
    return correlate(YOUNG.long);
  }

  /**
   * Takes everything that is still held, at the end of the capture.
   * @param trace what was not freed, its header narrowed to what was asked for
   */
  finish(trace: Trace): CaptureEnd {
    const { header, capture } = trace;
    const [witness] = capture?.witnesses ?? [];
    if (capture) {
      const found = correlateCapture(header, capture, { gone: this.#gone, until: Infinity });
      const context = contextOf(trace, namePlaces(header.topology), this.#options.hops);
      this.#take(found, { final: new Set(found.legs), forced: new Set() }, header, context);
    }
    return {
      coverage: coverageOf(trace),
      services: this.#services,
      hears: hearsAll(witness),
    };
  }

  /** Remembers when those freed legs were active that could have been a side of a pair. */
  #letGo({ legs }: CapturedLegs, { final }: FinalLegs): void {
    const times = legs.flatMap((leg) =>
      final.has(leg) && leg.leg.protocol === 'tcp' && isUnexplained(leg)
        ? [{ from: leg.first.first, until: leg.first.last }]
        : [],
    );
    this.#gone.add(times);
    const oldest = legs.find((leg) => !final.has(leg));
    if (oldest) this.#gone.forget(oldest.first.first - REACH);
  }

  #take(
    { legs, pairings }: CapturedLegs,
    { final, forced }: FinalLegs,
    header: TraceHeader,
    context: WireDescribing,
  ): void {
    this.#hurried += forced.size;
    const own = forced.size === 0 ? pairings : doubtForced(pairings, forced);
    const taken = legs.filter((leg) => final.has(leg));
    const edges = [...own.strong.values()].map(({ edge }) => edge);
    const { keeper } = this.#options;
    // Pairs of forced legs may be wrong.
    const certain = edges.filter(({ client }) => final.has(client) && !forced.has(client));
    if (keeper.weighs) this.#services.take(taken, certain);
    const isAsked = createAsked(header);
    for (const connection of listConnections(taken, own, () => null)) {
      this.#countPorts(connection);
      if (!isAsked(connection)) continue;
      this.#taken += 1;
      const { captured } = connection;
      const weighs = keeper.weighs && !forced.has(captured);
      keeper.take(connection, context, weighs ? sketchPair(own, captured) : null);
    }
  }

  #countPorts({ leg, link }: CapturedConnection): void {
    const led = link?.upstream.destination ?? leg.destination;
    for (const port of new Set([leg.server?.port, led.port])) {
      if (port === undefined) continue;
      const key = `${port}/${leg.protocol}`;
      this.#ports.set(key, (this.#ports.get(key) ?? 0) + 1);
    }
  }
}

/** Marks the pairs of forced legs as uncertain: legs that are still open could have formed another pair. */
function doubtForced(pairings: Pairings, forced: ReadonlySet<CapturedLeg>): Pairings {
  const doubt = (pairs: ReadonlyMap<CapturedLeg, RelayPair>): Map<CapturedLeg, RelayPair> =>
    new Map(
      [...pairs].map(([client, pair]) => [
        client,
        forced.has(client) ? { ...pair, only: false } : pair,
      ]),
    );
  return { ...pairings, strong: doubt(pairings.strong), weak: doubt(pairings.weak) };
}
