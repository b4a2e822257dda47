/** Describes how a connection ended for the judge and its reason, so that they need no events. */
import { isRequest } from '../../correlate/bytes.js';
import type { ConnectionCourse, Ending, EndingDrop } from '../../model/judgement.js';
import type { Outcome } from '../../model/verdict.js';
import { namePacket } from '../../words/packets.js';
import type { Observed } from '../observed.js';
import { findDrop, isDroppedAtOutput, listLegs } from './drops.js';
import { findEnd, isShown } from './end.js';
import { findOutcome } from './outcome.js';
import { describeProgress } from './progress.js';

/** @param lossless whether every packet of the legs was there to be seen */
export function findEnding(subject: Observed, lossless: boolean): Ending {
  const outcome = findOutcome(subject, lossless);
  return {
    outcome,
    shown: isShown(subject, outcome),
    course: findCourse(subject, outcome, lossless),
  };
}

function findCourse(subject: Observed, outcome: Outcome, lossless: boolean): ConnectionCourse {
  const { handshake, stall } = describeProgress(subject, outcome, lossless);
  return {
    end: findEnd(subject, outcome),
    drop: outcome === 'dropped' || outcome === 'stalled' ? describeDrop(subject) : null,
    handshake,
    stall,
    reached: outcome === 'unanswered' && lossless ? findReached(subject) : null,
  };
}

function describeDrop(subject: Observed): EndingDrop | null {
  const drop = findDrop(subject);
  if (drop === null) return null;
  const leg = listLegs(subject).find(({ events }) => events.includes(drop)) ?? subject.leg;
  return {
    reason: drop.reason,
    function: drop.function,
    packet: namePacket(drop),
    flow: isRequest(leg, drop) ? 'request' : 'reply',
    inOutput: isDroppedAtOutput(drop),
  };
}

function findReached({ lastLeg, entered }: Observed): ConnectionCourse['reached'] {
  if (entered === null) return null;
  if (lastLeg.protocol === 'udp') return 'datagrams';
  const asked = lastLeg.events.some(
    (event) =>
      event.kind === 'packet' &&
      event.namespace === entered.namespace &&
      event.length > 0 &&
      isRequest(lastLeg, event),
  );
  return asked ? 'request' : 'SYN';
}
