/** How a connection ended, as the end of the sentence that tells its path. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import { formatEndpoint } from '../../model/address.js';
import type { Connection } from '../../model/report.js';
import type { Observed } from '../observed.js';
import { describeCourse } from './progress.js';
import { findDrop, isDroppedAtOutput } from './drops.js';
import { findEnd } from './end.js';
import { findOutcome, isLossless } from './outcome.js';
import { namePacket } from '../hops/packet-words.js';

/** Empty, or begins with a semicolon. */
export function tellEnd(subject: Observed): string {
  const outcome = findOutcome(subject);
  if (outcome === 'stalled') return tellStall(subject);
  if (outcome === 'refused' || outcome === 'reset') return tellReset(findEnd(subject, outcome));
  if (outcome === 'unanswered') return tellHalfOpen(subject) ?? tellSilence(subject);
  const drop = outcome === 'dropped' ? findDrop(subject) : null;
  if (!drop) return '';
  const hook = isDroppedAtOutput(drop) ? ' in OUTPUT' : '';
  const legs = [subject.leg, ...subject.links.map(({ upstream }) => upstream)];
  const leg = legs.find(({ events }) => events.includes(drop)) ?? subject.leg;
  const what = isRequest(leg, drop) ? 'it' : `the answer (${namePacket(drop)})`;
  return `; then the kernel dropped ${what}${hook} (${drop.reason} at ${drop.function})`;
}

/** The host refuses by itself: the end of the way and of the sentence. */
export function tellRefusal({ server, protocol }: Leg): string {
  const where = server ? formatEndpoint(server) : 'it';
  const answer = protocol === 'tcp' ? 'a reset' : 'an ICMP message';
  return `nothing on the host listens on ${where}, so its kernel refused it with ${answer}; nothing had rewritten or taken it`;
}

/** A rule of the host is the end of the way; what it did ends the sentence. */
export function tellStop({ server }: Leg): string {
  const where = server ? formatEndpoint(server) : 'an address of the host';
  return `it came to the host's own ${where} and no further; nothing had rewritten or taken it`;
}

/** Which rule it was is told beside it, where the rules were read. */
function tellReset({ by, how, cause }: Connection['end']): string {
  if (how !== 'rst') return '';
  if (cause === 'rejected')
    return `; a rule of ${by === 'host' ? 'the host' : 'that end'} reset it`;
  if (cause === 'not-listening') return by === 'server' ? '; nothing listens there' : '';
  return by === null ? '' : `; the ${by} reset it`;
}

function tellStall(subject: Observed): string {
  const { stall } = describeCourse(subject, 'stalled');
  if (!stall) return '';
  const { length, sent, passed, mtu, flow } = stall;
  const whose = flow === 'request' ? 'the client' : 'the server';
  const drop = findDrop(subject);
  const died = drop ? ` (${drop.reason} at ${drop.function})` : '';
  const told = `; connected, but ${length} B of ${whose} were sent ${sent} times and never acknowledged${died}`;
  if (mtu === null) return told;
  const smaller = passed === null ? '' : `; segments of up to ${passed} B passed`;
  return `${told}: too big for an MTU of ${mtu}${smaller}`;
}

/** The server agreed, and the client never acknowledged that. */
function tellHalfOpen(subject: Observed): string | null {
  const { handshake } = describeCourse(subject, 'unanswered');
  if (handshake === null || handshake.completed !== false || handshake.synAck === 0) return null;
  const times = handshake.synAck === 1 ? 'once' : `${handshake.synAck} times`;
  return `; the SYN+ACK was sent ${times} and never acknowledged`;
}

/** How far it got; nothing where a packet may have gone unseen. */
function tellSilence({ lastLeg, entered, tail }: Observed): string {
  if (entered === null || !isLossless(tail)) return '';
  const what =
    lastLeg.protocol === 'udp'
      ? 'datagrams'
      : lastLeg.events.some(
            (event) =>
              event.kind === 'packet' &&
              event.namespace === entered.namespace &&
              event.length > 0 &&
              isRequest(lastLeg, event),
          )
        ? 'request'
        : 'SYN';
  return `; its ${what} reached the container, and no answer came back`;
}
