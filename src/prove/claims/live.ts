/** The claims for and against each path: each looks at one connection and says holds, refuted or cannot know. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import type { Move } from '../../correlate/relays.js';
import { formatEndpoint, sameEndpoint } from '../../model/address.js';
import {
  TCP_STATE,
  type AcceptEvent,
  type CopyEvent,
  type DropEvent,
  type PacketEvent,
} from '../../model/event.js';
import type { Evidence } from '../../model/report.js';
import { holdsAddress, isHostAddress, type Observed } from '../observed.js';
import { isShown } from '../outcome/end.js';
import { findStopped } from '../outcome/stopped.js';
import { findUnclaimed } from '../outcome/no-listener.js';

export type ClaimCode =
  | 'nat-rewritten'
  | 'same-packet'
  | 'entered-container'
  | 'host-accepted'
  | 'host-alone'
  | 'relay-dialled'
  | 'relay-moved'
  | 'container-addressed'
  | 'nothing-listened'
  | 'stopped-at-host'
  | 'complete';

export type Claim = Evidence & { readonly code: ClaimCode };

/** Null where a claim has no bearing on the connection. */
type Check = (subject: Observed) => Claim | null;

const CHECKS: readonly Check[] = [
  checkRewritten,
  checkSamePacket,
  checkHostAccepted,
  checkHostAlone,
  checkRelayDialled,
  checkRelayMoved,
  checkContainerAddressed,
  checkNothingListened,
  checkStopped,
  checkEntered,
  checkComplete,
];

export function makeClaims(subject: Observed): Claim[] {
  return CHECKS.flatMap((check) => check(subject) ?? []);
}

/** Nanoseconds within which one skb is seen again: it may wait for its neighbour's address before it is dropped. */
const ONE_WAY = 10_000_000_000;

function claim(code: ClaimCode, holds: boolean | null, text: string, events: number[] = []): Claim {
  return { code, claim: text, holds, events };
}

/** Nothing is missing from this trace, so that what was not seen did not happen. */
function isComplete({ tail }: Observed): boolean {
  return tail.sealed && tail.lostEvents === 0 && !tail.truncated;
}

function checkRewritten({ leg }: Observed): Claim {
  const { nat } = leg;
  if (nat?.destinationRewritten) {
    const { original, reply } = nat.view;
    const hook = nat.hook === null ? '' : ` in ${nat.hook}`;
    const to = formatEndpoint(reply.source);
    return claim(
      'nat-rewritten',
      true,
      `conntrack rewrote the destination ${formatEndpoint(original.destination)} to ${to}${hook}`,
      [nat.event.id],
    );
  }
  if (!leg.conntracked) {
    return claim('nat-rewritten', null, 'no packet carried a conntrack entry on the host');
  }
  const tracked = leg.events.find((event) => event.kind === 'packet' && event.conntrack !== null);
  return claim(
    'nat-rewritten',
    false,
    'conntrack rewrote the destination',
    tracked ? [tracked.id] : [],
  );
}

function checkSamePacket({ leg, topology }: Observed): Claim | null {
  const { nat } = leg;
  if (!nat?.destinationRewritten) return null;
  const { original, reply } = nat.view;
  const after = leg.events.filter(
    (event): event is PacketEvent | DropEvent =>
      (event.kind === 'packet' || event.kind === 'drop') &&
      sameEndpoint(event.destination, reply.source),
  );
  if (nat.hook === 'OUTPUT') {
    const sent = after.find(({ socket }) => socket !== null && socket === leg.dialled?.socket);
    const text =
      `the socket that ${nameProcess(leg.dialled)} dialled ${formatEndpoint(original.destination)} with ` +
      `sent its packet to ${formatEndpoint(reply.source)}`;
    return claim(
      'same-packet',
      sent ? true : null,
      text,
      sent && leg.dialled ? [leg.dialled.id, sent.id] : [],
    );
  }
  for (const before of leg.events) {
    if (before.kind !== 'packet' || before.namespace !== topology.host) continue;
    if (!sameEndpoint(before.destination, original.destination)) continue;
    const same = after.find((event) => event.time >= before.time && isSameSkb(before, event));
    if (!same || before.skb === null) continue;
    const number = leg.protocol === 'tcp' ? `, sequence number ${before.seq}` : '';
    const text = `one packet (same skb${number}) was seen with both destinations`;
    return claim('same-packet', true, text, [before.id, same.id]);
  }
  return claim('same-packet', null, 'one packet was seen with both destinations');
}

/** An skb's address is used again at once: the numbers, the length and the time tell one packet from the next. */
function isSameSkb(before: PacketEvent, after: PacketEvent | DropEvent): boolean {
  return (
    before.skb === after.skb &&
    before.seq === after.seq &&
    before.ack === after.ack &&
    before.flags === after.flags &&
    before.length === after.length &&
    after.time - before.time < ONE_WAY
  );
}

