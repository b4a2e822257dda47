/** Sketches a traced connection: everything that the report says of it, but for the verdict, as plain data. */
import { isRequest } from '../correlate/bytes.js';
import type { TracedConnection } from '../correlate/connections.js';
import type { Process } from '../model/claim.js';
import type { Protocol } from '../model/event.js';
import type { ConnectionFacts } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import { describeBehind } from '../model/behind-drivers.js';
import { runtimeOf } from '../model/runtime.js';
import { findResident } from '../model/residents.js';
import type { Topology } from '../model/topology.js';
import type { TraceHeader } from '../model/trace.js';
import type { Outcome } from '../model/verdict.js';
import { describeNat, findOwner } from './connection-fields.js';
import type { Course, Courses } from './course.js';
import { findDropHook, listFunctions, type FunctionIndex } from './hops/functions.js';
import { namePacket } from '../words/packets.js';
import type { Places } from './hops/places.js';
import { describeVia } from './hops/via.js';
import { describeHops } from './hops/shown-hops.js';
import { gatherFacts } from './judge/facts.js';
import { observe, processOf, type Observed } from './observed.js';
import { findDrop, findLastHop, isDroppedAtOutput, listLegs } from './outcome/drops.js';
import { findEnd } from './outcome/end.js';
import { describeProgress } from './outcome/progress.js';
import { countRetransmits, findTiming } from './timing/timing.js';

export interface DescribeContext {
  readonly header: TraceHeader;
  readonly places: Places;
  readonly functions: FunctionIndex | null;
  readonly limit: number | null;
}

/** A connection before it is judged: plain data, so that it outlives its events. */
export interface ConnectionSketch {
  readonly facts: ConnectionFacts;
  readonly courses: Courses;
  readonly fields: Pick<
    Connection,
    | 'protocol'
    | 'client'
    | 'server'
    | 'container'
    | 'nat'
    | 'via'
    | 'bytes'
    | 'timing'
    | 'clientNamespace'
    | 'functions'
    | 'hops'
    | 'hopsOmitted'
    | 'unlistedLegs'
  >;
  readonly processes: {
    readonly client: Process | null;
    readonly server: Process | null;
    /** The process that accepted what the last relay dialled. */
    readonly beyond: Process | null;
  };
}

export function sketchTraced(
  connection: TracedConnection,
  context: DescribeContext,
): ConnectionSketch {
  const { header, places, functions, limit } = context;
  const subject = observe(connection, header);
  const { leg, links, bytes, topology } = subject;
  const facts = gatherFacts(subject);
  const mentioned = facts.claims.flatMap(({ events }) => events);
  const whole = describeCourse(subject, facts.endings.whole.outcome, true, context);
  const lossy = describeCourse(subject, facts.endings.lossy.outcome, false, context);
  return {
    facts,
    courses: { whole, lossy: JSON.stringify(whole) === JSON.stringify(lossy) ? null : lossy },
    fields: {
      protocol: leg.protocol,
      client: leg.client,
      server: leg.server,
      container: describeContainer(subject, places),
      nat: describeNat(leg),
      ...describeVia(listLegs(subject)),
      bytes,
      timing: findTiming(subject, header.epoch),
      clientNamespace: nameClient(subject, places),
      ...(functions && { functions: listFunctions(subject, functions, places) }),
      ...describeHops(subject, mentioned, { epoch: header.epoch, places, topology, limit }),
    },
    processes: {
      client: processOf(leg.dialled),
      server: processOf(leg.accepted),
      beyond: processOf(links.at(-1)?.upstream.accepted ?? null),
    },
  };
}

function describeCourse(
  subject: Observed,
  outcome: Outcome,
  lossless: boolean,
  context: DescribeContext,
): Course {
  const { attached } = context.header.probes;
  return {
    outcome,
    end: findEnd(subject, outcome),
    ...describeProgress(subject, outcome, lossless),
    drop: describeDrop(subject, outcome, context),
    retransmits: countRetransmits(subject, attached, lossless),
  };
}

function describeContainer(subject: Observed, places: Places): Connection['container'] {
  const found = locateContainer(subject, places);
  if (found === null) return null;
  const owners = subject.topology.containers.filter(({ name }) => name === found.name);
  const [owner, ...more] = owners;
  return { ...found, ...(owner && more.length === 0 && runtimeOf(owner)) };
}

function locateContainer(subject: Observed, places: Places): Connection['container'] {
  const { lastLeg, entered, topology, hostAccept, link } = subject;
  if (hostAccept && !link) return describeRelayTarget(subject, places);
  const { address, port } = lastLeg.destination;
  // The namespace that the packet entered is certain; an address may have belonged to another container before.
  const namespace =
    entered && isContainers(topology, entered.namespace)
      ? entered.namespace
      : (findOwner(topology, address)?.namespace ?? null);
  const { protocol } = lastLeg;
  const name =
    (namespace === null ? null : nameResident(topology, namespace, { protocol, port }, places)) ??
    findOwner(topology, address)?.name ??
    (entered && places.namespace(entered.namespace));
  return name == null ? null : { address, port, name };
}

/** Several containers may share a namespace: names the one that listens there, otherwise the namespace. */
function nameResident(
  topology: Topology,
  namespace: number,
  at: { protocol: Protocol; port: number },
  places: Places,
): string | null {
  if (namespace === topology.host || !isContainers(topology, namespace)) return null;
  return findResident(topology, namespace, at)?.name ?? places.namespace(namespace);
}

function isContainers({ namespaces }: Topology, inode: number | null): boolean {
  return namespaces.some((one) => one.inode === inode && one.role === 'container');
}

/** Finds the container behind a relay that has not dialled it: by the relay's arguments or a port driver's target. */
function describeRelayTarget(
  { relayAccept, hostAccept, leg, topology }: Observed,
  places: Places,
): Connection['container'] {
  const driver = topology.drivers?.find(({ pid }) => pid === hostAccept?.pid);
  if (driver && leg.server) return describeBehind(topology, driver, leg.protocol, leg.server.port);
  const relay = topology.relays.find(({ pid }) => pid === relayAccept?.pid);
  if (!relay?.target) return null;
  const owner = findOwner(topology, relay.target.address);
  if (!owner) return null;
  const at = { protocol: relay.protocol, port: relay.target.port };
  const resident =
    owner.namespace === null ? null : nameResident(topology, owner.namespace, at, places);
  return { ...relay.target, name: resident ?? owner.name };
}

/** Describes the deciding drop; null for TCP that ended with a reset, because the reset describes it. */
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
