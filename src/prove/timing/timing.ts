/** Finds when a connection began, how long its parts took and how much was retransmitted; null where not seen. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg, LegEvent } from '../../correlate/leg.js';
import { TCP, TCP_STATE, type PacketEvent } from '../../model/event.js';
import type { Connection } from '../../model/report.js';
import type { Observed } from '../observed.js';
import { listLegs } from '../outcome/drops.js';
import { readExchange } from '../outcome/exchange.js';
import { isAfter } from '../outcome/sequence.js';

export function findTiming(subject: Observed, epoch: bigint): Connection['timing'] {
  const { leg, link } = subject;
  const [first] = leg.events;
  const last = leg.events.findLast(isOccurrence);
  return {
    start: first ? formatTime(epoch + BigInt(first.time)) : null,
    connect: leg.begun ? exactly(findConnect(leg)) : null,
    firstReply: exactly(findFirstReply(leg)),
    // The last packets of a leg may not be listed, unless its end was seen.
    duration:
      first && last && (!leg.unlisted || hasEnded(leg)) ? exactly(last.time - first.time) : null,
    relay: link && exactly(findRelayed(leg, link.upstream)),
  };
}

/** Null beyond the exact integers, about three months: clocks of captures may be that far apart. */
function exactly(nanoseconds: number | null): number | null {
  return nanoseconds !== null && Number.isSafeInteger(nanoseconds) ? nanoseconds : null;
}

/** Whether something happened: not for counters and for sockets that were only looked at as the trace ended. */
function isOccurrence(event: LegEvent): boolean {
  switch (event.kind) {
    case 'counter':
      return false;
    case 'state':
      return event.from !== event.to;
    case 'packet':
    case 'outer':
    case 'drop':
    case 'nat':
    case 'reset':
    case 'retransmit':
    case 'accept':
      return true;
  }
}

/** ISO 8601 with nanoseconds. */
function formatTime(nanoseconds: bigint): string {
  const second = new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 19);
  return `${second}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}Z`;
}

function hasEnded({ events, protocol }: Leg): boolean {
  return (
    protocol === 'tcp' &&
    events.some((event) => event.kind === 'packet' && (event.flags & (TCP.FIN | TCP.RST)) !== 0)
  );
}

/** Nanoseconds from the first SYN to the client's ACK, or to its socket's change of state where that was seen. */
function findConnect(leg: Leg): number | null {
  const { server, completed } = readExchange(leg);
  if (leg.protocol === 'udp' || !completed) return null;
  const { events } = leg;
  const syn = events.find(
    (event) => event.kind === 'packet' && (event.flags & (TCP.SYN | TCP.ACK)) === TCP.SYN,
  );
  if (!syn) return null;
  const established = events.find(
    (event) =>
      event.kind === 'state' &&
      event.from === TCP_STATE.SYN_SENT &&
      event.to === TCP_STATE.ESTABLISHED,
  );
  if (established) return established.time - syn.time;
  const acked = events.find(
    (event) =>
      event.kind === 'packet' &&
      (event.flags & (TCP.SYN | TCP.RST | TCP.ACK)) === TCP.ACK &&
      isRequest(leg, event) &&
      server.syn !== null &&
      isAfter(event.ack, server.syn),
  );
  return acked ? acked.time - syn.time : null;
}

/** From the client's first payload to the server's first, both at the device that saw the client's first. */
function findFirstReply(leg: Leg): number | null {
  const asked = findPayload(leg, true);
  if (!asked) return null;
  const reply = leg.events.find(
    (event): event is PacketEvent =>
      isPayload(event) &&
      !isRequest(leg, event) &&
      event.time >= asked.time &&
      (asked.skb === null || isOpposite(event, asked)),
  );
  return reply ? reply.time - asked.time : null;
}

/** Whether two packets passed the same device in opposite directions. */
function isOpposite(a: PacketEvent, b: PacketEvent): boolean {
  return a.namespace === b.namespace && a.ifindex === b.ifindex && a.direction !== b.direction;
}