function checkHostAccepted(subject: Observed): Claim {
  const { hostAccept, leg, link } = subject;
  if (hostAccept) {
    const at = formatEndpoint(hostAccept.local);
    const did = leg.protocol === 'udp' ? tellDatagrams(hostAccept) : 'accepted the connection';
    const text = `${nameProcess(hostAccept)} on the host ${did} at ${at}, descriptor ${hostAccept.fd}`;
    return claim('host-accepted', true, text, [hostAccept.id]);
  }
  const text =
    leg.protocol === 'udp'
      ? 'a process of the host received its datagrams'
      : 'a process of the host accepted the connection';
  if (link) return claim('host-accepted', null, `${text} (before the trace began)`);
  return claim('host-accepted', wouldShow(subject) ? false : null, text);
}

function tellDatagrams(event: AcceptEvent | CopyEvent): string {
  const waited = event.kind === 'copy' && event.operation === 'write';
  return waited ? 'answered its datagrams' : 'received its datagrams';
}

/** Whether a process of the host that takes the connection would have been seen to. */
function wouldShow(subject: Observed): boolean {
  const { leg, witnesses, topology } = subject;
  if (!isComplete(subject) || !leg.begun || !witnesses.has('accepts')) return false;
  // Who waited for a datagram when the trace began is not seen to read it; no process gets one that was sent on.
  if (leg.protocol === 'udp') return leg.nat?.destinationRewritten === true;
  // The host's own TCP has taken it: by io_uring a process may have it unseen.
  return !leg.events.some(
    (event) =>
      event.kind === 'state' &&
      event.from === TCP_STATE.SYN_RECV &&
      event.to === TCP_STATE.ESTABLISHED &&
      event.namespace === topology.host,
  );
}

/** Whether the process that took it answered by itself: then nothing that it wrote until its answer went elsewhere. */
function checkHostAlone(subject: Observed): Claim | null {
  const { hostAccept, service, link, relayAccept, witnesses, bytes } = subject;
  if (!hostAccept || !service || link || relayAccept) return null;
  const name = nameProcess(hostAccept);
  const text = `all that ${name} wrote until it had answered went to its client`;
  const watched = witnesses.has('copies') && witnesses.has('asides') && isComplete(subject);
  if (service.ways.length > 0) {
    return claim(
      'host-alone',
      false,
      text,
      service.ways.map(({ event }) => event.id),
    );
  }
  const whole = service.written !== null && service.written >= bytes.fromServer;
  return claim('host-alone', watched && whole ? true : null, text);
}

function checkRelayDialled(subject: Observed): Claim | null {
  const { link, relayAccept } = subject;
  if (link) {
    const { upstream, moves } = link;
    const to = formatEndpoint(upstream.server ?? upstream.destination);
    const from = formatEndpoint(upstream.client);
    const did =
      upstream.protocol === 'udp'
        ? `sent them on to ${to} from ${from}`
        : `dialled ${to} from ${from} for it`;
    const text = `${link.command} (pid ${link.pid}) ${did}`;
    const shown =
      upstream.protocol === 'udp' ? moves.find(({ request }) => request)?.event : upstream.dialled;
    return claim('relay-dialled', shown ? true : null, text, shown ? [shown.id] : []);
  }
  if (!relayAccept) return null;
  return claim('relay-dialled', null, `${nameProcess(relayAccept)} dialled the container for it`);
}

function checkRelayMoved({ link, bytes, upstreamBytes, shared }: Observed): Claim | null {
  if (shared) {
    const to = formatEndpoint(shared.request ? shared.to.remote : shared.from.remote);
    const text = `its bytes went over a connection to ${to} that several clients share`;
    return claim('relay-moved', true, text, listMoveEvents([shared]));
  }
  if (!link) return null;
  const { toUpstream, toClient, how } = link;
  if (how === 'only' || how === 'tls') {
    const idle = bytes.fromClient === 0 && bytes.fromServer === 0;
    const text = 'bytes went from one of its sockets into the other';
    return idle || upstreamBytes?.fromServer === 0 ? null : claim('relay-moved', null, text);
  }
  const equal =
    toUpstream === bytes.fromClient &&
    toClient === bytes.fromServer &&
    (upstreamBytes === null ||
      (toUpstream === upstreamBytes.fromClient && toClient === upstreamBytes.fromServer));
  const carried = [bytes, ...(upstreamBytes === null ? [] : [upstreamBytes])].map(describe);
  const text =
    `${toUpstream} B went from the client's socket into the container's and ${toClient} B back` +
    (equal ? ', as many as each leg carried' : `; the legs carried ${carried.join(' and ')}`);
  // More moved than carried cannot be; less carried than moved is a leg still under way or reset.
  const followed = how === 'moved' ? true : null;
  return claim('relay-moved', followed, text, listMoveEvents(link.moves.slice(0, 8)));
}

