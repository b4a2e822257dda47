/** From a trace to its report: connections, claims, verdicts, hops. Pure, and the same for every source. */
import { findCaptured } from '../correlate/capture/connections.js';
import { isRequest } from '../correlate/bytes.js';
import { findConnections } from '../correlate/connections.js';
import type { StateEvent, AcceptEvent } from '../model/event.js';
import type { Connection, Report } from '../model/report.js';
import type { Topology } from '../model/topology.js';
import type { Trace, TraceHeader } from '../model/trace.js';
import type { Outcome } from '../model/verdict.js';
import { describerOf } from './describe-wire.js';
import { observe, type Observed } from './observed.js';
import { makeClaims } from './claims/live.js';
import { describeCourse } from './outcome/progress.js';
import { predict } from './predict/predict.js';
import {
  findDropHook,
  indexFunctions,
  listFunctions,
  type FunctionIndex,
} from './hops/functions.js';
import { findHeadline } from './verdict/headline.js';
import { listHops, selectHops } from './hops/hops.js';
import { judge } from './judge/live.js';
import { findDrop, findLastHop, isDroppedAtOutput, listLegs } from './outcome/drops.js';
import { findEnd } from './outcome/end.js';
import { findOutcome } from './outcome/outcome.js';
import { namePacket } from './hops/packet-words.js';
import { countUnshown, describeNat, findOwner, listUnlisted } from './connection-fields.js';
import { namePlaces, type Places } from './hops/places.js';
import { attributeRules } from './hops/rules-met.js';
import { findStatistics } from './timing/statistics.js';
import { sumUp } from './verdict/verdict.js';
import { countRetransmits, findTiming } from './timing/timing.js';
import { findUnpublished } from './verdict/unpublished.js';
import { tellWhy } from './why.js';

export interface AnalyseOptions {
  /** Hops kept per connection; null keeps all. */
  readonly hops: number | null;
}

/** Hops per connection unless more are asked for. */
export const HOPS = 64;

export function analyse(trace: Trace, options: AnalyseOptions = { hops: HOPS }): Report {
  const { header, tail } = trace;
  const places = namePlaces(header.topology);
  // Asking a capture for its events makes an object of every packet.
  const functions = trace.capture ? null : indexFunctions(trace.events);
  const context = { trace, places, functions, limit: options.hops };
  const seen = trace.capture
    ? findCaptured(trace).map(describerOf(trace, places, options.hops))
    : findConnections(trace).map((connection, index) =>
        describeConnection(index + 1, observe(connection, trace), context),
      );
  const predicted = predict(header, seen);
  const { rules } = tail;
  const connections = rules
    ? attributeRules(predicted?.connections ?? seen, rules)
    : (predicted?.connections ?? seen);
  const asked = {
    ports: [...header.target.asked],
    protocol: header.target.protocol,
    containers: [...header.target.containers],
  };
  const headline = findHeadline({
    connections,
    target: asked,
    faults: predicted?.findings ?? [],
    // Of a capture's host nobody knows what it publishes.
    unpublished: trace.capture
      ? null
      : findUnpublished(header.target, header.topology, connections),
  });
  return {
    schema: 'trace-flow/1',
    source: trace.source,
    target: asked,
    // Seals are for live traces; a capture that was read whole lacks nothing.
    verdict: sumUp(
      connections,
      headline,
      trace.capture ? { ...tail, sealed: !tail.truncated } : tail,
    ),
    coverage: {
      lostEvents: tail.lostEvents,
      ...(tail.skippedRuns !== undefined && { skippedRuns: tail.skippedRuns }),
      unparsedPackets: tail.unparsedPackets,
      truncated: tail.truncated,
      probes: describeProbes(header),
      sealed: tail.sealed,
      notes: [...tail.notes],
      ...(trace.capture?.clocks && { clocks: [...trace.capture.clocks] }),
    },
    places: listPlaces(trace, places, connections),
    connections,
    statistics: findStatistics(connections),
    ...(predicted && { findings: predicted.findings }),
  };
}

interface DescribeContext {
  readonly trace: Trace;
  readonly places: Places;
  readonly functions: FunctionIndex | null;
  readonly limit: number | null;
}

