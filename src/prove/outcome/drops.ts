/** Finds the drop that decided a connection: that of a packet that was needed and never got through. */
import { isRequest } from '../../correlate/bytes.js';
import { WireLeg } from '../../correlate/capture/wire-leg.js';
import type { Leg } from '../../correlate/leg.js';
import { TCP, type DropEvent, type PacketEvent } from '../../model/event.js';
import type { Observed } from '../observed.js';
import { isUnsent, readExchange, type Exchange } from './exchange.js';
import { isAfter } from './sequence.js';

/** Drop reasons that do not affect the flow: part of a socket's close, or a copy meant for another host. */
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
  // A capture shows no drops.
  if (leg instanceof WireLeg) return [];
  return leg.events.filter(
    (event): event is DropEvent => event.kind === 'drop' && !isInnocent(event),
  );
}

type Legs = Pick<Observed, 'leg' | 'links' | 'bytes'>;

/** The drop, on the leg nearest to the client, that explains why the connection went no further; null without one. */
export function findDrop(subject: Legs): DropEvent | null {
  for (const leg of listLegs(subject)) {
    const found = leg.protocol === 'udp' ? findDatagram(leg) : findSegment(leg, subject);
    if (found) return found;
  }
  return null;
}

/** The drop of a segment that the other end never acknowledged after a completed handshake. */
export function findUndelivered(subject: Legs, lossless = true): DropEvent | null {
  for (const leg of listLegs(subject)) {
    if (leg.protocol === 'udp' || !isOpened(leg, readExchange(leg))) continue;
    const unanswered = lossless && subject.bytes.fromServer === 0;
    const found = findUndeliveredOf(leg, listDrops(leg), unanswered);
    if (found) return found;
  }
  return null;
}

/** The drop of a request datagram, otherwise that of an answer. */
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

/** The drop in the handshake. After a SYN+ACK of the server, a retransmitted SYN is not needed any more. */
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
    // A segment dropped only once may have been retransmitted; for a request without any answer, once is enough.
    const again = drops.some((other) => other !== drop && other.seq === drop.seq);
    if (again || (request && unanswered)) return drop;
  }
  return null;
}

/** Whether its receiver had closed before: by a reset, or in order, so that no socket wanted the segment any more. */
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

/** Whether TCP itself dropped it at the receiver, and not on its way. */
function isUnwanted({ reason }: DropEvent): boolean {
  return reason === 'NO_SOCKET' || reason.startsWith('TCP_');
}

/** Whether a rule in OUTPUT dropped it: only there does a packet that is being sent have no device. */
export function isDroppedAtOutput(drop: DropEvent): boolean {
  return drop.reason === 'NETFILTER_DROP' && isUnsent(drop);
}

/** Whether the receiver's socket refused it because its process does not read. */
export function isRefusal({ reason }: DropEvent): boolean {
  return reason === 'TCP_ZEROWINDOW' || reason === 'TCP_OVERWINDOW';
}

/** The last sighting of the dropped packet at a device: by skb or, where it was copied, by the same segment. */
export function findLastHop(leg: Leg, drop: DropEvent): PacketEvent | null {
  // A packet without a device was seen at none, though an earlier transmission may have the same numbers.
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
