/** Says how a connection ended, to follow the sentence about its path: empty, or begins with a semicolon. */
import type { ConnectionCourse, Ending } from '../model/judgement.js';
import type { Connection } from '../model/report.js';

export function writeEnding({ outcome, course }: Ending): string {
  if (course === null) return '';
  switch (outcome) {
    case 'stalled':
      return writeStall(course);
    case 'refused':
    case 'reset':
      return writeReset(course.end);
    case 'unanswered':
      return writeHalfOpen(course) ?? writeSilence(course);
    case 'dropped':
      return writeDrop(course);
    case 'answered':
      return '';
  }
}

function writeDrop({ drop }: ConnectionCourse): string {
  if (!drop) return '';
  const { reason, function: at, packet, flow, inOutput } = drop;
  const what = flow === 'request' ? 'it' : `the answer (${packet})`;
  return `; then the kernel dropped ${what}${inOutput ? ' in OUTPUT' : ''} (${reason} at ${at})`;
}

/** Does not name the rule, which is reported separately if the rules were read. */
function writeReset({ by, how, cause }: Connection['end']): string {
  if (how !== 'rst') return '';
  if (cause === 'rejected')
    return `; a rule of ${by === 'host' ? 'the host' : 'that end'} reset it`;
  if (cause === 'not-listening') return by === 'server' ? '; nothing listens there' : '';
  return by === null ? '' : `; the ${by} reset it`;
}

function writeStall({ stall, drop }: ConnectionCourse): string {
  if (!stall) return '';
  const { length, sent, passed, mtu, flow } = stall;
  const whose = flow === 'request' ? 'the client' : 'the server';
  const died = drop ? ` (${drop.reason} at ${drop.function})` : '';
  const told = `; connected, but ${length} B of ${whose} were sent ${sent} times and never acknowledged${died}`;
  if (mtu === null) return told;
  const smaller = passed === null ? '' : `; segments of up to ${passed} B passed`;
  return `${told}: too big for an MTU of ${mtu}${smaller}`;
}

/** The server sent a SYN+ACK, and the client never acknowledged it. */
function writeHalfOpen({ handshake }: ConnectionCourse): string | null {
  if (handshake === null || handshake.completed !== false || handshake.synAck === 0) return null;
  const times = handshake.synAck === 1 ? 'once' : `${handshake.synAck} times`;
  return `; the SYN+ACK was sent ${times} and never acknowledged`;
}

/** How far it got. */
function writeSilence({ reached }: ConnectionCourse): string {
  return reached === null ? '' : `; its ${reached} reached the container, and no answer came back`;
}
