/**
 * Finds where else a process read and wrote while it served a connection: every way by which it may have passed bytes
 * on.
 */
import type { Endpoint } from '../model/address.js';
import {
  TCP_STATE,
  type AcceptEvent,
  type AsideEvent,
  type AsideKind,
  type CopyEvent,
  type StateEvent,
  type TraceEvent,
} from '../model/event.js';
import { isRequest } from './bytes.js';
import type { LegCalls } from './calls.js';
import type { Kinship } from './kinship.js';
import type { Leg } from './leg.js';
import { keyOfSum, sumOfCall } from './sum-keys.js';

/** One way, with the first call on it. */
export interface RelayWay {
  /**
   * `dial`: it dialled a connection. `call`: it used a connection that it had dialled, or one of which no leg is known.
   * `handed`: another process, which is not related to it, used the client's socket.
   */
  readonly what: 'dial' | 'call' | 'handed' | AsideKind;
  readonly event: StateEvent | CopyEvent | AsideEvent;
  /** The remote end, where the kernel told one. */
  readonly to: Endpoint | null;
}

/** The event that shows who serves a connection: its accept, or its first datagram read or answered. */
export type Taking = AcceptEvent | CopyEvent;

/** What is known about the other connections. */
export interface Surroundings {
  readonly calls: LegCalls;
  readonly kinship: Kinship;
  /** Legs that are known to be the upstream of another client. */
  readonly spoken: ReadonlySet<Leg>;
}

type Doing = RelayWay['event'];

export class Ways {
  readonly #around: Surroundings;
  /** In order of time. */
  readonly #byProcess = new Map<number, Doing[]>();
  /** Counts at the end of the trace of the calls that were not listed one by one. */
  readonly #sums: AsideEvent[] = [];
  readonly #told = new Map<string, AsideEvent>();
  readonly #legs = new Map<StateEvent, Leg>();
  /** The last listed call of each socket on which further calls were not listed. */
  readonly #spent: readonly CopyEvent[];

  constructor(legs: readonly Leg[], events: readonly TraceEvent[], around: Surroundings) {
    this.#around = around;
    for (const leg of legs) if (leg.dialled) this.#legs.set(leg.dialled, leg);
    for (const event of events) {
      if (event.kind === 'aside' && event.sum === true) this.#sums.push(event);
      else if (isDoing(event)) this.#add(event);
    }
    this.#spent = listSpent(events);
  }

