/** Lists the hops of a connection for its report: every packet, drop and act of a process, in order. */
import type { TracedConnection } from '../../correlate/connections.js';
import type { Journey } from '../../correlate/journeys/journey.js';
import { findWrappings, placeOuter, type Place } from '../../correlate/journeys/outer.js';
import { readJourneys } from '../../correlate/journeys/read.js';
import type { Leg, LegEvent } from '../../correlate/leg.js';
import {
  TCP,
  TCP_STATE,
  type CopyEvent,
  type OuterEvent,
  type PacketEvent,
  type PacketFields,
} from '../../model/event.js';
import type { Hop } from '../../model/report.js';
import { isInnocent } from '../outcome/drops.js';
import { placeMoves, type Carried } from '../timing/move-times.js';
import { describeRewriting } from './rewriting.js';
import { tellEvent, tellMove, tellReceived, type HopContext, type ToldEvent } from './tell-hop.js';

/** Flags that change the state of a connection; packets between them resemble each other. */
const TURN = TCP.SYN | TCP.FIN | TCP.RST;

/** A hop before it is described: most hops of a long connection are never shown. */
export interface HopSketch {
  readonly event: number;
  /** Nanoseconds since the trace's epoch. */
  readonly time: number;
  /** Whether the hop is always kept: a state change of the connection, a rewriting, or any event but a packet. */
  readonly turn: boolean;
  readonly tell: () => Hop;
}

/** All hops in order of time, without uninformative events (most state changes, queues emptied at a close). */
export function listHops(
  { leg, links, received }: Pick<TracedConnection, 'leg' | 'links' | 'received'>,
  context: HopContext,
): HopSketch[] {
  const legs: ToldLeg[] = [];
  for (const one of [leg, ...links.map(({ upstream }) => upstream)]) {
    const before = legs.reduce((sum, { journeys }) => sum + journeys, 0);
    legs.push(sketchLeg(one, { number: legs.length, before }, context));
  }
  const reading = received ? [sketchReading(received, context)] : [];
  const moves = links.flatMap(({ moves: own }, index) => {
    const [near, far] = [legs[index], legs[index + 1]];
    const carried = { request: far?.carried ?? [], reply: near?.carried ?? [] };
    return placeMoves(own, carried).map(({ move, time }): HopSketch => {
      const placed = { move, time, relayNumber: index + 1 };
      return { event: move.event.id, time, turn: false, tell: () => tellMove(placed, context) };
    });
  });
  const others = [...legs.flatMap(({ sketches }) => sketches), ...reading];
  // A move comes before a packet of the same time: sorting is stable.
  return [...moves, ...others.sort((a, b) => a.event - b.event)].sort((a, b) => a.time - b.time);
}

function sketchReading(received: CopyEvent, context: HopContext): HopSketch {
  const { id, time } = received;
  return { event: id, time, turn: false, tell: () => tellReceived(received, context) };
}

/** Keeps at most `limit` hops: those that are mentioned or a turn, then the first of the others. Null keeps all. */
export function selectHops(
  hops: readonly HopSketch[],
  mentioned: ReadonlySet<number>,
  limit: number | null,
): Hop[] {
  if (limit === null || hops.length <= limit) return hops.map((hop) => hop.tell());
  const chosen = new Set(hops.filter((hop) => mentioned.has(hop.event) || hop.turn));
  for (const hop of hops) {
    if (chosen.size >= limit) break;
    chosen.add(hop);
  }
  return hops.filter((hop) => chosen.has(hop)).map((hop) => hop.tell());
}

/** A passage of a packet's journey, with that journey. */
interface PlaceOnWay {
  readonly journey: Journey;
  readonly way: readonly Place[];
  readonly passage: number;
}

interface ToldLeg {
  readonly sketches: readonly HopSketch[];
  /** How many packets there are. */
  readonly journeys: number;
  /** Which bytes of its sides' streams its packets carry. */
  readonly carried: readonly Carried[];
}

