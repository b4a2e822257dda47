/** Gathers what the judge needs of one connection: claims, doubts and endings, without events. */
import { lacksBytes } from '../../correlate/capture/contents.js';
import { isInitialTtl } from '../../correlate/capture/sightings.js';
import { isRelayProcess } from '../../correlate/known-relays.js';
import { sameEndpoint } from '../../model/address.js';
import type { Process } from '../../model/claim.js';
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import type {
  Doubt,
  ConnectionFacts,
  Redirect,
  RelayFacts,
  RelayLeg,
  Taken,
  TunnelTaken,
} from '../../model/judgement.js';
import type { Topology } from '../../model/topology.js';
import { makeClaims, makeWireClaims } from '../claims/claims.js';
import type { ObservedOnWire } from '../observed-wire.js';
import { isHostAddress, processOf, type Observed } from '../observed.js';
import { findEnding } from '../outcome/ending.js';
import { findStopped } from '../outcome/stopped.js';
import type { WireOutcome } from '../outcome/wire-outcome.js';
import { listHostDoubts, listRelayDoubts } from './doubts.js';

export function gatherFacts(subject: Observed): ConnectionFacts {
  const { leg, topology, hostAccept, link, sent } = subject;
  const { protocol, client, server, destination, begun } = leg;
  const dialler = leg.dialled ?? sent;
  return {
    seenBy: 'host',
    protocol,
    client,
    server,
    destination,
    begun,
    claims: makeClaims(subject),
    dialler: dialler && {
      pid: dialler.pid,
      command: dialler.command,
      isRelay: isRelayProcess(dialler, topology),
    },
    fromHost: isHostAddress(topology, client.address),
    redirect: describeRedirect(subject),
    taken: describeTaken(subject),
    relay: describeRelay(subject),
    tunnel: findTunnel(leg, topology),
    stopped: hostAccept === null && link === null && findStopped(leg, topology) !== null,
    endings: { whole: findEnding(subject, true), lossy: findEnding(subject, false) },
    wire: null,
  };
}

/** Finds the tunnel device of the client's first packet that was seen at one, leaving or coming in. */
function findTunnel(leg: Leg, topology: Topology): TunnelTaken | null {
  for (const event of leg.events) {
    if (event.kind !== 'packet' || !isRequest(leg, event)) continue;
    const { devices = [] } =
      topology.namespaces.find(({ inode }) => inode === event.namespace) ?? {};
    const device = devices.find(({ ifindex }) => ifindex === event.ifindex);
    if (!device?.tunnel) continue;
    const { kind, id } = device.tunnel;
    return { way: event.direction === 'out' ? 'left' : 'came', kind, id, device: device.name };
  }
  return null;
}

function describeRedirect({ redirect }: Observed): Redirect | null {
  if (!redirect) return null;
  const { view, hook } = redirect;
  return { from: view.original.destination, to: view.reply.source, hook };
}

function describeTaken(subject: Observed): Taken | null {
  const { hostAccept, bytes, service, witnesses } = subject;
  if (!hostAccept) return null;
  // If its calls are watched and it wrote nothing, another process answered.
  const isSilent = witnesses.has('copies') && service?.written === 0;
  const { pid, command } = hostAccept;
  return {
    process: { pid, command },
    container: findOnHost(subject.topology, pid),
    answers: bytes.fromServer > 0 ? !isSilent : bytes.fromClient === 0,
    doubts: listHostDoubts(subject),
  };
}

/** The container on the host's network that has this process, if all that it listens on says so. */
function findOnHost({ listeners, host }: Topology, pid: number): string | null {
  const own = listeners.filter((one) => one.pid === pid && one.namespace === host);
  const [only, ...more] = new Set(own.map(({ container }) => container ?? null));
  return more.length === 0 ? (only ?? null) : null;
}

function describeRelay(subject: Observed): RelayFacts | null {
  const { link, links, relayAccept, identified, topology, shared, bytes } = subject;
  const process = link ? link.process : processOf(relayAccept);
  if (!link && !relayAccept) return null;
  const known = relayAccept !== null && isRelayProcess(relayAccept, topology);
  return {
    process,
    listens: topology.relays.find(({ pid }) => pid === process?.pid)?.listens ?? null,
    isDockerProxy: identified || process?.command === 'docker-proxy',
    // Bytes that are only alike show a relay only if all were seen: a server may pass on a part of a database's answer.
    // The same holds for a process that dialled before it had read or written, because such events may have been lost.
    guessed: link?.how === 'alike' || (link?.how === 'only' && !known),
    maybePortCheck: identified && !link && shared === null && bytes.fromClient === 0,
    legs: links.map(describeLeg),
    doubts: listRelayDoubts(subject),
  };
}

function describeLeg({ process, upstream }: Observed['links'][number]): RelayLeg {
  const { protocol, client: from, server, destination } = upstream;
  return { process, protocol, from, to: server ?? destination };
}

/** Gathers the facts of a captured connection. */
export function gatherWireFacts(
  subject: ObservedOnWire,
  { outcome, halfOpen }: WireOutcome,
): ConnectionFacts {
  const { leg, captured, open } = subject;
  const { protocol, client, server, destination, begun } = leg;
  const { ttl, origin, ofContainer, disputed } = captured;
  const ending = { outcome, shown: false, course: null };
  return {
    seenBy: 'wire',
    protocol,
    client,
    server,
    destination,
    begun,
    claims: makeWireClaims(subject),
    dialler: null,
    fromHost: false,
    redirect: null,
    taken: null,
    relay: describeWireRelay(subject),
    tunnel: null,
    stopped: false,
    endings: { whole: ending, lossy: ending },
    wire: {
      disputed,
      lacksBytes: lacksBytes(captured),
      halfOpen,
      isLocal: origin === 'local',
      open,
      behindBridge: origin === null && ofContainer,
      // Unknown where only answers were seen.
      routedTtl: isInitialTtl(ttl.first) || !Number.isFinite(ttl.first) ? null : ttl.first,
    },
  };
}

function describeWireRelay({
  leg,
  link,
  links,
  pairing,
  topology,
}: ObservedOnWire): RelayFacts | null {
  const { server, protocol } = leg;
  if (!link || !pairing) return null;
  // The relay in the map of the host, if one was given, that listens where the client dialled, for that container.
  const named = topology.relays.find(
    ({ protocol: own, listens, target }) =>
      own === protocol &&
      listens.port === server?.port &&
      (listens.address === server.address || ['0.0.0.0', '::'].includes(listens.address)) &&
      target !== null &&
      sameEndpoint(target, link.upstream.destination),
  );
  const process: Process | null = named ? { pid: named.pid, command: named.command } : null;
  const ends: Doubt[] = pairing.ends === 'unknown' ? [{ code: 'ends-unlinked' }] : [];
  return {
    process,
    listens: named?.listens ?? null,
    isDockerProxy: named?.command === 'docker-proxy',
    guessed: false,
    maybePortCheck: false,
    legs: links.map(({ upstream }) => describeLeg({ ...link, process, upstream })),
    doubts: ends,
  };
}
