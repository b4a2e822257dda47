/** Sketches a captured connection while its packets are held, and settles it once the whole capture is read. */
import type { CapturedConnection } from '../correlate/capture/connections.js';
import type { Ownership } from '../model/claim.js';
import type { CaptureWitness } from '../model/conversation.js';
import type { TraceCoverage, ConnectionFacts } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import { writeEvidence } from '../words/claims.js';
import { writeReason } from '../words/reasons.js';
import { describeNat } from './connection-fields.js';
import { isComplete } from './coverage/coverage.js';
import {
  describeDrop,
  describeRelay,
  describeVia,
  isWhole,
  nameContainer,
  NOBODY,
  type WireDescribing,
} from './describe-wire.js';
import { describeHops } from './hops/shown-hops.js';
import { gatherWireFacts } from './judge/facts.js';
import { judge, listCodes } from './judge/judge.js';
import { observeOnWire, type ObservedOnWire } from './observed-wire.js';
import { findEnd } from './outcome/end.js';
import { describeProgress, type ConnectionProgress } from './outcome/progress.js';
import { findWireOutcome, type WireOutcome } from './outcome/wire-outcome.js';
import { countRetransmits, findTiming } from './timing/timing.js';

/** How a connection went: the fields that depend on the capture as a whole. */
type Course = Pick<Connection, 'outcome' | 'end' | 'drop' | 'retransmits'> &
  ConnectionProgress & { readonly halfOpen: boolean };

/** A captured connection before the whole capture is known: plain data, so that its packets can be freed. */
export interface WireSketch {
  readonly facts: ConnectionFacts;
  /** As if the capture were complete (`whole`) and as if it were cut off (`lossy`, null where that is the same). */
  readonly courses: Courses;
  /** The same if acknowledgements were left out of the capture; null where that changes nothing. */
  readonly unheard: Courses | null;
  readonly fields: Pick<
    Connection,
    | 'protocol'
    | 'client'
    | 'server'
    | 'nat'
    | 'relay'
    | 'via'
    | 'bytes'
    | 'timing'
    | 'hops'
    | 'hopsOmitted'
    | 'unlistedLegs'
  >;
  readonly container: NonNullable<Connection['container']>;
}

interface Courses {
  readonly whole: Course;
  readonly lossy: Course | null;
}

/** What is known only at the end of the capture. */
export interface WireSettling {
  readonly coverage: TraceCoverage;
  /** Why the content that both legs carried is no coincidence; null where it may be. */
  readonly own: Ownership | null;
  /** Whether any acknowledgement would have been in the file. */
  readonly hears: boolean;
}

/** The witness of a capture that shows every acknowledgement; `SILENT` is that of one that may lack some. */
export const perfect = ({ until }: Pick<WireDescribing, 'until'>): CaptureWitness => ({
  acks: true,
  until,
  lossy: false,
});
export const SILENT = { acks: false, until: Infinity, lossy: true } as const;

export function sketchOnWire(connection: CapturedConnection, context: WireDescribing): WireSketch {
  const { topology, epoch, places, limit } = context;
  const subject = observeOnWire(connection, topology);
  const { leg, bytes, lastLeg } = subject;
  const heard = findWireOutcome(subject, { ...context, witnessOf: () => perfect(context) });
  const facts = gatherWireFacts(subject, heard);
  const unheard = heard.bySilence
    ? findWireOutcome(subject, { ...context, witnessOf: () => SILENT })
    : null;
  const mentioned = facts.claims.flatMap(({ events }) => events);
  return {
    facts,
    courses: describeCourses(subject, heard),
    unheard: unheard && describeCourses(subject, unheard),
    fields: {
      protocol: leg.protocol,
      client: leg.client,
      server: leg.server,
      nat: describeNat(leg),
      relay: describeRelay(facts),
      ...describeVia(subject),
      bytes,
      timing: findTiming(subject, epoch),
      ...describeHops(subject, mentioned, { epoch, places, topology, limit }),
    },
    container: nameContainer(topology, lastLeg),
  };
}

function describeCourses(subject: ObservedOnWire, ending: WireOutcome): Courses {
  const lossless = isWhole(subject);
  const whole = describeCourse(subject, ending, lossless);
  return { whole, lossy: lossless ? describeCourse(subject, ending, false) : null };
}

function describeCourse(subject: ObservedOnWire, ending: WireOutcome, lossless: boolean): Course {
  const { outcome, halfOpen } = ending;
  return {
    outcome,
    halfOpen,
    end: findEnd(subject, outcome),
    drop: describeDrop(ending),
    ...describeProgress(subject, outcome, lossless),
    retransmits: countRetransmits(subject, [], lossless),
  };
}

/** Judges the sketched connection by the whole capture. */
export function settleOnWire(id: number, sketch: WireSketch, settling: WireSettling): Connection {
  const { facts, courses, unheard, fields, container } = sketch;
  const { coverage, own, hears } = settling;
  const { whole, lossy } = hears ? courses : (unheard ?? courses);
  const course = isComplete(coverage) ? whole : (lossy ?? whole);
  const judged = judge(settleFacts(facts, course, own), coverage);
  const { path, proof } = judged.judgement;
  const { via, unlistedLegs } = fields;
  return {
    id,
    protocol: fields.protocol,
    client: fields.client,
    server: fields.server,
    container: path === 'unknown' ? null : container,
    path,
    proof,
    reason: writeReason(judged),
    ...listCodes(judged.judgement),
    outcome: course.outcome,
    end: course.end,
    handshake: course.handshake,
    acknowledged: course.acknowledged,
    stall: course.stall,
    nat: fields.nat,
    relay: fields.relay,
    drop: course.drop,
    ...(via && { via }),
    bytes: fields.bytes,
    timing: fields.timing,
    retransmits: course.retransmits,
    sourceSeen: course.sourceSeen,
    processes: NOBODY,
    clientNamespace: null,
    evidence: judged.claims.map(writeEvidence),
    why: null,
    hops: fields.hops,
    hopsOmitted: fields.hopsOmitted,
    ...(unlistedLegs && { unlistedLegs }),
  };
}

export function settleFacts(
  facts: ConnectionFacts,
  { outcome, halfOpen }: Pick<Course, 'outcome' | 'halfOpen'>,
  own: Ownership | null,
): ConnectionFacts {
  const ending = { outcome, shown: false, course: null };
  const claims = facts.claims.map((claim) =>
    claim.code === 'content-own'
      ? { ...claim, holds: own !== null || null, facts: { own } }
      : claim,
  );
  return {
    ...facts,
    claims,
    endings: { whole: ending, lossy: ending },
    wire: facts.wire && { ...facts.wire, halfOpen },
  };
}
