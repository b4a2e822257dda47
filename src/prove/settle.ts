/** Judges a sketched connection by what is known of the whole trace, and makes it a connection of the report. */
import type { Ownership } from '../model/claim.js';
import type { ConnectionFacts, Judged, TraceCoverage } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import { writeEvidence } from '../words/claims.js';
import { writeReason } from '../words/reasons.js';
import { writeWhy } from '../words/why.js';
import type { Course, Courses } from './course.js';
import { isLossless } from './coverage/coverage.js';
import { judge, listCodes } from './judge/judge.js';
import type { ConnectionSketch } from './sketch-live.js';
import type { WireCourse, WireSketch } from './sketch-wire.js';

/** What is known only at the end of a capture. */
export interface WireSettling {
  readonly coverage: TraceCoverage;
  /** Why the content that both legs carried is no coincidence; null where it may be. */
  readonly own: Ownership | null;
  /** Whether any acknowledgement would have been in the file. */
  readonly hears: boolean;
}

/** A capture names no process. */
const NOBODY: Connection['processes'] = { client: null, server: null };

/** Judges a sketched connection in a trace of this coverage. */
export function settleSketch(
  id: number,
  { facts, courses, fields, processes }: ConnectionSketch,
  coverage: TraceCoverage,
): Connection {
  const judged = judge(facts, coverage);
  const { path } = judged.judgement;
  const relayed = path === 'docker-proxy' || path === 'relay';
  const { client, server, beyond } = processes;
  return tell(id, judged, {
    course: chooseCourse(courses, coverage),
    fields: { ...fields, ...describeRelays(judged, relayed) },
    processes: { client, server: relayed ? beyond : server },
    why: writeWhy(judged),
  });
}

/** Judges a sketched connection by the whole capture. */
export function settleOnWire(id: number, sketch: WireSketch, settling: WireSettling): Connection {
  const { facts, courses, unheard, fields, container } = sketch;
  const { coverage, own, hears } = settling;
  const course = chooseCourse(hears ? courses : (unheard ?? courses), coverage);
  const judged = judge(settleFacts(facts, course, own), coverage);
  const led = judged.judgement.path === 'unknown' ? null : container;
  return tell(id, judged, {
    course,
    fields: { ...fields, container: led, clientNamespace: null },
    processes: NOBODY,
    why: null,
  });
}

/** Puts the outcome and what is known of the content into the facts of a captured connection. */
export function settleFacts(
  facts: ConnectionFacts,
  { outcome, halfOpen }: Pick<WireCourse, 'outcome' | 'halfOpen'>,
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

function chooseCourse<T extends Course>({ whole, lossy }: Courses<T>, coverage: TraceCoverage): T {
  return isLossless(coverage) ? whole : (lossy ?? whole);
}

/** What is told of a connection, apart from the verdict. */
interface Told {
  readonly course: Course;
  readonly fields: Omit<ConnectionSketch['fields'], 'functions'> &
    Pick<Connection, 'relay' | 'relays' | 'via' | 'functions'>;
  readonly processes: Connection['processes'];
  readonly why: string | null;
}

/** The connection, with its fields in the order of the document. */
function tell(id: number, judged: Judged, { course, fields, processes, why }: Told): Connection {
  const { path, proof } = judged.judgement;
  const { relays, via, functions, unlistedLegs } = fields;
  const reached = judged.ending.course?.reached;
  return {
    id,
    protocol: fields.protocol,
    client: fields.client,
    server: fields.server,
    container: fields.container,
    path,
    proof,
    reason: writeReason(judged),
    ...listCodes(judged.judgement),
    outcome: course.outcome,
    end: course.end,
    handshake: course.handshake,
    acknowledged: course.acknowledged,
    stall: course.stall,
    sourceSeen: course.sourceSeen,
    ...(reached && { reached }),
    nat: fields.nat,
    relay: fields.relay,
    ...(relays && { relays }),
    drop: course.drop,
    ...(via && { via }),
    bytes: fields.bytes,
    timing: fields.timing,
    retransmits: course.retransmits,
    processes,
    clientNamespace: fields.clientNamespace,
    evidence: judged.claims.map(writeEvidence),
    why,
    ...(functions && { functions }),
    hops: fields.hops,
    hopsOmitted: fields.hopsOmitted,
    ...(unlistedLegs && { unlistedLegs }),
  };
}

/** `relay` is the first relay; `relays` lists all of them where there are several in a row. */
function describeRelays(
  { facts: { relay } }: Judged,
  relayed: boolean,
): Pick<Connection, 'relay' | 'relays'> {
  if (!relayed || !relay?.process) return { relay: null };
  const { process, legs } = relay;
  const relays = legs.map((leg) => ({
    pid: leg.process?.pid ?? null,
    command: leg.process?.command ?? null,
    client: leg.from,
  }));
  return {
    relay: { ...process, client: legs[0]?.from ?? null },
    ...(legs.length > 1 && { relays }),
  };
}
