/** Describes a captured connection for the report; computes the details of its packets only on access. */
import { streamsOf } from '../correlate/capture/contents.js';
import type { CapturedConnection } from '../correlate/capture/connections.js';
import type { Leg } from '../correlate/leg.js';
import { sameEndpoint } from '../model/address.js';
import type { TraceCoverage, ConnectionFacts, Judged } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import type { Topology } from '../model/topology.js';
import type { Trace } from '../model/trace.js';
import { writeEvidence } from '../words/claims.js';
import { writeReported } from '../words/icmp.js';
import { writeReason } from '../words/reasons.js';
import { findServing } from '../model/residents.js';
import { describeNat, findOwner } from './connection-fields.js';
import { coverageOf, isComplete } from './coverage/coverage.js';
import type { Places } from './hops/places.js';
import { describeHops } from './hops/shown-hops.js';
import { gatherWireFacts } from './judge/facts.js';
import { judge, listCodes } from './judge/judge.js';
import { LazyConnection, type Details, type LateFields, type Outline } from './lazy-connection.js';
import { observeOnWire, type ObservedOnWire } from './observed-wire.js';
import { findEnd } from './outcome/end.js';
import { describeProgress } from './outcome/progress.js';
import { findWireOutcome, type WireContext, type WireOutcome } from './outcome/wire-outcome.js';
import { countRetransmits, findTiming } from './timing/timing.js';

/** A capture names no process. */
export const NOBODY: Connection['processes'] = { client: null, server: null };

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

/** @returns a function that turns each captured connection into one of the report, numbered from 1 */
export function describerOf(
  trace: Trace,
  places: Places,
  limit: number | null,
): (connection: CapturedConnection, index: number) => Connection {
  // Recomputed from the connection: keeping the intermediate values would take more memory than the capture.
  const context = contextOf(trace, places, limit);
  const coverage = coverageOf(trace);
  const details = (connection: CapturedConnection): Details => {
    const subject = observeOnWire(connection, context.topology);
    const judged = judgeOnWire(subject, findWireOutcome(subject, context), coverage);
    return describeDetails(subject, judged, context);
  };
  const facts = (connection: CapturedConnection): LateFields => {
    const subject = observeOnWire(connection, context.topology);
    const { outcome } = findWireOutcome(subject, context);
    const lossless = isComplete(coverage) && isWhole(subject);
    return {
      end: findEnd(subject, outcome),
      ...describeProgress(subject, outcome, lossless),
      timing: findTiming(subject, context.epoch),
      retransmits: countRetransmits(subject, [], lossless),
    };
  };
  return (connection, index) =>
    new LazyConnection(outline(connection, index + 1, context, coverage), connection, {
      details,
      facts,
    });
}

function describeDetails(
  subject: ObservedOnWire,
  judged: Judged,
  { epoch, places, topology, limit }: WireDescribing,
): Details {
  const evidence = judged.claims.map(writeEvidence);
  const mentioned = evidence.flatMap(({ events }) => events);
  return {
    reason: writeReason(judged),
    ...listCodes(judged.judgement),
    evidence,
    ...describeHops(subject, mentioned, { epoch, places, topology, limit }),
  };
}

function judgeOnWire(
  subject: ObservedOnWire,
  ending: WireOutcome,
  coverage: TraceCoverage,
): Judged {
  return judge(gatherWireFacts(subject, ending), coverage);
}

function outline(
  connection: CapturedConnection,
  id: number,
  context: WireDescribing,
  coverage: TraceCoverage,
): Outline {
  const { topology } = context;
  const subject = observeOnWire(connection, topology);
  const { leg, bytes, lastLeg } = subject;
  const ending = findWireOutcome(subject, context);
  const { judgement, facts } = judgeOnWire(subject, ending, coverage);
  const { path, proof } = judgement;
  return {
    id,
    protocol: leg.protocol,
    client: leg.client,
    server: leg.server,
    container: path === 'unknown' ? null : nameContainer(topology, lastLeg),
    path,
    proof,
    outcome: ending.outcome,
    nat: describeNat(leg),
    relay: describeRelay(facts),
    drop: describeDrop(ending),
    ...describeVia(subject),
    bytes,
    processes: NOBODY,
    clientNamespace: null,
    why: null,
  };
}

export function describeRelay({ relay }: ConnectionFacts): Connection['relay'] {
  return (
    relay && {
      pid: relay.process?.pid ?? null,
      command: relay.process?.command ?? null,
      client: relay.legs[0]?.from ?? null,
    }
  );
}

export function describeDrop({ outcome, error }: WireOutcome): Connection['drop'] {
  return outcome === 'dropped' && error !== null ? { ...writeReported(error), after: null } : null;
}

/** Lists the tunnels of a connection, with `from` and `to` in the direction of the client's requests. */
export function describeVia({
  captured: { first, last },
  leg,
}: ObservedOnWire): Pick<Connection, 'via'> {
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
export function isWhole({ captured }: ObservedOnWire): boolean {
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
