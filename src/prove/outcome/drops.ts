/** The drop that decided a connection: of a packet that was needed and never got through. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import { TCP, type DropEvent, type PacketEvent } from '../../model/event.js';
import type { Observed } from '../observed.js';
import { isUnsent, readExchange, type Exchange } from './exchange.js';
import { isAfter } from './sequence.js';

/** Drops that are part of a socket's end or of another host's copy, not of the flow's fate. */
const INNOCENT = new Set([
  'OTHERHOST',
  'QUEUE_PURGE',
  'SOCKET_CLOSE',
  'CONSUMED',
  'TCP_OLD_DATA',
  'TCP_OLD_ACK',
  'TCP_OFOMERGE',
]);

export function isInnocent(drop: DropEvent): boolean {
  return INNOCENT.has(drop.reason) || drop.namespace === null;
}

/** The legs of a connection, the client's first. */
export function listLegs({ leg, links }: Pick<Observed, 'leg' | 'links'>): Leg[] {
  return [leg, ...links.map(({ upstream }) => upstream)];
}

function listDrops(leg: Leg): DropEvent[] {
  return leg.events.filter(
    (event): event is DropEvent => event.kind === 'drop' && !isInnocent(event),
  );
}

type Legs = Pick<Observed, 'leg' | 'links' | 'bytes'>;

/** The drop on the leg nearest to the client that explains why it went no further; null where nothing does. */
export function findDrop(subject: Legs): DropEvent | null {
  for (const leg of listLegs(subject)) {
    const found = leg.protocol === 'udp' ? findDatagram(leg) : findSegment(leg, subject);
    if (found) return found;
  }
  return null;
}

/** The drop of a segment that the other end never acknowledged, though both had shaken hands. */
export function findUndelivered(subject: Legs, lossless = true): DropEvent | null {
  for (const leg of listLegs(subject)) {
    if (leg.protocol === 'udp' || !isOpened(leg, readExchange(leg))) continue;
    const unanswered = lossless && subject.bytes.fromServer === 0;
    const found = findUndeliveredOf(leg, listDrops(leg), unanswered);
    if (found) return found;
  }
  return null;
}

/** Of datagrams: the request's, else the answer's. */
function findDatagram(leg: Leg): DropEvent | null {
  const drops = listDrops(leg);
  return drops.find((drop) => isRequest(leg, drop)) ?? drops[0] ?? null;
}

function findSegment(leg: Leg, subject: Legs): DropEvent | null {
  const exchange = readExchange(leg);
  const drops = listDrops(leg);
  if (drops.length === 0) return null;
  return isOpened(leg, exchange)
    ? findUndeliveredOf(leg, drops, subject.bytes.fromServer === 0)
    : findOpening(leg, drops, exchange);
}

function isOpened({ begun }: Leg, { completed }: Exchange): boolean {
  return completed || !begun;
}

/** What was thrown away of the handshake. Once the server has agreed, a SYN that is sent again is not needed any more. */
function findOpening(
  leg: Leg,
  drops: readonly DropEvent[],
  { server }: Exchange,
): DropEvent | null {
  const isSyn = ({ flags }: DropEvent): boolean => (flags & TCP.SYN) !== 0;
  const isReset = ({ flags }: DropEvent): boolean => (flags & TCP.RST) !== 0;
  const requests = drops.filter((drop) => isRequest(leg, drop) && !isReset(drop));
  if (server.syns === 0) return requests.find(isSyn) ?? requests[0] ?? null;
  const replies = drops.filter((drop) => !isRequest(leg, drop));
  return replies.find(isSyn) ?? requests.find((drop) => !isSyn(drop)) ?? null;
}

function findUndeliveredOf(
  leg: Leg,
  drops: readonly DropEvent[],
  unanswered: boolean,
): DropEvent | null {
  const { client, server } = readExchange(leg);
  for (const drop of drops) {
    if (drop.length === 0 || isRefusal(drop)) continue;
    const request = isRequest(leg, drop);
    const own = request ? client : server;
    if (!own.acksSeen || (own.acked !== null && isAfter(own.acked, drop.seq))) continue;
    if (isClosed(leg, drop, request)) continue;
    // What was sent but once may only be late; of a request that was never answered, once is enough.
    const again = drops.some((other) => other !== drop && other.seq === drop.seq);
    if (again || (request && unanswered)) return drop;
  }
  return null;
}

/** Whether the end that it was for had closed before: by a reset, or in order, so that no socket wanted it any more. */
function isClosed(leg: Leg, drop: DropEvent, request: boolean): boolean {
  const ends = isUnwanted(drop) ? TCP.FIN | TCP.RST : TCP.RST;
  return leg.events.some(
    (event) =>
      event.kind === 'packet' &&
      event.time <= drop.time &&
      (event.flags & ends) !== 0 &&
      isRequest(leg, event) !== request,
  );
}

/** Thrown away by TCP itself at the receiver, and not on its way. */
function isUnwanted({ reason }: DropEvent): boolean {
  return reason === 'NO_SOCKET' || reason.startsWith('TCP_');
}

/** Thrown away by a rule on its way out of the process that sent it: only there a packet has no device. */
export function isDroppedAtOutput(drop: DropEvent): boolean {
  return drop.reason === 'NETFILTER_DROP' && isUnsent(drop);
}

/** The receiver's own socket turned it away: its process reads nothing. */
export function isRefusal({ reason }: DropEvent): boolean {
  return reason === 'TCP_ZEROWINDOW' || reason === 'TCP_OVERWINDOW';
}

/** The last device that the dropped packet was seen at: the same skb, or, where it was copied, the same segment. */
export function findLastHop(leg: Leg, drop: DropEvent): PacketEvent | null {
  // What had no device yet was seen at none; what was sent before may bear the same numbers.
  if (isUnsent(drop)) return null;
  const before = leg.events.filter(
    (event): event is PacketEvent =>
      event.kind === 'packet' &&
      event.time <= drop.time &&
      event.seq === drop.seq &&
      event.ack === drop.ack &&
      event.flags === drop.flags &&
      event.length === drop.length,
  );
  return before.findLast(({ skb }) => skb !== null && skb === drop.skb) ?? before.at(-1) ?? null;
}
