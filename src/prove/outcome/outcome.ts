/** Finds how a connection ended for its client, by its packets, sockets and drops. */
import type { Leg } from '../../correlate/leg.js';
import type { DropEvent } from '../../model/event.js';
import type { Outcome } from '../../model/verdict.js';
import type { Observed } from '../observed.js';
import { isAnswerDelivered } from './datagram-answer.js';
import { findDrop, findUndelivered, isRefusal, listLegs } from './drops.js';
import { readExchange, type Exchange, type Stalled } from './exchange.js';
import { listResets, type Reset } from './resets.js';
import { isAfter } from './sequence.js';
import { isAnsweredUnseen } from './unseen-answer.js';

export interface Stall extends Stalled {
  readonly leg: Leg;
  /** Whether the client's side sent it. */
  readonly request: boolean;
}

/** @param lossless whether every packet of the legs was there to be seen */
export function findOutcome(subject: Observed, lossless: boolean): Outcome {
  const { leg } = subject;
  if (leg.protocol === 'udp') return findDatagramOutcome(subject, lossless);
  if (!isOpened(leg, lossless)) return findOpeningOutcome(subject);
  if (findStall(subject) !== null) return 'stalled';
  const answered = isAnswered(subject, lossless);
  if (findReset(subject, answered === true) !== null) return 'reset';
  if (findUndelivered(subject, lossless) !== null) return 'dropped';
  if (answered !== false) return 'answered';
  if (subject.bytes.fromServer > 0) return isLeft(leg) ? 'reset' : 'unanswered';
  return findSilentOutcome(subject);
}

/** Whether the handshake was completed; where the client's packets may be missing, a SYN+ACK will do. */
function isOpened(leg: Leg, lossless: boolean): boolean {
  const { server, completed, replied } = readExchange(leg);
  if (completed || !leg.begun) return true;
  if (lossless && server.acksSeen) return false;
  return replied && server.syns > 0 && findDropOf(leg) === null;
}

function findDropOf(leg: Leg): DropEvent | null {
  return findDrop({ leg, links: [], bytes: { fromClient: 0, fromServer: 0 } });
}

function findOpeningOutcome(subject: Observed): Outcome {
  const { leg } = subject;
  const { server } = readExchange(leg);
  const resets = listResets(leg);
  if (resets.some(({ request }) => !request)) return server.syns > 0 ? 'reset' : 'refused';
  if (findDropOf(leg) !== null) return 'dropped';
  return server.syns > 0 && isLeft(leg) ? 'reset' : 'unanswered';
}

/** Whether the client ended it with a reset. */
function isLeft(leg: Leg): boolean {
  return listResets(leg).some(({ request }) => request);
}

/** Whether the client acknowledged bytes of the server; null where that cannot be known. */
function isAnswered({ leg, bytes }: Observed, lossless: boolean): boolean | null {
  if (bytes.fromServer === 0) return isAnsweredUnseen(leg);
  const { acked, start, acksSeen } = readExchange(leg).server;
  if (acked !== null && start !== null && isAfter(acked, start)) return true;
  return lossless && acksSeen && start !== null ? false : null;
}

/** The first reset that ended it, by the server, its relay or a rule; resets after an orderly end do not count. */
export function findReset(subject: Pick<Observed, 'leg'>, answered: boolean): Reset | null {
  const { client, server } = readExchange(subject.leg);
  const found = listResets(subject.leg).find(({ request, cause, event }) => {
    if (request && cause !== 'rejected') return false;
    const before = (fin: number | null): boolean => fin !== null && fin <= event.time;
    if (answered && before(client.fin)) return false;
    return !before(server.fin);
  });
  return found ?? null;
}

/**
 * Finds the segment that was retransmitted in vain on some leg, unless its receiver had no room for it. A segment that
 * was never acknowledged comes before one whose acknowledgement was lost.
 */
export function findStall({ leg, links }: Pick<Observed, 'leg' | 'links'>): Stall | null {
  const stalls = listLegs({ leg, links }).flatMap((one) => listStalls(one));
  return stalls.find(({ unheard }) => !unheard) ?? stalls[0] ?? null;
}

function listStalls(leg: Leg): Stall[] {
  if (leg.protocol === 'udp') return [];
  const { client, server } = readExchange(leg);
  return [client, server].flatMap(({ stalled }, index) =>
    stalled && !isTurnedAway(leg, stalled) ? [{ ...stalled, leg, request: index === 0 }] : [],
  );
}

function isTurnedAway(leg: Leg, { seq }: Stalled): boolean {
  return leg.events.some((event) => event.kind === 'drop' && event.seq === seq && isRefusal(event));
}

/** The handshake was completed, and no byte came from the server. */
function findSilentOutcome(subject: Observed): Outcome {
  const { leg, link, links, relayAccept, bytes } = subject;
  const own = readExchange(leg);
  const upstreams = links.map(({ upstream }) => upstream);
  const isReset = (one: Leg): boolean => listResets(one).some(({ request }) => !request);
  // The relay completes the handshake before the container does, so a completed one does not count as an answer here.
  if ((link || relayAccept) && !(link && hasAgreed(readExchange(link.upstream)))) {
    if (endsFirst(own) || (link && isReset(link.upstream))) return 'reset';
    return findDrop(subject) ? 'dropped' : isLeft(leg) ? 'reset' : 'unanswered';
  }
  if (bytes.fromClient === 0) return 'answered';
  // A relay closes the client's leg in order, even if its own leg was reset.
  if (upstreams.some(isReset)) return 'reset';
  if (own.server.fin !== null) return 'answered';
  return isLeft(leg) ? 'reset' : 'unanswered';
}

/** Whether the server's side closed it, and not in answer to the client. */
function endsFirst({ client, server }: Exchange): boolean {
  return server.fin !== null && !(client.fin !== null && client.fin < server.fin);
}

function hasAgreed({ completed, server }: Exchange): boolean {
  return completed || server.syns > 0;
}

function findDatagramOutcome(subject: Observed, lossless: boolean): Outcome {
  const { leg, bytes } = subject;
  if (bytes.fromServer > 0 && (!lossless || isAnswerDelivered(leg))) return 'answered';
  const drop = findDrop(subject);
  if (drop === null) return 'unanswered';
  // Where nothing listens, the sender gets an ICMP error; a relay does not pass it on to the client.
  if (drop.reason !== 'NO_SOCKET') return 'dropped';
  return leg.events.includes(drop) ? 'refused' : 'unanswered';
}
