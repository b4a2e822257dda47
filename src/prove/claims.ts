/** The claims for and against each path: each looks at one connection and says holds, refuted or cannot know. */
import { isRequest } from '../correlate/bytes.js';
import type { Leg } from '../correlate/leg.js';
import type { Move } from '../correlate/relays.js';
import { formatEndpoint, sameEndpoint } from '../model/address.js';
import type { DropEvent, PacketEvent } from '../model/event.js';
import type { Evidence } from '../model/report.js';
import { holdsAddress, isHostAddress, type Case } from './case.js';
import { findOutcome } from './outcome.js';

export type ClaimCode =
  | 'nat-rewritten'
  | 'same-packet'
  | 'entered-container'
  | 'host-accepted'
  | 'relay-dialled'
  | 'relay-moved'
  | 'container-addressed'
  | 'complete';

export type Claim = Evidence & { readonly code: ClaimCode };

/** Null where a claim has no bearing on the connection. */
type Check = (subject: Case) => Claim | null;

const CHECKS: readonly Check[] = [
  checkRewritten,
  checkSamePacket,
  checkHostAccepted,
  checkRelayDialled,
  checkRelayMoved,
  checkContainerAddressed,
  checkEntered,
  checkComplete,
];

export function makeClaims(subject: Case): Claim[] {
  return CHECKS.flatMap((check) => check(subject) ?? []);
}

function claim(code: ClaimCode, holds: boolean | null, text: string, events: number[] = []): Claim {
  return { code, claim: text, holds, events };
}

/** Nothing is missing from this trace, so that what was not seen did not happen. */
function isComplete({ tail }: Case): boolean {
  return tail.sealed && tail.lostEvents === 0 && !tail.truncated;
}

function checkRewritten({ leg }: Case): Claim {
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

function checkSamePacket({ leg, topology }: Case): Claim | null {
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
    const same = after.find(
      ({ skb, seq, time }) => skb === before.skb && seq === before.seq && time >= before.time,
    );
    if (!same || before.skb === null) continue;
    const number = leg.protocol === 'tcp' ? `, sequence number ${before.seq}` : '';
    const text = `one packet (same skb${number}) was seen with both destinations`;
    return claim('same-packet', true, text, [before.id, same.id]);
  }
  return claim('same-packet', null, 'one packet was seen with both destinations');
}

function checkHostAccepted(subject: Case): Claim {
  const { hostAccept, leg, link, watched } = subject;
  if (hostAccept) {
    const at = formatEndpoint(hostAccept.local);
    const did = leg.protocol === 'udp' ? 'received its datagrams' : 'accepted the connection';
    const text = `${nameProcess(hostAccept)} on the host ${did} at ${at}, descriptor ${hostAccept.fd}`;
    return claim('host-accepted', true, text, [hostAccept.id]);
  }
  const text =
    leg.protocol === 'udp'
      ? 'a process of the host received its datagrams'
      : 'a process of the host accepted the connection';
  if (link) return claim('host-accepted', null, `${text} (before the trace began)`);
  const known = isComplete(subject) && leg.begun && watched;
  return claim('host-accepted', known ? false : null, text);
}

function checkRelayDialled(subject: Case): Claim | null {
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

function checkRelayMoved({ link, bytes, upstreamBytes, shared }: Case): Claim | null {
  if (shared) {
    const to = formatEndpoint(shared.request ? shared.to.remote : shared.from.remote);
    const text = `its bytes went over a connection to ${to} that several clients share`;
    return claim('relay-moved', true, text, listMoveEvents([shared]));
  }
  if (!link || !upstreamBytes) return null;
  const { toUpstream, toClient } = link;
  if (link.how === 'only') {
    const idle = bytes.fromClient === 0 && bytes.fromServer === 0;
    const text = 'bytes went from one of its sockets into the other';
    return idle || upstreamBytes.fromServer === 0 ? null : claim('relay-moved', null, text);
  }
  const equal =
    toUpstream === bytes.fromClient &&
    toClient === bytes.fromServer &&
    // Packets to a port that is not traced are not seen.
    (!link.upstream.events.some(({ kind }) => kind === 'packet') ||
      (toUpstream === upstreamBytes.fromClient && toClient === upstreamBytes.fromServer));
  const text =
    `${toUpstream} B went from the client's socket into the container's and ${toClient} B back` +
    (equal
      ? ', as many as each leg carried'
      : `; the legs carried ${describe(bytes)} and ${describe(upstreamBytes)}`);
  // More moved than carried cannot be; less carried than moved is a leg still under way or reset.
  return claim('relay-moved', true, text, listMoveEvents(link.moves.slice(0, 8)));
}

function listMoveEvents(moves: readonly Move[]): number[] {
  return moves.flatMap(({ read, event }) => (read ? [read.id, event.id] : [event.id]));
}

function describe(bytes: { fromClient: number; fromServer: number }): string {
  return `${bytes.fromClient} B and ${bytes.fromServer} B back`;
}

function checkContainerAddressed({ leg, topology, link }: Case): Claim | null {
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

function checkEntered(subject: Case): Claim | null {
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

function checkComplete(subject: Case): Claim {
  const { tail, leg } = subject;
  const text = 'the probes were live throughout and no event was lost';
  if (!isComplete(subject)) return claim('complete', false, completeOr(tail.notes[0], text));
  if (tail.skippedRuns !== undefined) {
    // Only what comes in an interrupt's wake is skipped: what processes did, and what the packets seen bear, stands.
    const skipped = `the probes were live throughout; the kernel skipped ${tail.skippedRuns} of their runs on packets`;
    const answered = findOutcome(subject) === 'answered' && subject.bytes.fromServer > 0;
    return claim('complete', answered, skipped);
  }
  return claim(
    'complete',
    true,
    leg.begun ? text : `${text}, but the connection is older than the trace`,
  );
}

function completeOr(note: string | undefined, text: string): string {
  return note === undefined ? text : `${text} (${note})`;
}

function nameProcess(process: { command: string; pid: number } | null): string {
  return process ? `${process.command} (pid ${process.pid})` : 'the client';
}