  #add(event: Doing): void {
    const own = this.#byProcess.get(event.pid);
    if (own) own.push(event);
    else this.#byProcess.set(event.pid, [event]);
    if (event.kind === 'aside') this.#told.set(objectKey(event), event);
  }

  /**
   * All calls elsewhere of the process that took `leg`, up to the end of its answer; empty when it dealt only with its
   * client.
   */
  find(leg: Leg, taking: Taking): RelayWay[] {
    const since = Math.min(taking.time, leg.events[0]?.time ?? taking.time);
    const answered = findAnswered(leg, this.#around.calls);
    const until = answered ?? lastTime(leg);
    const closed = Math.max(until, lastTime(leg));
    const family = [...this.#around.kinship.family(taking.pid)].filter(
      (pid) => pid === taking.pid || !this.#around.calls.servesOthers(pid, leg),
    );
    const asides: AsideEvent[] = [];
    const ways: RelayWay[] = [];
    for (const pid of family) {
      for (const event of from(this.#byProcess.get(pid) ?? [], since)) {
        if (event.time > closed) break;
        if (event.kind === 'aside') {
          if (event.time <= until) asides.push(event);
          continue;
        }
        const way = event.time <= until || event.kind === 'state' ? this.#follow(event, leg) : null;
        if (way) ways.push(way);
      }
    }
    const late = this.#sums
      .filter((sum) => family.includes(sum.pid) && this.#mayBe(sum, until))
      .map((sum) => this.#told.get(objectKey(sum)) ?? sum);
    ways.push(...this.#leave([...asides, ...late], family));
    ways.push(...this.#listUntold(leg, taking, { family, since, until }));
    // For a process that was handed the socket, no other calls are traced.
    for (const event of this.#around.calls.of(leg, 'server')) {
      if (!family.includes(event.pid)) ways.push({ what: 'handed', event, to: null });
    }
    const others = ways.filter((way) => !isLog(way));
    return others.length === 0 && answered !== null ? [] : ways;
  }

  /**
   * The way that an event shows: a dial, or a call on a connection that is neither this one nor another client's. Null
   * otherwise.
   */
  #follow(event: StateEvent | CopyEvent, leg: Leg): RelayWay | null {
    const { calls, spoken } = this.#around;
    if (event.kind === 'state') {
      const dialled = this.#legs.get(event);
      if (event.to !== TCP_STATE.SYN_SENT || (dialled && spoken.has(dialled))) return null;
      return { what: 'dial', event, to: event.remote };
    }
    const other = calls.legOf(event);
    if (other === leg || (other !== null && spoken.has(other))) return null;
    if (other !== null && calls.of(other, 'server').includes(event)) return null;
    return { what: 'call', event, to: event.remote };
  }

  /**
   * Ways over sockets on which a process of the family, or one of the same name that shares them, may have made
   * unlisted calls.
   */
  #listUntold(leg: Leg, { command }: Taking, { family, since, until }: Span): RelayWay[] {
    return this.#spent.flatMap((last) => {
      const own = family.includes(last.pid) || last.command === command;
      const over = (this.#around.calls.legOf(last)?.until ?? Infinity) < since;
      return !own || over || last.time > until ? [] : (this.#follow(last, leg) ?? []);
    });
  }

  /** Drops what the process says to itself: both ends of the pipe or socket pair are its own. */
  #leave(asides: readonly AsideEvent[], family: readonly number[]): RelayWay[] {
    return asides
      .filter((event) => !this.#isInward(event, family))
      .map((event) => ({ what: event.what, event, to: event.remote }));
  }

  #isInward({ what, object, peer, operation }: AsideEvent, family: readonly number[]): boolean {
    if (what !== 'pipe' && what !== 'unix') return false;
    const end = what === 'pipe' ? object : peer;
    const other = operation === 'write' ? 'read' : 'write';
    return family.some((pid) => this.#told.has([pid, end, other].join()));
  }

  /** Whether calls that were not listed one by one may have been made in that time. */
  #mayBe(sum: AsideEvent, until: number): boolean {
    const last = this.#told.get(objectKey(sum));
    return last === undefined || (sum.calls > last.calls && last.time <= until);
  }
}

function isDoing(event: TraceEvent): event is Doing {
  switch (event.kind) {
    case 'state':
      return event.to === TCP_STATE.SYN_SENT;
    case 'copy':
    case 'aside':
      return true;
    default:
      return false;
  }
}

/** The time in which a process, or one of its family, served a connection. */
interface Span {
  readonly family: readonly number[];
  readonly since: number;
  readonly until: number;
}

/** Lists the last listed call of each socket whose final count shows further calls. */
function listSpent(events: readonly TraceEvent[]): CopyEvent[] {
  const last = new Map<string, CopyEvent>();
  const spent = new Map<string, CopyEvent>();
  for (const event of events) if (event.kind === 'copy') last.set(sumOfCall(event), event);
  for (const event of events) {
    if (event.kind !== 'total') continue;
    const told = last.get(keyOfSum(event));
    if (told && event.bytes > told.total) spent.set(keyOfSum(event), told);
  }
  return [...spent.values()];
}

function objectKey({ pid, object, operation }: AsideEvent): string {
  return [pid, object, operation].join();
}

/** When the last byte of the answer was sent; null without an answer. */
function findAnswered(leg: Leg, calls: LegCalls): number | null {
  if (leg.unlisted) return lastTime(leg);
  const packet = leg.events.findLast(
    (event) => event.kind === 'packet' && event.length > 0 && !isRequest(leg, event),
  );
  const write = calls.of(leg, 'server').findLast(({ operation }) => operation === 'write');
  const times = [packet, write].flatMap((event) => event?.time ?? []);
  return times.length === 0 ? null : Math.max(...times);
}

/** Until when bytes may have passed. Packets that are not listed may have passed at any time while the leg was open. */
function lastTime({ events, unlisted, until }: Leg): number {
  if (unlisted) return until;
  return events.findLast(({ kind }) => kind !== 'counter')?.time ?? 0;
}

/**
 * Whether a way is a log: a write to standard output or standard error. With an answer, logs alone do not count as
 * ways.
 */
function isLog({ event }: RelayWay): boolean {
  return (
    event.kind === 'aside' && event.operation === 'write' && (event.fd === 1 || event.fd === 2)
  );
}

/** Keeps one way of each kind and remote end. */
export function firstOfEach(ways: readonly RelayWay[]): RelayWay[] {
  const seen = new Map<string, RelayWay>();
  for (const way of ways) {
    // A process also speaks to what it dialled.
    const what = way.what === 'dial' ? 'call' : way.what;
    const key = `${what}|${way.to?.address ?? ''}|${way.to?.port ?? ''}`;
    if (!seen.has(key)) seen.set(key, way);
  }
  return [...seen.values()];
}

/** The part of a time-ordered list that begins at a time. */
function* from<T extends { readonly time: number }>(
  list: readonly T[],
  time: number,
): Generator<T> {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.time ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < list.length; at += 1) yield list[at] as T;
}
