/**
 * Decides whether two captured legs may be the two sides of one relay: one machine between them, the same bytes, in
 * order of time.
 */
import { isLoopback, sameEndpoint } from '../../model/address.js';
import { compareEnds, readBoth, type CloseOrder } from './closes.js';
import { compareContent, isAligned, lacksBytes, streamsOf } from './contents.js';
import { compareDatagrams } from './datagrams.js';
import type { CapturedLeg } from './legs.js';
import { isInitialTtl, type Seen } from './sightings.js';
import type { PacketRange } from './packet-range.js';
import type { Likeness } from '../../model/claim.js';

export interface Edge {
  readonly client: CapturedLeg;
  readonly upstream: CapturedLeg;
  readonly request: Likeness;
  readonly reply: Likeness;
  /** Payload was compared and agreed. */
  readonly strong: boolean;
  /** The agreement may be a coincidence: packets are missing, or too few datagrams were compared. */
  readonly thin: boolean;
  /** Whether each side ended because the other did; always `open` for datagrams, which have no end. */
  readonly ends: Exclude<CloseOrder, 'contrary'>;
}

/** Nanoseconds by which the clocks of two files may still differ after they have been aligned. */
export const SLACK = 500_000;
/** Nanoseconds that a relay may take to dial, or to pass on that one side has ended. */
const SOON = 100_000_000;
/** Number of different datagrams that must agree in both directions to prove something. */
const SEVERAL = 3;
/** Length in bytes below which a datagram may come from any flow. */
const TELLING = 10;

export function compareLegs(client: CapturedLeg, upstream: CapturedLeg): Edge | null {
  if (client === upstream || client.leg.protocol !== upstream.leg.protocol) return null;
  if (!couldDial(client, upstream)) return null;
  const slack = slackOf(client, upstream);
  if (client.leg.protocol === 'udp') {
    return compareUdp(client, upstream, slack);
  }
  if (isAligned(client) !== isAligned(upstream)) return null;
  const [own, theirs] = [streamsOf(client), streamsOf(upstream)];
  const aligned = isAligned(client);
  // A relay cannot forward more than it received; a reset may lose the end of it.
  if (aligned && theirs.request.length > own.request.length) return null;
  if (aligned && own.reply.length > theirs.reply.length) return null;
  const likeness = compareContent(client, upstream);
  if (likeness === null || isSameFlow(client, upstream)) return null;
  const late = findDisorder(client, upstream);
  if (late > slack) return null;
  // Something must show which leg came first; where two clocks leave it open, the direction with less disorder wins.
  if (late >= findDisorder(upstream, client)) return null;
  const { request, reply } = likeness;
  const counted = request === 'same-length' && reply === 'same-length';
  // A stream without its beginning and with gaps may be any stream.
  const strong = aligned
    ? isCompared(request) || isCompared(reply) || counted
    : isCompared(request) && isCompared(reply);
  // If one leg or both lack the answer, it may have been lost, and more with it. Equal lengths alone prove no content.
  const partly = strong && !(isCompared(request) && isCompared(reply));
  const lacking = lacksBytes(client) || lacksBytes(upstream);
  const thin = partly || lacking;
  if (partly && (lacking || !isSeenToShare(client, upstream))) return null;
  if ((thin || !strong) && comesFromDialled(client, upstream)) return null;
  const bare = (like: Likeness): boolean => like === 'empty' || like === 'part';
  const follows = aligned && bare(request) && bare(reply) && isConsequence(client, upstream);
  if (!strong && !follows) return null;
  const ends = compareEnds(client, upstream, slack);
  return ends === 'contrary' ? null : { client, upstream, request, reply, strong, thin, ends };
}

/**
 * Compares two legs of datagrams. Datagrams have no sequence numbers that would reveal missing ones, so a whole flow
 * with the same payload may be missing: only several different datagrams that agree in both directions prove a relay.
 */
function compareUdp(client: CapturedLeg, upstream: CapturedLeg, slack: number): Edge | null {
  const likeness = compareDatagrams(client, upstream, slack);
  if (likeness === null) return null;
  const { request, reply, different, longest } = likeness;
  if (!isCompared(request) || !isCompared(reply)) return null;
  const thin = different < SEVERAL;
  if (thin && (longest < TELLING || comesFromDialled(client, upstream))) return null;
  return { client, upstream, request, reply, strong: true, thin, ends: 'open' };
}

/**
 * Whether the upstream leg's source is the address that the client dialled. A host that dials its own published port
 * looks the same.
 */
function comesFromDialled(client: CapturedLeg, upstream: CapturedLeg): boolean {
  return upstream.leg.client.address === client.leg.server?.address;
}

function isCompared(like: Likeness): boolean {
  return like === 'equal' || like === 'same-start';
}

/**
 * Whether a leg may be a relay's own: nobody rewrites it, and it leads to a container. A leg that arrived from
 * elsewhere was not dialled here, and a routed one comes from another machine.
 */
export function mayBeUpstream({ leg, origin, ttl }: CapturedLeg): boolean {
  return (
    leg.server !== null &&
    leg.nat === null &&
    !isLoopback(leg.server.address) &&
    origin !== 'elsewhere' &&
    isInitialTtl(ttl.first)
  );
}

/** Whether a relay of this host may have accepted a leg: not if NAT redirected it or another machine answered it. */
export function mayBeClient({ leg, answeredFromAfar }: CapturedLeg): boolean {
  return leg.nat?.destinationRewritten !== true && !answeredFromAfar;
}

