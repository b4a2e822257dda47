/** The hops of a connection for its report: every packet, drop and act of a process, in order, in plain words. */
import type { TracedConnection } from '../correlate/connections.js';
import { isRequest } from '../correlate/bytes.js';
import type { Move } from '../correlate/relays.js';
import { rewritten } from '../correlate/journeys/nat-steps.js';
import type { Journey } from '../correlate/journeys/journey.js';
import { readJourneys } from '../correlate/journeys/read.js';
import type { Leg, LegEvent } from '../correlate/leg.js';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/address.js';
import { TCP, TCP_STATE, type CopyEvent, type NatEvent, type PacketEvent } from '../model/event.js';
import type { Hop } from '../model/report.js';
import type { Topology } from '../model/topology.js';
import { isInnocent } from './drops.js';
import { describePacket, flagNames, summarise } from './packet-words.js';
import type { Places } from './places.js';
import { describeRewriting } from './rewrites.js';

type ToldEvent = Exclude<LegEvent, { kind: 'counter' }>;

/** Flags that turn a connection; what passes between them is like the packet before. */
const TURN = TCP.SYN | TCP.FIN | TCP.RST;

interface HopContext {
  readonly epoch: bigint;
  readonly places: Places;
  readonly topology: Topology;
}

/** A hop before it is put into words: most of a long connection's hops are never shown. */
export interface HopSketch {
  readonly event: number;
  /** Matters whatever else there is: a turn of the connection, or what was done to it. */
  readonly turn: boolean;
  readonly tell: () => Hop;
}

/** All hops in order of time; nothing is left out but what tells nothing (state changes, queues emptied at a close). */
export function listHops(
  { leg, links, received }: Pick<TracedConnection, 'leg' | 'links' | 'received'>,
  context: HopContext,
): HopSketch[] {
  const own = legHops(leg, 'client', 0, context);
  let journeys = own.journeys;
  const sketch = (event: number, tell: () => Hop): HopSketch => ({ event, turn: false, tell });
  const reading = received ? [sketch(received.id, () => receiveHop(received, context))] : [];
  const beyond = links.flatMap(({ upstream, moves }) => {
    const further = legHops(upstream, 'container', journeys, context);
    journeys += further.journeys;
    return [
      ...further.sketches,
      ...moves.map((move) => sketch(move.event.id, () => moveHop(move, context))),
    ];
  });
  return [...own.sketches, ...reading, ...beyond].sort((a, b) => a.event - b.event);
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

/** @param before journeys of the connection's other legs, which have the numbers before this one's */
function legHops(
  leg: Leg,
  name: Hop['leg'],
  before: number,
  context: HopContext,
): { sketches: HopSketch[]; journeys: number } {
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
      turn: rewritten === true || event.kind !== 'packet' || (event.flags & TURN) !== 0,
      tell: () => {
        const hop = eventHop(event, leg, name, context);
        return place ? tellPlace(hop, event, place, { before, start: start[hop.flow] }) : hop;
      },
    };
  });
  return { sketches, journeys: journeys.length };
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

function eventHop(event: ToldEvent, leg: Leg, name: Hop['leg'], context: HopContext): Hop {
  const { places, epoch } = context;
  const common = {
    event: event.id,
    time: String(epoch + BigInt(event.time)),
    leg: name,
    rewrite: null,
    process: null,
  };
  switch (event.kind) {
    case 'packet':
    case 'drop':
    case 'reset':
      return {
        ...common,
        namespace: places.namespace(event.namespace),
        interface: places.device(event.namespace, event.ifindex),
        direction:
          event.kind === 'packet' && event.wire?.directed !== false ? event.direction : null,
        source: formatEndpoint(event.source),
        destination: formatEndpoint(event.destination),
        summary: summarise(event),
        kind: event.kind,
        flow: isRequest(leg, event) ? 'request' : 'reply',
        bytes: event.length,
        flags: flagNames(event.flags),
        skb: event.skb,
      };
    case 'nat':
      return natHop(event, leg, common, context);
    case 'state':
      return {
        ...common,
        ...processPlace(event.namespace, leg.client, event.remote, context),
        summary: 'connect',
        kind: 'process',
        flow: 'request',
        process: { pid: event.pid, command: event.command },
      };
    case 'accept':
      return {
        ...common,
        ...processPlace(event.namespace, event.remote, event.local, context),
        summary: `accept, descriptor ${event.fd}`,
        kind: 'process',
        flow: 'request',
        process: { pid: event.pid, command: event.command },
      };
    case 'retransmit': {
      const request = sameEndpoint(event.local, leg.client);
      return {
        ...common,
        ...processPlace(event.namespace, event.local, event.remote, context),
        summary: 'retransmit',
        kind: 'retransmit',
        flow: request ? 'request' : 'reply',
      };
    }
  }
}

/** The place of a NAT hook is no device: it has one of its own between them. */
function natHop(
  event: NatEvent,
  leg: Leg,
  common: Pick<Hop, 'event' | 'time' | 'leg' | 'process'>,
  { places, topology }: HopContext,
): Hop {
  const { hook, field, becomes } = event;
  const now = rewritten(event);
  const from = formatEndpoint(event[field]);
  const to = formatEndpoint(becomes);
  const request = isRequest(leg, event);
  const where = hook === null ? 'NAT' : `NAT in ${hook}`;
  return {
    ...common,
    namespace: places.namespace(event.namespace ?? topology.host),
    interface: 'NAT',
    direction: null,
    source: formatEndpoint(now.source),
    destination: formatEndpoint(now.destination),
    summary: `${where}: ${describePacket(event)}, ${field} ${from} → ${to}`,
    kind: 'nat',
    flow: request ? 'request' : 'reply',
    bytes: event.length,
    flags: flagNames(event.flags),
    rewrite: hook === null || hook === 'FORWARD' ? null : { hook, field, from, to },
    skb: event.skb,
  };
}

function processPlace(
  namespace: number,
  source: Endpoint,
  destination: Endpoint,
  { places }: HopContext,
): Pick<
  Hop,
  'namespace' | 'interface' | 'direction' | 'source' | 'destination' | 'bytes' | 'flags' | 'skb'
> {
  return {
    namespace: places.namespace(namespace),
    interface: 'process',
    direction: null,
    source: formatEndpoint(source),
    destination: formatEndpoint(destination),
    bytes: 0,
    flags: [],
    skb: null,
  };
}

function receiveHop(event: CopyEvent, context: HopContext): Hop {
  const { id, time, namespace, remote, local, fd, bytes, pid, command } = event;
  return {
    event: id,
    time: String(context.epoch + BigInt(time)),
    ...processPlace(namespace ?? context.topology.host, remote, local, context),
    summary: `receive ${bytes} B, descriptor ${fd}`,
    kind: 'process',
    leg: 'client',
    flow: 'request',
    bytes,
    rewrite: null,
    process: { pid, command },
  };
}

function moveHop(move: Move, context: HopContext): Hop {
  const { event, protocol, from, to, bytes, request } = move;
  const start = (event.total - event.bytes) % 2 ** 32;
  return {
    event: event.id,
    time: String(context.epoch + BigInt(event.time)),
    ...processPlace(context.topology.host, from.remote, to.remote, context),
    summary: `${event.kind === 'move' ? 'splice' : 'copy'} ${bytes} B`,
    kind: 'relay',
    leg: request ? 'client' : 'container',
    flow: request ? 'request' : 'reply',
    bytes,
    rewrite: null,
    process: { pid: event.pid, command: event.command },
    ...(protocol === 'tcp' && { stream: { from: start, to: start + bytes } }),
  };
}
