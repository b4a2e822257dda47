/** A traced connection as the report gives it: judged, timed, with its hops. */
import { isRequest } from '../correlate/bytes.js';
import type { TracedConnection } from '../correlate/connections.js';
import type { Judged } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import type { Topology } from '../model/topology.js';
import type { Trace } from '../model/trace.js';
import type { Outcome } from '../model/verdict.js';
import { writeEvidence } from '../words/claims.js';
import { writeReason } from '../words/reasons.js';
import { writeWhy } from '../words/why.js';
import { countUnshown, describeNat, findOwner, listUnlisted } from './connection-fields.js';
import { coverageOf, isLossless } from './coverage/coverage.js';
import { findDropHook, listFunctions, type FunctionIndex } from './hops/functions.js';
import { listHops, selectHops } from './hops/hops.js';
import { namePacket } from '../words/packets.js';
import type { Places } from './hops/places.js';
import { gatherFacts } from './judge/facts.js';
import { judge } from './judge/judge.js';
import { observe, processOf, type Observed } from './observed.js';
import { findDrop, findLastHop, isDroppedAtOutput, listLegs } from './outcome/drops.js';
import { findEnd } from './outcome/end.js';
import { describeProgress } from './outcome/progress.js';
import { countRetransmits, findTiming } from './timing/timing.js';

export interface DescribeContext {
  readonly trace: Trace;
  readonly places: Places;
  readonly functions: FunctionIndex | null;
  readonly limit: number | null;
}

export function describeTraced(
  id: number,
  connection: TracedConnection,
  context: DescribeContext,
): Connection {
  const { trace, places, functions, limit } = context;
  const subject = observe(connection, trace);
  const { leg, links, bytes, topology } = subject;
  const coverage = coverageOf(trace);
  const lossless = isLossless(coverage);
  const judged = judge(gatherFacts(subject), coverage);
  const { path, proof } = judged.judgement;
  const { outcome } = judged.ending;
  const evidence = judged.claims.map(writeEvidence);
  const all = listHops(subject, { epoch: trace.header.epoch, places, topology });
  const hops = selectHops(all, new Set(evidence.flatMap(({ events }) => events)), limit);
  const legs = listLegs(subject);
  const relayed = path === 'docker-proxy' || path === 'relay';
  return {
    id,
    protocol: leg.protocol,
    client: leg.client,
    server: leg.server,
    container: describeContainer(subject, places),
    path,
    proof,
    reason: writeReason(judged),
    outcome,
    end: findEnd(subject, outcome),
    ...describeProgress(subject, outcome, lossless),
    ...(judged.ending.course?.reached && { reached: judged.ending.course.reached }),
    nat: describeNat(leg),
    ...describeRelays(judged, relayed),
    drop: describeDrop(subject, outcome, context),
    bytes,
    timing: findTiming(subject, trace.header.epoch),
    retransmits: countRetransmits(subject, trace.header.probes.attached, lossless),
    processes: {
      client: processOf(leg.dialled),
      server: processOf(relayed ? (links.at(-1)?.upstream.accepted ?? null) : leg.accepted),
    },
    clientNamespace: nameClient(subject, places),
    evidence,
    why: writeWhy(judged),
    ...(functions && { functions: listFunctions(subject, functions, places) }),
    hops,
    hopsOmitted: all.length - hops.length + countUnshown(legs),
    ...listUnlisted(legs),
  };
}

/** All relays in a row are listed where there are several; `relay` is the first. */
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

function describeContainer(subject: Observed, places: Places): Connection['container'] {
  const { lastLeg, entered, topology, hostAccept, link } = subject;
  if (hostAccept && !link) return describeRelayTarget(subject);
  const { address, port } = lastLeg.destination;
  // Where the packet went in is known for certain; an address may have been another container's before.
  const name =
    entered && isContainers(topology, entered.namespace)
      ? places.namespace(entered.namespace)
      : (findOwner(topology, address)?.name ?? (entered && places.namespace(entered.namespace)));
  return name == null ? null : { address, port, name };
}

function isContainers({ namespaces }: Topology, inode: number | null): boolean {
  return namespaces.some((one) => one.inode === inode && one.role === 'container');
}

/** The container behind a relay that has not dialled it, by the relay's arguments. */
function describeRelayTarget({ relayAccept, topology }: Observed): Connection['container'] {
  const target = topology.relays.find(({ pid }) => pid === relayAccept?.pid)?.target;
  if (!target) return null;
  const owner = findOwner(topology, target.address);
  return owner ? { ...target, name: owner.name } : null;
}

/** The drop that decided; one that was answered by a reset is told by that. */
function describeDrop(
  subject: Observed,
  outcome: Outcome,
  { places, functions }: DescribeContext,
): Connection['drop'] {
  const refused = outcome === 'refused' || outcome === 'reset';
  if (outcome === 'answered' || (refused && subject.leg.protocol === 'tcp')) return null;
  const drop = findDrop(subject);
  if (drop === null) return null;
  const legs = listLegs(subject);
  const home = legs.find(({ events }) => events.includes(drop)) ?? subject.leg;
  const hop = findLastHop(home, drop);
  const hook = isDroppedAtOutput(drop) ? 'OUTPUT' : functions && findDropHook(drop, functions);
  return {
    reason: drop.reason,
    function: drop.function,
    after: hop && places.device(hop.namespace, hop.ifindex),
    ...(hook && { hook }),
    flow: isRequest(home, drop) ? 'request' : 'reply',
    leg: home === subject.leg ? 'client' : 'container',
    packet: namePacket(drop),
    length: drop.length,
  };
}

function nameClient({ leg }: Observed, places: Places): string | null {
  if (leg.dialled) return places.namespace(leg.dialled.namespace);
  const first = leg.events.find((event) => event.kind === 'packet' && event.direction === 'out');
  return first?.kind === 'packet' && first.socket !== null
    ? places.namespace(first.namespace)
    : null;
}
