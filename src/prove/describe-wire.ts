/** A captured connection as the report gives it. */
import { streamsOf } from '../correlate/capture/contents.js';
import type { CapturedConnection } from '../correlate/capture/connections.js';
import { sameEndpoint, type Endpoint } from '../model/address.js';
import type { Connection } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { listHops, selectHops } from './hops/hops.js';
import { LazyConnection, type Details, type Facts, type Outline } from './lazy-connection.js';
import { describeCourse } from './outcome/progress.js';
import { findEnd } from './outcome/end.js';
import { countUnshown, describeNat, findOwner, listUnlisted } from './connection-fields.js';
import type { Places } from './hops/places.js';
import { countRetransmits, findTiming } from './timing/timing.js';
import { observeOnWire, type ObservedOnWire } from './observed-wire.js';
import { findFacts, tellClaims } from './claims/wire.js';
import { findWireOutcome, type WireOutcome } from './outcome/wire-outcome.js';
import { judgeCaptured, type CapturedJudgement } from './judge/wire.js';

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
    const evidence = tellClaims(subject);
    const all = listHops(subject, { epoch, places, topology });
    const hops = selectHops(all, new Set(evidence.flatMap(({ events }) => events)), limit);
    const unshown = countUnshown([subject.leg, subject.link?.upstream]);
    const { reason } = judgeNamed(subject, findWireOutcome(subject, trace));
    return {
      reason: reason(),
      evidence,
      hops,
      hopsOmitted: all.length - hops.length + unshown,
      ...listUnlisted(subject.link ? [subject.leg, subject.link.upstream] : [subject.leg]),
    };
  };
  const facts = (connection: CapturedConnection): Facts => {
    const subject = observeOnWire(connection, trace);
    const { outcome } = findWireOutcome(subject, trace);
    const lossless = isWhole(subject);
    return {
      end: findEnd(subject, outcome),
      ...describeCourse(subject, outcome, lossless),
      timing: findTiming(subject, epoch),
      retransmits: countRetransmits(subject, [], lossless),
    };
  };
  return (connection, index) =>
    new LazyConnection(outline(connection, index + 1, trace), connection, { details, facts });
}

function outline(connection: CapturedConnection, id: number, trace: Trace): Outline {
  const subject = observeOnWire(connection, trace);
  const { leg, link, bytes, lastLeg } = subject;
  const ending = findWireOutcome(subject, trace);
  const { outcome, error } = ending;
  const { path, proof, named } = judgeNamed(subject, ending);
  return {
    id,
    protocol: leg.protocol,
    client: leg.client,
    server: leg.server,
    container: path === 'unknown' ? null : nameContainer(trace, lastLeg.destination),
    path,
    proof,
    outcome,
    nat: describeNat(leg),
    relay: link && {
      pid: named?.pid ?? null,
      command: named?.command ?? null,
      client: link.upstream.client,
    },
    drop:
      outcome === 'dropped' && error !== null
        ? { reason: `ICMP ${error.what}`, function: `reported by ${error.from}`, after: null }
        : null,
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

interface NamedJudgement extends CapturedJudgement {
  /** The relay's process, where a map of the host names it. */
  readonly named: { readonly pid: number; readonly command: string } | null;
}

function judgeNamed(subject: ObservedOnWire, ending: WireOutcome): NamedJudgement {
  const judgement = judgeCaptured(subject, findFacts(subject), ending);
  const named = nameRelay(subject);
  if (named === null || judgement.path !== 'relay') return { ...judgement, named };
  return { ...judgement, ...rename(judgement, named), named };
}

/** Every packet of it is there, as far as its numbers tell. */
function isWhole({ captured, tail }: ObservedOnWire): boolean {
  const { request, reply } = streamsOf(captured);
  return !tail.truncated && tail.lostEvents === 0 && !request.lost && !reply.lost;
}

/** The relay by the map of the host, where one was given: who listens where the client dialled, for that container. */
function nameRelay({
  leg,
  link,
  topology,
}: ObservedOnWire): { pid: number; command: string } | null {
  const { server } = leg;
  if (!link || !server) return null;
  const relay = topology.relays.find(
    ({ protocol, listens, target }) =>
      protocol === leg.protocol &&
      listens.port === server.port &&
      (listens.address === server.address || ['0.0.0.0', '::'].includes(listens.address)) &&
      target !== null &&
      sameEndpoint(target, link.upstream.destination),
  );
  return relay ? { pid: relay.pid, command: relay.command } : null;
}

/** The same verdict with the relay's name, and where the name is from. */
function rename(
  { reason }: CapturedJudgement,
  { pid, command }: { pid: number; command: string },
): Pick<CapturedJudgement, 'path' | 'reason'> {
  const told = `${command} (pid ${pid}), which listens there by the map of the host`;
  return {
    path: command === 'docker-proxy' ? 'docker-proxy' : 'relay',
    reason: () =>
      reason()
        .replace("a relay with docker-proxy's shape", told)
        .replace('; a capture cannot name its process', ''),
  };
}

/** Without a map of the host the address is the name. */
function nameContainer(trace: Trace, end: Endpoint): Connection['container'] {
  return { ...end, name: findOwner(trace.header.topology, end.address)?.name ?? end.address };
}