function describeConnection(id: number, subject: Observed, context: DescribeContext): Connection {
  const { trace, places, functions, limit } = context;
  const { leg, link, links, relayAccept, bytes, topology } = subject;
  const claims = makeClaims(subject);
  const judgement = judge(subject, claims);
  const all = listHops(subject, { epoch: trace.header.epoch, places, topology });
  const hops = selectHops(all, new Set(claims.flatMap(({ events }) => events)), limit);
  const relayProcess = link ?? relayAccept;
  const relayed = judgement.path === 'docker-proxy' || judgement.path === 'relay';
  const outcome = findOutcome(subject);
  return {
    id,
    protocol: leg.protocol,
    client: leg.client,
    server: leg.server,
    container: describeContainer(subject, places),
    path: judgement.path,
    proof: judgement.proof,
    reason: judgement.reason,
    outcome,
    end: findEnd(subject, outcome),
    ...describeCourse(subject, outcome),
    nat: describeNat(leg),
    relay:
      relayed && relayProcess
        ? {
            pid: relayProcess.pid,
            command: relayProcess.command,
            client: link?.upstream.client ?? null,
          }
        : null,
    ...(relayed && links.length > 1
      ? {
          relays: links.map(({ pid, command, upstream }) => ({
            pid,
            command,
            client: upstream.client,
          })),
        }
      : {}),
    drop: describeDrop(subject, outcome, places, functions),
    bytes,
    timing: findTiming(subject, trace.header.epoch),
    retransmits: countRetransmits(subject, trace.header.probes.attached),
    processes: {
      client: describeProcess(leg.dialled),
      server: describeProcess(relayed ? (links.at(-1)?.upstream.accepted ?? null) : leg.accepted),
    },
    clientNamespace: nameClient(subject, places),
    evidence: claims,
    why: tellWhy(subject, judgement.path),
    ...(functions && { functions: listFunctions(subject, functions, places) }),
    hops,
    hopsOmitted:
      all.length - hops.length + countUnshown([leg, ...links.map(({ upstream }) => upstream)]),
    ...listUnlisted([leg, ...links.map(({ upstream }) => upstream)]),
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
  places: Places,
  functions: FunctionIndex | null,
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

function describeProcess(
  event: StateEvent | AcceptEvent | null,
): { pid: number; command: string } | null {
  return event && { pid: event.pid, command: event.command };
}

function nameClient({ leg }: Observed, places: Places): string | null {
  if (leg.dialled) return places.namespace(leg.dialled.namespace);
  const first = leg.events.find((event) => event.kind === 'packet' && event.direction === 'out');
  return first?.kind === 'packet' && first.socket !== null
    ? places.namespace(first.namespace)
    : null;
}

/** Namespaces that took part, the client's first, the host in the middle, containers last. */
function listPlaces(
  trace: Trace,
  places: Places,
  connections: readonly Connection[],
): Report['places'] {
  const { topology, target } = trace.header;
  const used = new Set(target.containers);
  for (const { hops } of connections) {
    // Hops are put into words when they are looked at: no more of them than tell something new.
    if (topology.namespaces.every(({ inode }) => used.has(places.namespace(inode)))) break;
    for (const { namespace } of hops) used.add(namespace);
  }
  const rank = { other: 0, host: 1, container: 2 };
  return topology.namespaces
    .filter(({ inode }) => used.has(places.namespace(inode)))
    .sort((a, b) => rank[a.role] - rank[b.role])
    .map(({ inode, role, devices }) => ({
      namespace: places.namespace(inode),
      role,
      devices: devices.map(({ name, kind, addresses, peerIfindex, peerNamespace }) => ({
        name,
        kind,
        addresses: [...addresses],
        peer:
          peerIfindex === null || peerNamespace === null
            ? null
            : `${places.namespace(peerNamespace)}:${places.device(peerNamespace, peerIfindex)}`,
      })),
    }));
}

function describeProbes({ probes }: TraceHeader): Report['coverage']['probes'] {
  const { attached, missing, profile } = probes;
  return { attached: [...attached], missing: [...missing], ...(profile && { profile }) };
}
