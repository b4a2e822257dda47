/** Sketches a captured connection as plain data, so that its packets can be freed before the capture is judged. */
import { streamsOf } from '../correlate/capture/contents.js';
import type { CapturedConnection } from '../correlate/capture/connections.js';
import type { Leg } from '../correlate/leg.js';
import { sameEndpoint } from '../model/address.js';
import type { CaptureWitness } from '../model/conversation.js';
import type { ConnectionFacts } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import { findServing } from '../model/residents.js';
import type { Topology } from '../model/topology.js';
import type { Trace } from '../model/trace.js';
import { writeReported } from '../words/icmp.js';
import { describeNat, findOwner } from './connection-fields.js';
import type { Course, Courses } from './course.js';
import type { Places } from './hops/places.js';
import { describeHops } from './hops/shown-hops.js';
import { gatherWireFacts } from './judge/facts.js';
import { observeOnWire, type ObservedOnWire } from './observed-wire.js';
import { findEnd } from './outcome/end.js';
import { describeProgress } from './outcome/progress.js';
import { findWireOutcome, type WireContext, type WireOutcome } from './outcome/wire-outcome.js';
import { countRetransmits, findTiming } from './timing/timing.js';

/** A captured connection before the whole capture is known: plain data, so that its packets can be freed. */
export interface WireSketch {
  readonly facts: ConnectionFacts;
  readonly courses: WireCourses;
  /** The same if acknowledgements were left out of the capture; null where that changes nothing. */
  readonly unheard: WireCourses | null;
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

export type WireCourse = Course & { readonly halfOpen: boolean };
type WireCourses = Courses<WireCourse>;

export interface WireDescribing extends WireContext {
  readonly epoch: bigint;
  readonly topology: Topology;
  readonly places: Places;
  /** Hops kept per connection; null keeps all. */
  readonly limit: number | null;
  /** Time of the capture's last packet; infinite while it is read. */
  readonly until: number;
}

export function contextOf(
  trace: Pick<Trace, 'header' | 'capture'>,
  places: Places,
  limit: number | null,
): WireDescribing {
  const { epoch, topology } = trace.header;
  return {
    epoch,
    topology,
    places,
    limit,
    until: trace.capture?.witnesses[0]?.until ?? Infinity,
    errors: trace.capture?.errors ?? [],
    witnessOf: (file) => trace.capture?.witnesses[file],
  };
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

function describeCourses(subject: ObservedOnWire, ending: WireOutcome): WireCourses {
  const lossless = isWhole(subject);
  const whole = describeCourse(subject, ending, lossless);
  return { whole, lossy: lossless ? describeCourse(subject, ending, false) : null };
}

function describeCourse(
  subject: ObservedOnWire,
  ending: WireOutcome,
  lossless: boolean,
): WireCourse {
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

function describeRelay({ relay }: ConnectionFacts): Connection['relay'] {
  return (
    relay && {
      pid: relay.process?.pid ?? null,
      command: relay.process?.command ?? null,
      client: relay.legs[0]?.from ?? null,
    }
  );
}

function describeDrop({ outcome, error }: WireOutcome): Connection['drop'] {
  return outcome === 'dropped' && error !== null ? { ...writeReported(error), after: null } : null;
}

/** Lists the tunnels of a connection, with `from` and `to` in the direction of the client's requests. */
function describeVia({ captured: { first, last }, leg }: ObservedOnWire): Pick<Connection, 'via'> {
  const { via, streams } = first.via === null ? last : first;
  if (via === null) return {};
  const forth = [leg.client, leg.server].some((end) => end && sameEndpoint(streams[0].from, end));
  const back = forth && !sameEndpoint(streams[0].from, leg.client);
  return {
    via: via.map(({ kind, id, from, to }) => ({
      kind,
      id,
      from: back ? to : from,
      to: back ? from : to,
    })),
  };
}

/** Whether every packet was captured, as far as the sequence numbers show. */
function isWhole({ captured }: ObservedOnWire): boolean {
  const { request, reply } = streamsOf(captured);
  return !request.lost && !reply.lost;
}

/** Names the container at the end of a leg; without a map of the host, its address is its name. */
export function nameContainer(
  topology: Topology,
  { protocol, destination: end }: Pick<Leg, 'protocol' | 'destination'>,
): NonNullable<Connection['container']> {
  const owner = findOwner(topology, end.address);
  const serving = owner && findServing(topology, owner, { protocol, port: end.port });
  return { ...end, name: serving?.name ?? end.address };
}
