/** Finds who ended a connection and how, as codes. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import { TCP, TCP_STATE, type DropEvent, type PacketEvent } from '../../model/event.js';
import type { Connection } from '../../model/report.js';
import type { Outcome } from '../../model/verdict.js';
import type { Observed } from '../observed.js';
import { isAnswerDelivered } from './datagram-answer.js';
import { findDrop, listLegs } from './drops.js';
import { readExchange } from './exchange.js';
import { findReset } from './outcome.js';
import { listResets, type Reset } from './resets.js';
import { distance } from './sequence.js';

type End = Connection['end'];
type By = End['by'];

const UNKNOWN: End = { by: null, how: null, rule: null, cause: null };

/** Finds the end of a connection; rules-met.ts and predict/ add the rule that caused it. */
export function findEnd(subject: Observed, outcome: Outcome): End {
  switch (outcome) {
    case 'refused':
    case 'reset':
      return findRefusal(subject) ?? findClose(subject);
    case 'dropped':
    case 'stalled':
    case 'unanswered': {
      const drop = outcome === 'unanswered' ? null : findDrop(subject);
      return drop ? tellDrop(subject, drop) : findClose(subject);
    }
    case 'answered':
      return findClose(subject);
  }
}

/** Whether the events alone show the outcome: no missing packet and none from before the trace could change it. */
export function isShown(subject: Observed, outcome: Outcome): boolean {
  switch (outcome) {
    case 'answered':
      return isAllAcknowledged(subject);
    case 'dropped': {
      const drop = findDrop(subject);
      return drop !== null && isDropShown(subject, drop);
    }
    case 'refused': {
      const { cause } = findEnd(subject, 'refused');
      return cause === 'not-listening' || cause === 'rejected';
    }
    case 'reset':
    case 'stalled':
    case 'unanswered':
      return false;
  }
}

/** Whether the client acknowledged all known bytes of the server; a later one could have stalled unseen. */
function isAllAcknowledged({ leg, bytes }: Observed): boolean {
  if (bytes.fromServer === 0) return false;
  if (leg.protocol === 'udp') {
    // The place of the client may have been missed, so a dropped answer may be the only one.
    const lost = leg.events.some((event) => event.kind === 'drop' && !isRequest(leg, event));
    return leg.begun && !lost && isAnswerDelivered(leg);
  }
  const { acked, start, acksSeen } = readExchange(leg).server;
  if (!acksSeen || start === null) return leg.begun;
  if (acked === null) return false;
  // A FIN counts as a byte; anything more belongs to another connection between the same ports.
  const beyond = distance(start, acked) - (bytes.fromServer % 2 ** 32);
  return beyond === 0 || beyond === 1;
}

/**
 * Whether a drop shows the outcome by itself. It must have happened on the way: a socket that refuses also answers, and
 * that answer may have been skipped. A rule sends its reset in the same call that drops the segment, so where the drop
 * was seen, no reset was skipped. In a connection older than the trace, the segment may have been sent before.
 */
function isDropShown({ leg }: Observed, drop: DropEvent): boolean {
  if (/^(?:tcp|udp)/.test(drop.function)) return false;
  if (leg.protocol === 'udp') return true;
  // Of bytes, how often they were sent tells whether the connection stalled.
  return leg.begun && drop.length === 0;
}

function findRefusal(subject: Observed): End | null {
  const { leg, links } = subject;
  if (leg.protocol === 'udp') {
    const drop = findDrop(subject);
    const by = drop && nameOwner(subject, drop.namespace);
    return { ...UNKNOWN, by, how: 'icmp', cause: 'not-listening' };
  }
  const own = findReset(subject, false) ?? listResets(leg)[0] ?? null;
  // A relay ends the client's leg after its own was ended.
  const beyond = links
    .flatMap(({ upstream }) => listResets(upstream))
    .find(({ request, event }) => !request && (own === null || event.time < own.event.time));
  if (beyond) return tellReset(subject, beyond, true);
  return own && tellReset(subject, own, false);
}

function tellReset(subject: Observed, reset: Reset, beyond: boolean): End {
  const { cause, origin } = reset;
  const by = cause === 'rejected' ? nameOwner(subject, origin) : nameSender(subject, reset, beyond);
  return { by, how: 'rst', rule: null, cause };
}

/** Names the sender of a reset that no rule sent. */
function nameSender(subject: Observed, { origin, request, cause }: Reset, beyond: boolean): By {
  const { topology, relayAccept, hostAccept, leg } = subject;
  if (request)
    return origin === topology.host && !isFromHost(leg, topology.host) ? 'host' : 'client';
  if (origin === null) return null;
  if (origin !== topology.host) return 'server';
  if (relayAccept && !beyond) return 'relay';
  return hostAccept && cause !== 'not-listening' ? 'server' : 'host';
}

function isFromHost({ dialled, events }: Leg, host: number): boolean {
  if (dialled) return dialled.namespace === host;
  const first = events.find((event): event is PacketEvent => event.kind === 'packet');
  return first?.direction === 'out' && first.namespace === host;
}

/** Names the owner of a namespace. */
function nameOwner(subject: Observed, namespace: number | null): By {
  const { topology, leg } = subject;
  if (namespace === null) return null;
  if (namespace === topology.host) return 'host';
  if (namespace === leg.dialled?.namespace) return 'client';
  return topology.namespaces.some((one) => one.inode === namespace && one.role === 'container')
    ? 'server'
    : null;
}

function tellDrop(subject: Observed, drop: DropEvent): End {
  const cause = nameCause(drop);
  const by = cause === 'no-neighbour' ? 'network' : nameOwner(subject, drop.namespace);
  return { by, how: 'drop', rule: null, cause };
}

function nameCause({ reason }: DropEvent): End['cause'] {
  if (reason === 'NETFILTER_DROP') return 'filtered';
  if (reason.startsWith('NEIGH_')) return 'no-neighbour';
  if (reason === 'PKT_TOO_BIG') return 'too-big';
  return null;
}

/** The first FIN or reset of the client's leg, or its socket giving up. */
function findClose(subject: Observed): End {
  const { leg } = subject;
  if (leg.protocol === 'udp') return UNKNOWN;
  const reset = listResets(leg)[0] ?? null;
  for (const event of leg.events) {
    if (
      event.kind === 'state' &&
      event.from === TCP_STATE.SYN_SENT &&
      event.to === TCP_STATE.CLOSE
    ) {
      return { ...UNKNOWN, by: 'client', how: 'timeout' };
    }
    if (event.kind !== 'packet' || event.protocol !== 'tcp') continue;
    if (event.id === reset?.event.id) return tellReset(subject, reset, false);
    if ((event.flags & TCP.FIN) !== 0) {
      return { ...UNKNOWN, by: nameCloser(subject, leg, event), how: 'fin' };
    }
  }
  return UNKNOWN;
}

function nameCloser(subject: Observed, leg: Leg, event: PacketEvent): By {
  if (isRequest(leg, event)) return 'client';
  if (subject.relayAccept === null && subject.link === null) return 'server';
  // Behind a relay: whoever was first on its way to the client.
  const before = listLegs(subject)
    .slice(1)
    .some((upstream) =>
      upstream.events.some(
        (one) =>
          one.kind === 'packet' &&
          one.time < event.time &&
          (one.flags & (TCP.FIN | TCP.RST)) !== 0 &&
          !isRequest(upstream, one),
      ),
    );
  return before ? 'server' : 'relay';
}