function listMoveEvents(moves: readonly Move[]): number[] {
  return moves.flatMap(({ read, event }) => (read ? [read.id, event.id] : [event.id]));
}

function describe(bytes: { fromClient: number; fromServer: number }): string {
  return `${bytes.fromClient} B and ${bytes.fromServer} B back`;
}

function checkContainerAddressed({ leg, topology, link }: Observed): Claim | null {
  if (link || leg.nat?.destinationRewritten || leg.server === null) return null;
  const { address } = leg.server;
  // Loopback and the host's own addresses may stand on devices of containers too.
  const owner = isHostAddress(topology, address)
    ? undefined
    : topology.namespaces.find(
        ({ inode }) => inode !== topology.host && holdsAddress(topology, inode, address),
      );
  const holds = owner ? !hasOtherServer(leg) : topology.namespaces.length > 0 ? false : null;
  const name = owner ? ` (${owner.name})` : '';
  return claim(
    'container-addressed',
    holds,
    `the client dialled the container's own address ${formatEndpoint(leg.server)}${name}`,
    leg.dialled ? [leg.dialled.id] : [],
  );
}

/** True when some packet of the connection bears another address of the server: then something rewrote it. */
function hasOtherServer(leg: Leg): boolean {
  return leg.events.some((event) => {
    if (event.kind !== 'packet' || leg.server === null) return false;
    const end = isRequest(leg, event) ? event.destination : event.source;
    return !sameEndpoint(end, leg.server);
  });
}

/** A refusal by the host itself: its stack looked for a socket where the client dialled, and found none. */
function checkNothingListened({ leg, topology, hostAccept }: Observed): Claim | null {
  const { server } = leg;
  const found = hostAccept ? null : findUnclaimed(leg, topology.host);
  if (!found || !server) return null;
  const text = `the host's kernel found no socket that listens on ${formatEndpoint(server)}`;
  return claim('nothing-listened', true, text, [found.id]);
}

/** A rule of the host that took it: NAT comes before, and had left the host's own address as it was. */
function checkStopped({ leg, topology, hostAccept, link }: Observed): Claim | null {
  const { server } = leg;
  const found = hostAccept || link ? null : findStopped(leg, topology);
  if (!found || !server) return null;
  const text = `a rule of the host threw away its first packet to ${formatEndpoint(server)}, after NAT had left that as it was`;
  return claim('stopped-at-host', found.behindNat ? true : null, text, [found.drop.id]);
}

function checkEntered(subject: Observed): Claim | null {
  const { entered, topology, lastLeg, hostAccept, link, tail } = subject;
  if (hostAccept && !link) return null;
  const to = formatEndpoint(lastLeg.destination);
  if (entered) {
    const place = topology.namespaces.find(({ inode }) => inode === entered.namespace);
    const device = place?.devices.find(({ ifindex }) => ifindex === entered.ifindex);
    const where = place
      ? `${place.name} at ${device?.name ?? `device ${entered.ifindex}`}`
      : 'another namespace';
    return claim('entered-container', true, `a packet for ${to} entered ${where}`, [entered.id]);
  }
  // Of a port that is not traced no packet is seen anywhere.
  const whole = isComplete(subject) && tail.skippedRuns === undefined;
  const known = whole && lastLeg.events.some(({ kind }) => kind === 'packet');
  return claim(
    'entered-container',
    known ? false : null,
    `a packet for ${to} entered the container`,
  );
}

function checkComplete(subject: Observed): Claim {
  const { tail, leg } = subject;
  const text = 'the probes were live throughout and no event was lost';
  if (!isComplete(subject)) return claim('complete', false, completeOr(tail.notes[0], text));
  if (tail.skippedRuns !== undefined) {
    // Only what comes in an interrupt's wake is skipped: what processes did, and what the packets seen bear, stands.
    const skipped = `the probes were live throughout; the kernel skipped ${tail.skippedRuns} of their runs on packets`;
    return claim('complete', isShown(subject), skipped);
  }
  if (leg.begun) return claim('complete', true, text);
  // What passed before is unknown, and not nothing.
  const older = `${text}, but the connection is older than the trace`;
  return claim('complete', isShown(subject), older);
}

function completeOr(note: string | undefined, text: string): string {
  return note === undefined ? text : `${text} (${note})`;
}

function nameProcess(process: { command: string; pid: number } | null): string {
  return process ? `${process.command} (pid ${process.pid})` : 'the client';
}
