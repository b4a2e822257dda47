/** Maps one connection of a report to the spans of a trace: the connection, its legs, its relays; it sends nothing. */
import type { Connection, Hop } from '../../model/report.js';
import { parseNanoseconds } from '../../words/numbers.js';
import { legOf } from '../layout/order.js';
import { describeConnection, describeEvent, describeLeg, describeRelay } from './describe.js';
import { spanIdOf, traceIdOf } from './ids.js';
import { ATTR, type Attributes } from './names.js';

export interface SpanEvent {
  readonly name: 'nat' | 'drop' | 'retransmit' | 'reset';
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly attributes: Attributes;
}

export interface SpanData {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** Number of events beyond the limit. */
  readonly droppedEvents: number;
  /** Why it counts as failed; null if it does not. */
  readonly error: string | null;
}

/** What is known of the whole trace when a connection is sent; `open` until its end, when the seal comes. */
export interface SpanCoverage {
  readonly state: 'open' | 'sealed' | 'unsealed';
  readonly lostEvents: number;
}

/** The limit of the SDKs. */
const MAX_EVENTS = 128;

/** @returns the connection's own span first; nothing if the start of the connection is not known */
export function mapSpans(connection: Connection, coverage: SpanCoverage): SpanData[] {
  const start = parseNanoseconds(connection.timing.start);
  if (start === null) return [];
  const traceId = traceIdOf(connection);
  const rootId = spanIdOf(traceId, 'connection');
  const legs = groupLegs(connection.hops);
  const { end, isBound } = findEnd(connection, start);
  const { outcome, protocol, path } = connection;
  const root: SpanData = {
    traceId,
    spanId: rootId,
    parentSpanId: null,
    name: `${protocol} ${path}`,
    start,
    end,
    attributes: {
      ...describeConnection(connection),
      [ATTR.coverage]: coverage.state,
      [ATTR.lostEvents]: coverage.lostEvents,
      ...(isBound && { [ATTR.endIsBound]: true }),
    },
    events: [],
    droppedEvents: 0,
    error: outcome === 'answered' ? null : outcome,
  };
  const child = (part: string, name: string, hops: readonly Hop[]): SpanData | null => {
    const times = hops.map(({ time }) => BigInt(time));
    const [first] = times;
    if (first === undefined) return null;
    const events = hops.flatMap(eventOf);
    return {
      traceId,
      spanId: spanIdOf(traceId, part),
      parentSpanId: rootId,
      name,
      start: times.reduce((a, b) => (b < a ? b : a), first),
      end: times.reduce((a, b) => (b > a ? b : a), first),
      attributes: {},
      events: events.slice(0, MAX_EVENTS),
      droppedEvents: Math.max(0, events.length - MAX_EVENTS),
      error: null,
    };
  };
  const children = [...legs].flatMap(([number, hops]) => {
    const span = child(`leg ${number}`, number === 0 ? 'leg client' : 'leg relay', hops);
    const isBoundLeg = connection.hopsOmitted > 0 || connection.unlistedLegs?.includes(number);
    const bound = isBoundLeg ? { [ATTR.endIsBound]: true } : {};
    return span
      ? [{ ...span, attributes: { ...describeLeg(connection, number, hops), ...bound } }]
      : [];
  });
  const relays = listRelays(connection).flatMap((relay, index) => {
    const hops = hopsOfRelay(connection.hops, index + 1);
    const span = child(`relay ${index + 1}`, 'relay', hops);
    return span ? [{ ...span, events: [], attributes: describeRelay(connection, relay) }] : [];
  });
  return [root, ...children, ...relays];
}

/** The end; if the duration is not known, the latest listed hop is a lower bound (`isBound`). */
function findEnd(
  { timing, hops }: Connection,
  start: bigint,
): { readonly end: bigint; readonly isBound: boolean } {
  if (timing.duration !== null) return { end: start + BigInt(timing.duration), isBound: false };
  const latest = hops.map(({ time }) => BigInt(time)).reduce((a, b) => (b > a ? b : a), start);
  return { end: latest, isBound: true };
}

/** Groups hops by leg number; bytes that a relay moves belong to no leg. */
function groupLegs(hops: readonly Hop[]): [number, Hop[]][] {
  const legs = Map.groupBy(
    hops.filter(({ kind }) => kind !== 'relay'),
    legOf,
  );
  return [...legs].sort(([a], [b]) => a - b);
}

function listRelays({ relay, relays }: Connection): NonNullable<Connection['relay']>[] {
  return relays ?? (relay === null ? [] : [relay]);
}

/** The hops of what the n-th relay did: take the connection, dial on, move bytes. */
function hopsOfRelay(hops: readonly Hop[], number: number): Hop[] {
  return hops.filter((hop) => {
    if (hop.kind === 'relay') return (hop.relayNumber ?? 1) === number;
    const took = hop.act?.what === 'accept' || hop.act?.what === 'receive';
    return (
      (hop.act?.what === 'connect' && legOf(hop) === number) || (took && legOf(hop) === number - 1)
    );
  });
}

/** Returns two events for a packet that was dropped where it was first seen rewritten. */
function eventOf(hop: Hop): SpanEvent[] {
  const { kind, rewrite } = hop;
  const told: SpanEvent['name'][] = rewrite !== null || kind === 'nat' ? ['nat'] : [];
  if (kind === 'drop' || kind === 'retransmit' || kind === 'reset') told.push(kind);
  const attributes = describeEvent(hop);
  return told.map((name) => ({ name, time: BigInt(hop.time), attributes }));
}
