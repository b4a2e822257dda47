/** The hops of a connection for its report: every packet, drop and act of a process, in order. */
import type { TracedConnection } from '../../correlate/connections.js';
import type { Journey } from '../../correlate/journeys/journey.js';
import { readJourneys } from '../../correlate/journeys/read.js';
import type { Leg, LegEvent } from '../../correlate/leg.js';
import { TCP, TCP_STATE, type CopyEvent, type PacketEvent } from '../../model/event.js';
import type { Hop } from '../../model/report.js';
import { isInnocent } from '../outcome/drops.js';
import { placeMoves, type Carried } from '../timing/move-times.js';
import { describeRewriting } from './rewriting.js';
import { tellEvent, tellMove, tellReceived, type HopContext, type ToldEvent } from './tell-hop.js';

/** Flags that turn a connection; what passes between them is like the packet before. */
const TURN = TCP.SYN | TCP.FIN | TCP.RST;

/** A hop before it is put into words: most of a long connection's hops are never shown. */
export interface HopSketch {
  readonly event: number;
  /** Nanoseconds since the trace's epoch. */
  readonly time: number;
  /** Matters whatever else there is: a turn of the connection, or what was done to it. */
  readonly turn: boolean;
  readonly tell: () => Hop;
}

/** All hops in order of time; nothing is left out but what tells nothing (state changes, queues emptied at a close). */
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
  // What was moved stands first where the far side has it in the same moment: sorting keeps the order of equals.
  return [...moves, ...others.sort((a, b) => a.event - b.event)].sort((a, b) => a.time - b.time);
}

function sketchReading(received: CopyEvent, context: HopContext): HopSketch {
  const { id, time } = received;
  return { event: id, time, turn: false, tell: () => tellReceived(received, context) };
}

/** At most `limit` hops: those that matter, then the first ones. Null keeps all. */
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

/** A place on a packet's way, with the journey that it is part of. */
interface PlaceOnWay {
  readonly journey: Journey;
  readonly passage: number;
}

interface ToldLeg {
  readonly sketches: readonly HopSketch[];
  /** How many packets there are. */
  readonly journeys: number;
  /** Which bytes of its sides' streams its packets carry. */
  readonly carried: readonly Carried[];
}

/** @param place its number, and that of the journeys of the connection's legs before it, whose numbers come first */
function sketchLeg(
  leg: Leg,
  { number, before }: { readonly number: number; readonly before: number },
  context: HopContext,
): ToldLeg {
  const journeys = readJourneys(leg, { topology: context.topology, isInnocent });
  const places = new Map<number, PlaceOnWay>();
  for (const journey of journeys) {
    journey.passages.forEach(({ event }, passage) => places.set(event.id, { journey, passage }));
  }
  const start = { request: findStart(journeys, true), reply: findStart(journeys, false) };
  const sketches = leg.events.filter(isTold).map((event): HopSketch => {
    const place = places.get(event.id);
    const rewritten = place && place.journey.passages[place.passage]?.rewritings.length !== 0;
    return {
      event: event.id,
      time: event.time,
      turn: rewritten === true || event.kind !== 'packet' || (event.flags & TURN) !== 0,
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

/** A packet's hop with what was done to it on its way there. */
function tellPlace(
  hop: Hop,
  event: ToldEvent,
  { journey, passage }: PlaceOnWay,
  { before, start }: { before: number; start: number | null },
): Hop {
  const { passages, number, copyOf, end } = journey;
  const [rewrite, secondRewrite] = (passages[passage]?.rewritings ?? []).map(describeRewriting);
  const stream = event.kind === 'packet' ? findStream(event, start) : undefined;
  return {
    ...hop,
    rewrite: rewrite ?? null,
    ...(secondRewrite && { secondRewrite }),
    ...(stream && { stream }),
    journey: {
      id: before + number,
      passage,
      passages: passages.length,
      end,
      ...(copyOf !== null && { copyOf: before + copyOf }),
    },
  };
}

/** Sequence number of the first byte that one side sends: the one after its SYN's. */
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

/** Sequence numbers begin anew after 4 GiB; so does this. */
function findStream({ seq, length, protocol }: PacketEvent, start: number | null): Hop['stream'] {
  if (protocol !== 'tcp' || start === null || length === 0) return undefined;
  const from = (seq - start) >>> 0;
  return { from, to: from + length };
}

/** What is a hop: a counter is none, and neither is what tells nothing. */
function isTold(event: LegEvent): event is ToldEvent {
  if (event.kind === 'drop') return !isInnocent(event);
  if (event.kind === 'state') return event.to === TCP_STATE.SYN_SENT;
  return event.kind !== 'counter';
}
