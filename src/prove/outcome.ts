/** How a connection ended for its client, and where a packet of it died. */
import { isRequest } from '../correlate/bytes.js';
import type { Leg } from '../correlate/leg.js';
import { TCP, type DropEvent, type PacketEvent } from '../model/event.js';
import type { Outcome } from '../model/verdict.js';
import type { Case } from './case.js';

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

interface Marks {
  /** The server agreed, and nothing shows that its answer never reached the client. */
  readonly synAck: boolean;
  /** Some packet of the server was seen. */
  readonly replied: boolean;
  readonly resetByServer: boolean;
  readonly finByClient: boolean;
  readonly finByServer: boolean;
}

export function findOutcome(subject: Case): Outcome {
  const { leg, link, links, relayAccept, bytes } = subject;
  if (leg.protocol === 'udp') {
    if (bytes.fromServer > 0) return 'answered';
    const drop = findDrop(subject);
    if (drop === null) return 'unanswered';
    // Where nothing listens, ICMP tells the sender: the client, or a relay, which keeps it to itself.
    if (drop.reason !== 'NO_SOCKET') return 'dropped';
    return leg.events.includes(drop) ? 'refused' : 'unanswered';
  }
  const own = readMarks(leg);
  if (!own.synAck && leg.begun) {
    if (own.resetByServer) return 'refused';
    return findDrop(subject) ? 'dropped' : 'unanswered';
  }
  if (own.resetByServer && !(own.finByClient && bytes.fromServer > 0)) return 'reset';
  if (findUndelivered(subject)) return 'dropped';
  if (bytes.fromServer > 0) return 'answered';
  if (link || relayAccept) {
    const beyond = link ? readMarks(link.upstream) : null;
    // The relay shook hands before it knew whether the container would: a port check is fooled, the client is not.
    if (!beyond?.synAck) {
      if (own.finByServer || beyond?.resetByServer) return 'reset';
      return findDrop(subject) ? 'dropped' : 'unanswered';
    }
  }
  if (bytes.fromClient === 0) {
    if (own.synAck || own.replied) return 'answered';
    return findDrop(subject) ? 'dropped' : 'unanswered';
  }
  // A relay ends the client's leg in order, whatever ended its own.
  if (links.some(({ upstream }) => readMarks(upstream).resetByServer)) return 'reset';
  return own.finByServer ? 'answered' : 'unanswered';
}

/** The drop that ended the connection: of a packet that was needed and never got through. */
export function findDrop(subject: Case): DropEvent | null {
  const legs = listLegs(subject);
  for (const one of legs) {
    if (readMarks(one).synAck || readMarks(one).resetByServer) continue;
    const drops = one.events.filter(
      (event): event is DropEvent =>
        event.kind === 'drop' &&
        !isInnocent(event) &&
        (isRequest(one, event) || event.protocol === 'tcp'),
    );
    const needed = drops.find(({ flags }) => (flags & TCP.SYN) !== 0) ?? drops[0];
    if (needed) return needed;
  }
  return findUndelivered(subject);
}

/** The drop of a segment that the other end never acknowledged, though both had shaken hands. */
function findUndelivered(subject: Case): DropEvent | null {
  if (subject.leg.protocol === 'udp') return null;
  for (const leg of listLegs(subject)) {
    const drops = leg.events.filter(
      (event): event is DropEvent =>
        event.kind === 'drop' && event.length > 0 && !isInnocent(event) && !isRefusal(event),
    );
    for (const drop of drops) {
      const request = isRequest(leg, drop);
      if (isClosed(leg, drop, request) || isAcknowledged(leg, drop, request)) continue;
      // What was sent but once may only be late; of a request that was never answered, once is enough.
      const again = drops.some((other) => other !== drop && other.seq === drop.seq);
      if (again || (request && subject.bytes.fromServer === 0)) return drop;
    }
  }
  return null;
}

/** Whether the other end has it; true also where its acknowledgements were only counted. */
function isAcknowledged(leg: Leg, drop: DropEvent, request: boolean): boolean {
  return leg.events.some((event) => {
    if (event.kind !== 'packet' && event.kind !== 'counter') return false;
    if (isRequest(leg, event) === request) return false;
    if (event.kind === 'counter') return true;
    return (event.flags & TCP.ACK) !== 0 && isAfter(event.ack, drop.seq);
  });
}

/** Whether the end that it was for had closed before. */
function isClosed(leg: Leg, drop: DropEvent, request: boolean): boolean {
  return leg.events.some(
    (event) =>
      event.kind === 'packet' &&
      event.time <= drop.time &&
      (event.flags & (TCP.FIN | TCP.RST)) !== 0 &&
      isRequest(leg, event) !== request,
  );
}

/** Of two sequence numbers, which wrap at 2^32. */
function isAfter(one: number, other: number): boolean {
  return one !== other && (one - other + 2 ** 32) % 2 ** 32 < 2 ** 31;
}

/** The receiver's own socket turned it away: its process reads nothing. */
function isRefusal({ reason }: DropEvent): boolean {
  return reason === 'TCP_ZEROWINDOW' || reason === 'TCP_OVERWINDOW';
}

function listLegs({ leg, links }: Case): Leg[] {
  return [leg, ...links.map(({ upstream }) => upstream)];
}

export function isInnocent(drop: DropEvent): boolean {
  return INNOCENT.has(drop.reason) || drop.namespace === null;
}

/** The last device that the dropped packet was seen at: the same skb, or, where it was copied, the same segment. */
export function findLastHop(leg: Leg, drop: DropEvent): PacketEvent | null {
  const before = leg.events.filter(
    (event): event is PacketEvent =>
      event.kind === 'packet' &&
      event.time <= drop.time &&
      event.seq === drop.seq &&
      event.flags === drop.flags,
  );
  return before.findLast(({ skb }) => skb !== null && skb === drop.skb) ?? before.at(-1) ?? null;
}

function readMarks(leg: Leg): Marks {
  const marks = {
    synAck: false,
    replied: false,
    resetByServer: false,
    finByClient: false,
    finByServer: false,
  };
  let acknowledged = false;
  let lost = false;
  const resets: PacketEvent['skb'][] = [];
  const strays = new Set<PacketEvent['skb']>();
  for (const event of leg.events) {
    if ((event.kind !== 'packet' && event.kind !== 'drop') || event.protocol !== 'tcp') continue;
    const request = isRequest(leg, event);
    const { flags } = event;
    const agrees = !request && (flags & (TCP.SYN | TCP.ACK)) === (TCP.SYN | TCP.ACK);
    if (event.kind === 'drop') {
      if (agrees && !isInnocent(event)) lost = true;
      if (!request && event.reason === 'NO_SOCKET') strays.add(event.skb);
      continue;
    }
    if (agrees) marks.synAck = true;
    if (!request) marks.replied = true;
    if (request && (flags & (TCP.SYN | TCP.ACK)) === TCP.ACK) acknowledged = true;
    if (!request && (flags & TCP.RST) !== 0 && !marks.finByServer) resets.push(event.skb);
    if ((flags & TCP.FIN) !== 0) marks[request ? 'finByClient' : 'finByServer'] = true;
  }
  if (lost && !acknowledged) marks.synAck = false;
  // Who is refused by an address that it did not dial has no socket for that, and goes on waiting.
  const isHeard = (skb: PacketEvent['skb']): boolean => marks.synAck || !strays.has(skb);
  marks.resetByServer = resets.some((skb) => skb === null || isHeard(skb));
  return marks;
}