function isPayload(event: Leg['events'][number]): event is PacketEvent {
  return event.kind === 'packet' && event.length > 0;
}

function findPayload(leg: Leg, request: boolean): PacketEvent | null {
  return (
    leg.events.find(
      (event): event is PacketEvent => isPayload(event) && isRequest(leg, event) === request,
    ) ?? null
  );
}

/** From the last sighting of the client's first payload to the first sighting of the relay's own. */
function findRelayed(leg: Leg, upstream: Leg): number | null {
  const asked = findPayload(leg, true);
  const sent = findPayload(upstream, true);
  if (!asked || !sent) return null;
  const came = leg.events.findLast(
    (event): event is PacketEvent =>
      isPayload(event) &&
      isRequest(leg, event) &&
      event.seq === asked.seq &&
      event.length === asked.length &&
      event.time <= sent.time &&
      event.skb === asked.skb,
  );
  return came ? sent.time - came.time : null;
}

/** Counts retransmitted segments on all legs; null where some may not have been seen. */
export function countRetransmits(
  subject: Observed,
  attached: readonly string[],
  lossless: boolean,
): number | null {
  if (subject.leg.protocol === 'udp' || !lossless) return null;
  const told = isTold(attached);
  let sum = 0;
  for (const leg of listLegs(subject)) {
    for (const request of [true, false]) {
      const count = countSide(leg, request, told);
      if (count === null) return null;
      sum += count;
    }
  }
  return sum;
}

/** Counts those of one side alone; null where some may not have been seen. */
export function countSideRetransmits(
  leg: Leg,
  request: boolean,
  attached: readonly string[],
): number | null {
  return leg.protocol === 'udp' ? null : countSide(leg, request, isTold(attached));
}

function isTold(attached: readonly string[]): boolean {
  return attached.some((probe) => RETRANSMITS.has(probe));
}

/** Both names of the probe that reports them. */
const RETRANSMITS: ReadonlySet<string> = new Set([
  'tracepoint:tcp:tcp_retransmit_skb',
  'rawtracepoint:tcp_retransmit_skb',
]);

/** Counts by packets; where some may be unlisted, by the sender's socket, if that is on this kernel. */
function countSide(leg: Leg, request: boolean, told: boolean): number | null {
  let bySocket = 0;
  let local = false;
  const places = new Map<string, PlaceCount>();
  const isOwn = ({ local }: { readonly local: Leg['client'] }): boolean =>
    (local.port === leg.client.port) === request;
  for (const event of leg.events) {
    if (event.kind === 'retransmit') bySocket += isOwn(event) ? 1 : 0;
    else if (event.kind === 'state' || event.kind === 'accept') local ||= isOwn(event);
    else if (event.kind === 'packet' && isRequest(leg, event) === request) {
      local ||= event.socket !== null;
      note(places, event);
    }
  }
  if (leg.unlisted) return told && local ? bySocket : null;
  return Math.max(bySocket, ...[...places.values()].map(({ again }) => again));
}

interface PlaceCount {
  again: number;
  /** Sequence number after the furthest byte. */
  furthest: number | null;
  readonly turns: Set<string>;
}

/** Counts at one place: a segment that begins before the furthest byte is a retransmission, or fills a loss's gap. */
function note(places: Map<string, PlaceCount>, event: PacketEvent): void {
  const { namespace, ifindex, direction, source, destination, seq, length } = event;
  const key = `${namespace}|${ifindex}|${direction}|${source.port}|${destination.port}`;
  const place = places.get(key) ?? { again: 0, furthest: null, turns: new Set<string>() };
  places.set(key, place);
  const turn = event.flags & (TCP.SYN | TCP.FIN);
  if (length === 0) {
    if (turn === 0 || (event.flags & TCP.RST) !== 0) return;
    if (place.turns.has(`${turn}|${seq}`)) place.again += 1;
    place.turns.add(`${turn}|${seq}`);
  } else if (place.furthest !== null && isAfter(place.furthest, seq)) {
    place.again += 1;
  } else {
    place.furthest = (seq + length) % 2 ** 32;
  }
}
