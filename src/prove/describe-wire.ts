/** A captured connection as the report gives it. */
import { streamsOf } from '../correlate/capture/contents.js';
import type { CapturedConnection } from '../correlate/capture/connections.js';
import { sameEndpoint, type Endpoint } from '../model/address.js';
import type { Judged } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { writeEvidence } from '../words/claims.js';
import { writeReported } from '../words/icmp.js';
import { writeReason } from '../words/reasons.js';
import type { Protocol } from '../model/event.js';
import { findServing } from '../model/residents.js';
import { countUnshown, describeNat, findOwner, listUnlisted } from './connection-fields.js';
import { coverageOf, isComplete } from './coverage/coverage.js';
import { listHops, selectHops } from './hops/hops.js';
import type { Places } from './hops/places.js';
import { gatherWireFacts } from './judge/facts.js';
import { judge } from './judge/judge.js';
import { LazyConnection, type Details, type LateFields, type Outline } from './lazy-connection.js';
import { observeOnWire, type ObservedOnWire } from './observed-wire.js';
import { listLegs } from './outcome/drops.js';
import { findEnd } from './outcome/end.js';
import { describeProgress } from './outcome/progress.js';
import { findWireOutcome, type WireOutcome } from './outcome/wire-outcome.js';
import { countRetransmits, findTiming } from './timing/timing.js';

/** A capture names no process. */
const NOBODY: Connection['processes'] = { client: null, server: null };

/** @returns what makes a connection of the report of each captured one, numbered from 1 */
export function describerOf(
  trace: Trace,
  places: Places,
  limit: number | null,
): (connection: CapturedConnection, index: number) => Connection {
  // Made anew from the connection: keeping what all of them are made of would take more room than the capture.
  const { epoch, topology } = trace.header;
  const details = (connection: CapturedConnection): Details => {
    const subject = observeOnWire(connection, trace);
    const judged = judgeOnWire(subject, findWireOutcome(subject, trace), trace);
    const evidence = judged.claims.map(writeEvidence);
    const all = listHops(subject, { epoch, places, topology });
    const hops = selectHops(all, new Set(evidence.flatMap(({ events }) => events)), limit);
    const legs = listLegs(subject);
    return {
      reason: writeReason(judged),
      evidence,
      hops,
      hopsOmitted: all.length - hops.length + countUnshown(legs),
      ...listUnlisted(legs),
    };
  };
  const facts = (connection: CapturedConnection): LateFields => {
    const subject = observeOnWire(connection, trace);
    const { outcome } = findWireOutcome(subject, trace);
    const lossless = isComplete(coverageOf(trace)) && isWhole(subject);
    return {
      end: findEnd(subject, outcome),
      ...describeProgress(subject, outcome, lossless),
      timing: findTiming(subject, epoch),
      retransmits: countRetransmits(subject, [], lossless),
    };
  };
  return (connection, index) =>
    new LazyConnection(outline(connection, index + 1, trace), connection, { details, facts });
}

function judgeOnWire(subject: ObservedOnWire, ending: WireOutcome, trace: Trace): Judged {
  return judge(gatherWireFacts(subject, ending), coverageOf(trace));
}

function outline(connection: CapturedConnection, id: number, trace: Trace): Outline {
  const subject = observeOnWire(connection, trace);
  const { leg, bytes, lastLeg } = subject;
  const ending = findWireOutcome(subject, trace);
  const { outcome, error } = ending;
  const { judgement, facts } = judgeOnWire(subject, ending, trace);
  const { path, proof } = judgement;
  const { relay } = facts;
  return {
    id,
    protocol: leg.protocol,
    client: leg.client,
    server: leg.server,
    container: path === 'unknown' ? null : nameContainer(trace, leg.protocol, lastLeg.destination),
    path,
    proof,
    outcome,
    nat: describeNat(leg),
    relay: relay && {
      pid: relay.process?.pid ?? null,
      command: relay.process?.command ?? null,
      client: relay.legs[0]?.from ?? null,
    },
    drop: outcome === 'dropped' && error !== null ? { ...writeReported(error), after: null } : null,
    ...describeVia(subject),
    bytes,
    processes: NOBODY,
    clientNamespace: null,
    why: null,
  };
}

/** As the client's requests go through them. */
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

/** Every packet of it is there, as far as its numbers tell. */
function isWhole({ captured }: ObservedOnWire): boolean {
  const { request, reply } = streamsOf(captured);
  return !request.lost && !reply.lost;
}

/** Without a map of the host the address is the name. */
function nameContainer(
  { header: { topology } }: Trace,
  protocol: Protocol,
  end: Endpoint,
): Connection['container'] {
  const owner = findOwner(topology, end.address);
  const serving = owner && findServing(topology, owner, { protocol, port: end.port });
  return { ...end, name: serving?.name ?? end.address };
}
