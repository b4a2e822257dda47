/** Finds who sent a reset: the side whose address it bears, or a rule on the way. */
import { isRequest } from '../../correlate/bytes.js';
import { WireLeg } from '../../correlate/capture/wire-leg.js';
import type { Leg } from '../../correlate/leg.js';
import { ResetNumbers } from '../../correlate/reset-fit.js';
import { TCP, type DropEvent, type PacketEvent, type ResetEvent } from '../../model/event.js';
import { readExchange } from './exchange.js';
import { distance } from './sequence.js';

export interface Reset {
  /** From the client's side to the server's. */
  readonly request: boolean;
  /** The first sighting of it. */
  readonly event: PacketEvent;
  /** The segment that a rule dropped as it sent this reset; null where no rule did. */
  readonly rejected: DropEvent | null;
  /**
   * `not-listening`: the stack found no socket for the segment. `closed`: a socket or its process sent the reset.
   * `rejected`: a rule sent it. Null where the cause was not seen.
   */
  readonly cause: 'not-listening' | 'closed' | 'rejected' | null;
  /** Inode of the namespace that it was made in; null where it came from beyond what the trace sees. */
  readonly origin: number | null;
}

/** Lists the resets that ended a leg, in order of time, each once however often it was seen. */
export function listResets(leg: Leg): Reset[] {
  if (leg instanceof WireLeg && !leg.range.hasFlag(TCP.RST)) return [];
  const seen = new Set<string>();
  const resets: Reset[] = [];
  const numbers = new ResetNumbers(leg.unlisted);
  for (const event of leg.events) {
    if (event.kind !== 'packet') continue;
    const request = isRequest(leg, event);
    if ((event.flags & TCP.RST) === 0) {
      numbers.see(event, request);
      continue;
    }
    const key = `${request}|${event.seq}|${event.ack}|${event.flags}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const fit = numbers.judge(event, request);
    if (fit === 'stray' || (fit === 'unknown' && goesOn(leg, event, request))) continue;
    if (!isHeard(leg, event, request)) continue;
    resets.push(describe(leg, event, request));
  }
  return resets;
}

/** Whether the sender of a reset sent more packets after it, so that the reset did not end the connection. */
function goesOn(leg: Leg, reset: PacketEvent, request: boolean): boolean {
  const own = leg.events.filter(
    (event): event is PacketEvent => event.kind === 'packet' && isRequest(leg, event) === request,
  );
  // At later places, earlier packets may be seen after this sighting of the reset: take its last sighting.
  const last = own.findLast(
    ({ seq, ack, flags }) => seq === reset.seq && ack === reset.ack && flags === reset.flags,
  );
  const since = last?.time ?? reset.time;
  return own.some(({ flags, time }) => (flags & TCP.RST) === 0 && time > since);
}

/** Whether the client took a reset: it has no socket for one from an address that it did not dial. */
function isHeard(leg: Leg, reset: PacketEvent, request: boolean): boolean {
  if (request || readExchange(leg).server.syns > 0) return true;
  return !leg.events.some(
    (event) =>
      event.kind === 'drop' &&
      event.reason === 'NO_SOCKET' &&
      event.flags === reset.flags &&
      event.seq === reset.seq &&
      event.ack === reset.ack &&
      !isRequest(leg, event),
  );
}

function describe(leg: Leg, event: PacketEvent, request: boolean): Reset {
  // A capture does not always know which way a packet went.
  const origin = event.direction === 'out' && event.skb !== null ? event.namespace : null;
  const own = { request, event, origin };
  if (origin === null) return { ...own, rejected: null, cause: null };
  const answered = leg.events.filter(
    (one): one is DropEvent | ResetEvent =>
      (one.kind === 'drop' || one.kind === 'reset') &&
      one.namespace === origin &&
      isRequest(leg, one) !== request &&
      isAnswer(event, one),
  );
  const rejected = answered.find((one) => one.kind === 'drop' && isRejected(event, one));
  if (rejected?.kind === 'drop') return { ...own, rejected, cause: 'rejected' };
  return { ...own, rejected: null, cause: nameCause(event, answered) };
}

/** Names the cause by the stack's last answer before the reset, otherwise by the drop of the answered segment. */
function nameCause(
  { socket, time }: PacketEvent,
  answered: readonly (DropEvent | ResetEvent)[],
): Reset['cause'] {
  const told = answered.findLast((one) => one.kind === 'reset' && one.time <= time);
  if (told) return told.socket === null ? 'not-listening' : 'closed';
  if (answered.some((one) => one.kind === 'drop' && one.reason === 'NO_SOCKET')) {
    return 'not-listening';
  }
  return socket === null ? null : 'closed';
}

/** Nanoseconds between a rule's reset and its drop of the segment: the same call does both. */
const ONE_CALL = 100_000_000;

/** Whether a rule sent the reset: it belongs to no socket, and the segment is dropped right after it. */
function isRejected({ socket, time }: PacketEvent, drop: DropEvent): boolean {
  const since = drop.time - time;
  return socket === null && drop.reason === 'NETFILTER_DROP' && since >= 0 && since < ONE_CALL;
}

/** Whether a reset has the numbers that answer this segment (RFC 9293, 3.5.2). */
function isAnswer(
  reset: PacketEvent,
  { seq, ack, flags, length }: DropEvent | ResetEvent,
): boolean {
  if ((flags & TCP.ACK) !== 0) return reset.seq === ack;
  const taken = length + ((flags & TCP.SYN) === 0 ? 0 : 1) + ((flags & TCP.FIN) === 0 ? 0 : 1);
  return (reset.flags & TCP.ACK) !== 0 && distance(seq, reset.ack) === taken;
}