/** Whether the machine that `client` dialled may be the one that `upstream` comes from. */
export function couldDial(client: CapturedLeg, upstream: CapturedLeg): boolean {
  // A container's address or hardware on one side must also be its address on the other, at least if it has only one
  // network.
  const containers = upstream.ofContainer || client.toContainer;
  if (containers && client.leg.server.address !== upstream.leg.client.address) return false;
  return mayHaveDialled(client, upstream);
}

/** Like {@link couldDial}, but without the check for containers' hardware addresses. */
export function mayHaveDialled(client: CapturedLeg, upstream: CapturedLeg): boolean {
  const [own, theirs] = [client.leg, upstream.leg];
  const { server } = own;
  if (server === null || theirs.server === null) return false;
  if (sameEndpoint(own.client, theirs.client) || server.address === theirs.server.address) {
    return false;
  }
  if (own.client.address === theirs.client.address && server.address !== own.client.address) {
    return false;
  }
  if (upstream.origin === 'local' && client.serverOrigin === 'elsewhere') return false;
  if (!shareHardware(client, upstream)) return false;
  const dialled = upstream.first.synTime;
  const accepted = client.first.established ?? client.first.synTime;
  if (dialled === null || accepted === null) return true;
  return dialled >= accepted - slackOf(client, upstream);
}

/** Whether the machine between has one hardware address at each device that saw both legs. */
function shareHardware(client: CapturedLeg, upstream: CapturedLeg): boolean {
  for (const { device, reply } of client.leg.sightings) {
    if (reply === null || reply.hardware === null) continue;
    const other = findRequestAt(upstream, device);
    if (other !== null && other.hardware !== null && reply.hardware !== other.hardware) {
      return false;
    }
  }
  return true;
}

function findRequestAt({ leg }: CapturedLeg, device: number): Seen | null {
  for (const sighting of leg.sightings) if (sighting.device === device) return sighting.request;
  return null;
}

/**
 * Whether something shows that the dialled machine is the one that dialled: its hardware address, or that it took the
 * capture.
 */
function isSeenToShare(client: CapturedLeg, upstream: CapturedLeg): boolean {
  if (upstream.origin === 'local') return true;
  return client.leg.sightings.some(({ device, reply }) => {
    const other = findRequestAt(upstream, device);
    return reply?.hardware != null && reply.hardware === other?.hardware;
  });
}

/** Whether two legs are one flow that could not be joined: NAT keeps sequence numbers, while a relay has its own. */
function isSameFlow(a: CapturedLeg, b: CapturedLeg): boolean {
  if (a.first.syn !== null && a.first.syn === b.first.syn) return true;
  if (a.first.synAck !== null && a.first.synAck === b.first.synAck) return true;
  return shareSegment(a.leg.range, b.leg.range);
}

/** Whether both have a segment with bytes and the same numbers. */
function shareSegment(a: PacketRange, b: PacketRange): boolean {
  const { seq, ack, length } = a.table;
  const theirs = b.table;
  for (let i = a.from; i < a.to; i++) {
    const own = a.rows[i] ?? 0;
    if (length[own] === 0) continue;
    for (let j = b.from; j < b.to; j++) {
      const other = b.rows[j] ?? 0;
      if (seq[own] !== theirs.seq[other] || length[own] !== theirs.length[other]) continue;
      if (ack[own] === theirs.ack[other]) return true;
    }
  }
  return false;
}

/** Allowed clock difference: none within one file, a little between two. */
function slackOf(a: CapturedLeg, b: CapturedLeg): number {
  return a.first.file === b.first.file ? 0 : SLACK;
}

/**
 * The most nanoseconds by which an event that should come first came later, over everything that a relay passes on in
 * turn.
 */
function findDisorder(client: CapturedLeg, upstream: CapturedLeg): number {
  const [own, theirs] = [streamsOf(client), streamsOf(upstream)];
  let most = Math.max(
    countDelay(client.first.synTime, upstream.first.synTime),
    countDelay(client.first.established, upstream.first.synTime),
    countDelay(own.request.firstData, theirs.request.firstData),
    countDelay(theirs.reply.firstData, own.reply.firstData),
  );
  if (own.request.length === theirs.request.length) {
    most = Math.max(most, countDelay(own.request.lastData, theirs.request.lastData));
  }
  if (own.reply.length === theirs.reply.length) {
    most = Math.max(most, countDelay(theirs.reply.lastData, own.reply.lastData));
  }
  return most;
}

/** Nanoseconds by which `before` came after `after`; 0 where it did not, or where one of them is unknown. */
function countDelay(before: number | null, after: number | null): number {
  return before === null || after === null ? 0 : Math.max(0, before - after);
}

/**
 * Whether two legs without comparable bytes follow from each other: the relay dialled at once, and the end of one leg
 * ended the other, because the container refused or one side hung up.
 */
function isConsequence(client: CapturedLeg, upstream: CapturedLeg): boolean {
  const [dialled, accepted] = [upstream.first.synTime, client.first.established];
  if (dialled === null || accepted === null || dialled - accepted > SOON) return false;
  const carried = streamsOf(upstream).reply.length + streamsOf(client).reply.length;
  if (carried > 0) return false;
  const follows = (cause: number | null, effect: number | null): boolean =>
    cause !== null && effect !== null && effect >= cause && effect - cause < SOON;
  return readBoth(client, upstream).every(
    ([own, theirs]) =>
      follows(own.request, theirs.request) ||
      follows(theirs.reply, own.reply) ||
      (upstream.first.synAck === null && theirs.reply === null),
  );
}
