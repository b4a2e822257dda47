/** Puts connections over several hosts, and notes about the hosts' clocks, into words. */
import { formatEndpoint } from '../model/address.js';
import type { JointGap, JointJudgement } from '../model/joint.js';
import type { Crossing } from '../model/hosts.js';
import type { Connection } from '../model/report.js';

/** One host's part, as far as words need it. */
export interface ToldPart {
  readonly host: string;
  readonly connection: Pick<Connection, 'reason' | 'server'>;
}

/** The reason of a verdict over several hosts: one sentence, without a full stop. */
export function writeJointReason(joint: JointJudgement, parts: readonly ToldPart[]): string {
  const [first] = parts;
  const last = parts.at(-1);
  const answers = writeAnswersWay(joint);
  if (joint.gap !== null)
    return `inconclusive, because ${writeJointGap(joint.gap, parts)}${answers}`;
  if (joint.by === null) {
    const dialled = first?.connection.server ? formatEndpoint(first.connection.server) : 'it';
    const way = parts.map(({ host }) => host).join(' to ');
    const doubt = joint.proof === 'proven' ? '' : '; not proven, because a trace lacks something';
    return `the client dialled ${dialled}, the container's own address on ${last?.host ?? ''}, and its packets went there from ${way} with the same addresses and numbers${doubt}${answers}`;
  }
  const told = parts.map(({ host, connection }, index) =>
    joint.roles[index] === 'passed'
      ? `on ${host}, it passed with the same addresses`
      : `on ${host}, ${connection.reason}`,
  );
  return `${told.join('; ')}${answers}`;
}

function writeAnswersWay({ oneWay }: JointJudgement): string {
  return oneWay.length === 0
    ? ''
    : `; its answers went another way than by ${oneWay.join(' and ')}`;
}

function writeJointGap({ code, host }: JointGap, parts: readonly ToldPart[]): string {
  switch (code) {
    case 'part-open': {
      const reason = parts.find((part) => part.host === host)?.connection.reason ?? '';
      return `what ${host} did with it is not known (${reason})`;
    }
    case 'dial-unknown':
      return `what the client had dialled before it came to ${host} was not seen`;
    case 'changed-between':
      return `it came to ${host} with another address than was dialled, and no rule was seen to rewrite it`;
    case 'entry-unseen':
      return `it came to ${host}, and was seen to enter no container there`;
  }
}

/** What is added to the reason of a connection that left its host; empty where nothing is known. */
export function writeWayOut({ from, to, reached }: Crossing): string {
  if (to === null || reached === true) return '';
  return reached === false
    ? `it left ${from} and never reached ${to}, whose trace was whole and covers that time`
    : `it left ${from}, and whether it reached ${to} is not known`;
}

export interface ToldClock {
  readonly name: string;
  readonly first: string;
  /** Nanoseconds by which the clocks drifted apart during the trace; null when that is not the trouble. */
  readonly apart: number | null;
  /** No packet was seen by both this host and the first one. */
  readonly alone: boolean;
}

/** Why a clock is not known. */
export function writeClockNote({ name, first, apart, alone }: ToldClock): string {
  if (alone) {
    return `the clock of ${name} is not set to that of ${first}: no packet was seen by both, so no order between their hops is claimed`;
  }
  return apart === null
    ? `how far the clock of ${name} is from that of ${first} is not known: packets that both saw went one way only, so no order between their hops is claimed`
    : `the clocks of ${name} and ${first} ran apart by ${apart} ns or more while they were traced, so no order between their hops is claimed`;
}

/** Datagrams of different hosts are not joined. */
export const DATAGRAMS_APART =
  'datagrams have no numbers that tell them apart: those of different hosts are listed by themselves';

/** Puts the host's name before its own note. */
export function writeHostNote(host: string, note: string): string {
  return `${host}: ${note}`;
}