/** @param place number of the leg, and number of journeys in the legs before it */
function sketchLeg(
  leg: Leg,
  { number, before }: { readonly number: number; readonly before: number },
  context: HopContext,
): ToldLeg {
  const journeys = readJourneys(leg, { topology: context.topology, isInnocent });
  const places = new Map<number, PlaceOnWay>();
  const wrappings = findWrappings(leg.events);
  for (const journey of journeys) {
    const way = placeOuter(journey.passages, wrappings);
    way.forEach(({ event }, passage) => places.set(event.id, { journey, way, passage }));
  }
  const start = { request: findStart(journeys, true), reply: findStart(journeys, false) };
  const sketches = leg.events.filter(isTold).map((event): HopSketch => {
    const place = places.get(event.id);
    const rewritten = place && place.way[place.passage]?.rewritings.length !== 0;
    return {
      event: event.id,
      time: event.time,
      turn: rewritten === true || !isPacket(event) || (event.flags & TURN) !== 0,
      tell: () => {
        const hop = tellEvent(event, leg, number, context);
        return place ? tellPlace(hop, event, place, { before, start: start[hop.flow] }) : hop;
      },
    };
  });
  return { sketches, journeys: journeys.length, carried: listCarried(journeys, start) };
}

function listCarried(
  journeys: readonly Journey[],
  start: { readonly request: number | null; readonly reply: number | null },
): Carried[] {
  return journeys.flatMap(({ request, passages }) => {
    const first = passages[0]?.event;
    if (first?.kind !== 'packet') return [];
    const stream = findStream(first, request ? start.request : start.reply);
    return stream ? [{ request, time: first.time, stream }] : [];
  });
}

/** Adds to a packet's hop its journey and the rewritings before it. */
function tellPlace(
  hop: Hop,
  event: ToldEvent,
  { journey, way, passage }: PlaceOnWay,
  { before, start }: { before: number; start: number | null },
): Hop {
  const { number, copyOf, end } = journey;
  const [rewrite, secondRewrite] = (way[passage]?.rewritings ?? []).map(describeRewriting);
  const stream = isPacket(event) ? findStream(event, start) : undefined;
  return {
    ...hop,
    rewrite: rewrite ?? null,
    ...(secondRewrite && { secondRewrite }),
    ...(stream && { stream }),
    journey: {
      id: before + number,
      passage,
      passages: way.length,
      end,
      ...(copyOf !== null && { copyOf: before + copyOf }),
    },
  };
}

/** Sequence number of the first byte that one side sends: the one after its SYN. */
function findStart(journeys: readonly Journey[], request: boolean): number | null {
  for (const journey of journeys) {
    if (journey.request !== request) continue;
    const syn = journey.passages.find(
      ({ event }) => event.kind === 'packet' && (event.flags & TCP.SYN) !== 0,
    );
    if (syn) return syn.event.seq + 1;
  }
  return null;
}

/** The packet's bytes in its side's stream; like sequence numbers, they wrap after 4 GiB. */
function findStream({ seq, length, protocol }: PacketFields, start: number | null): Hop['stream'] {
  if (protocol !== 'tcp' || start === null || length === 0) return undefined;
  const from = (seq - start) >>> 0;
  return { from, to: from + length };
}

function isPacket(event: ToldEvent): event is PacketEvent | OuterEvent {
  return event.kind === 'packet' || event.kind === 'outer';
}

/** Whether an event is a hop: counters and uninformative events are not. */
function isTold(event: LegEvent): event is ToldEvent {
  switch (event.kind) {
    case 'counter':
      return false;
    case 'drop':
      return !isInnocent(event);
    case 'state':
      return event.to === TCP_STATE.SYN_SENT;
    case 'packet':
    case 'outer':
    case 'nat':
    case 'reset':
    case 'retransmit':
    case 'accept':
      return true;
  }
}
