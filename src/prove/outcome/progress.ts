/** Describes how far a connection came: handshake, acknowledged bytes, and the segment that it stalled at. */
import type { Observed } from '../observed.js';
import type { Connection } from '../../model/report.js';
import type { Outcome } from '../../model/verdict.js';
import { listLegs } from './drops.js';
import { readExchange, type EndTraffic } from './exchange.js';
import { findStall } from './outcome.js';
import { distance, isAfter } from './sequence.js';

export type ConnectionProgress = Pick<
  Connection,
  'handshake' | 'acknowledged' | 'stall' | 'sourceSeen'
>;

export function describeProgress(
  subject: Observed,
  outcome: Outcome,
  lossless: boolean,
): ConnectionProgress {
  return {
    handshake: describeHandshake(subject, lossless),
    acknowledged: describeAcknowledged(subject, lossless),
    stall: outcome === 'stalled' ? describeStall(subject) : null,
    sourceSeen: findSourceSeen(subject),
  };
}

function describeHandshake({ leg }: Observed, lossless: boolean): Connection['handshake'] {
  if (leg.protocol === 'udp' || !leg.begun) return null;
  const { client, server, completed } = readExchange(leg);
  const known = completed || (lossless && server.acksSeen);
  return { syn: client.syns, synAck: server.syns, completed: known ? completed : null };
}

function describeAcknowledged(
  { leg, bytes }: Observed,
  lossless: boolean,
): Connection['acknowledged'] {
  if (leg.protocol === 'udp') return null;
  const { client, server } = readExchange(leg);
  return {
    fromClient: countAcknowledged(client, bytes.fromClient, lossless),
    fromServer: countAcknowledged(server, bytes.fromServer, lossless),
  };
}

/** Bytes of one side that the other end acknowledged; null where more may have been acknowledged than was seen. */
function countAcknowledged(side: EndTraffic, sent: number, lossless: boolean): number | null {
  const { acked, start, acksSeen } = side;
  if (sent === 0) return 0;
  if (start === null) return null;
  // The number after the last byte is that of the FIN.
  const count =
    acked !== null && isAfter(acked, start) ? Math.min(distance(start, acked), sent) : 0;
  return count === sent || (lossless && acksSeen) ? count : null;
}

function describeStall(subject: Observed): Connection['stall'] {
  const stall = findStall(subject);
  if (stall === null) return null;
  const { leg, request, seq, length, sent, passed } = stall;
  const drop = leg.events.find(
    (event) => event.kind === 'drop' && event.seq === seq && event.reason === 'PKT_TOO_BIG',
  );
  return {
    leg: listLegs(subject).indexOf(leg) === 0 ? 'client' : 'container',
    flow: request ? 'request' : 'reply',
    length,
    sent,
    passed,
    mtu: drop?.kind === 'drop' ? (drop.mtu ?? null) : null,
  };
}

/** The client's address as the server's socket sees it: at its accept, its first read, or the end of its handshake. */
function findSourceSeen({ lastLeg, received, link }: Observed): string | null {
  if (lastLeg.accepted) return lastLeg.accepted.remote.address;
  if (received && !link) return received.remote.address;
  const taken = lastLeg.events.find(
    (event) => event.kind === 'state' && event.local.port === lastLeg.destination.port,
  );
  return taken?.kind === 'state' ? taken.remote.address : null;
}
