/** Pairs the two legs of a relay by what a capture shows of them: two handshakes, the same bytes, in time order. */
import { sameEndpoint } from '../../model/address.js';
import type { ByteStream } from '../../model/conversation.js';
import type { CapturedLeg } from './legs.js';
import { isWirePacket, type WirePacket } from './same-packet.js';
import { matchOneToOne } from './matching.js';
import { compareStreams, type Likeness } from './streams.js';

export interface Pairing {
  readonly upstream: CapturedLeg;
  readonly request: Likeness;
  readonly reply: Likeness;
  /** False when other pairings would have been possible. */
  readonly only: boolean;
}

/** Nanoseconds by which clocks of two files may differ after they have been set to each other. */
const SLACK = 500_000;
/** Candidates looked at per leg. */
const MAX_CANDIDATES = 64;
/** Nanoseconds that a relay may take until it dials. */
const SOON = 3_000_000_000;

interface Edge {
  readonly client: CapturedLeg;
  readonly upstream: CapturedLeg;
  readonly request: Likeness;
  readonly reply: Likeness;
  /** Payload was compared and agreed. */
  readonly strong: boolean;
}

/** One pairing per leg at most; a leg that might belong to several others is not paired for certain. */
export function pairByContent(legs: readonly CapturedLeg[]): Map<CapturedLeg, Pairing> {
  const edges = listEdges(legs);
  const pairs = new Map<CapturedLeg, Pairing>();
  const strong = edges.filter((edge) => edge.strong).sort((a, b) => distance(a) - distance(b));
  for (const { edge, only } of matchOneToOne<CapturedLeg, Edge>(strong)) {
    pairs.set(edge.client, { ...pick(edge), only });
  }
  // Where no bytes tell, only what leaves no choice counts.
  const competing = new Set(strong.flatMap(({ client, upstream }) => [client, upstream]));
  const weak = edges.filter(
    ({ client, upstream, strong: counts }) =>
      !counts && !competing.has(client) && !competing.has(upstream),
  );
  for (const edge of weak) {
    const rivals = weak.filter(
      (other) => other.client === edge.client || other.upstream === edge.upstream,
    );
    if (rivals.length === 1) pairs.set(edge.client, { ...pick(edge), only: true });
  }
  return pairs;
}

function pick({ upstream, request, reply }: Edge): Omit<Pairing, 'only'> {
  return { upstream, request, reply };
}

function distance({ client, upstream }: Edge): number {
  return Math.abs(upstream.first.first - (client.first.established ?? client.first.first));
}

function listEdges(legs: readonly CapturedLeg[]): Edge[] {
  const upstreams = [...legs].sort((a, b) => a.first.first - b.first.first);
  return legs.flatMap((client) => {
    if (client.leg.nat?.destinationRewritten) return [];
    const from = findFirstAfter(upstreams, client.first.first - SLACK);
    const edges: Edge[] = [];
    for (let i = from; i < upstreams.length && edges.length < MAX_CANDIDATES; i++) {
      const upstream = upstreams[i];
      if (!upstream || upstream.first.first > client.first.last + SLACK) break;
      const edge = compareLegs(client, upstream);
      if (edge) edges.push(edge);
    }
    return edges;
  });
}

function findFirstAfter(legs: readonly CapturedLeg[], time: number): number {
  let [low, high] = [0, legs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((legs[middle]?.first.first ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareLegs(client: CapturedLeg, upstream: CapturedLeg): Edge | null {
  if (client === upstream || !couldDial(client, upstream)) return null;
  if (client.leg.protocol !== upstream.leg.protocol) return null;
  if (client.leg.protocol === 'udp') return compareDatagrams(client, upstream);
  const aligned = isAligned(client) && isAligned(upstream);
  if (isAligned(client) !== isAligned(upstream)) return null;
  const [own, theirs] = [streamsOf(client), streamsOf(upstream)];
  const request = compareStreams(own.request, theirs.request, aligned);
  const reply = compareStreams(own.reply, theirs.reply, aligned);
  if (request === 'different' || reply === 'different') return null;
  const slack = slackOf(client, upstream);
  if (!isInOrder(own.request, theirs.request, slack)) return null;
  if (!isInOrder(theirs.reply, own.reply, slack)) return null;
  // What comes out has gone in before; a reset may lose the end of it.
  if (aligned && theirs.request.length > own.request.length) return null;
  if (aligned && own.reply.length > theirs.reply.length) return null;
  const compared = [request, reply].some((like) => like === 'equal' || like === 'same-start');
  const bare = (like: Likeness): boolean => like === 'empty' || like === 'part';
  const partly = !aligned && request === 'part' && reply === 'part' && own.request.length > 0;
  const counted = request === 'same-length' && reply === 'same-length';
  const strong = compared || partly || counted;
  if (!strong && !(aligned && bare(request) && bare(reply) && fails(client, upstream))) return null;
  return { client, upstream, request, reply, strong };
}

function isAligned({ first }: CapturedLeg): boolean {
  return first.syn !== null;
}

function streamsOf({ first, last, clientWay, leg }: CapturedLeg): {
  request: ByteStream;
  reply: ByteStream;
} {
  const ways = [clientWay, clientWay === 0 ? 1 : 0] as const;
  // Of several conversations of one flow the first is as good as the last.
  const source = leg.nat ? last : first;
  const sent = sameEndpoint(source.streams[0].from, leg.client)
    ? 0
    : sameEndpoint(source.streams[1].from, leg.client)
      ? 1
      : ways[0];
  return { request: source.streams[sent], reply: source.streams[sent === 0 ? 1 : 0] };
}

/** Whether the machine that `client` dialled may be the one that `upstream` comes from. */
function couldDial(client: CapturedLeg, upstream: CapturedLeg): boolean {
  const [own, theirs] = [client.leg, upstream.leg];
  const { server } = own;
  if (server === null || theirs.server === null) return false;
  if (sameEndpoint(server, theirs.server) || sameEndpoint(own.client, theirs.client)) return false;
  // What arrived from elsewhere was not dialled here; what was routed comes from another machine.
  if (upstream.origin === 'elsewhere') return false;
  if (upstream.origin === null && !isInitialTtl(upstream.ttl.first)) return false;
  const selfMade = own.client.address === theirs.client.address;
  if (selfMade && server.address !== own.client.address) return false;
  if (isContainers(upstream) && server.address !== theirs.client.address) return false;
  const dialled = upstream.first.synTime;
  const accepted = client.first.established ?? client.first.synTime;
  if (dialled === null || accepted === null) return true;
  return dialled >= accepted - slackOf(client, upstream);
}

/** TTLs that systems start with: nothing has routed such a packet. */
export function isInitialTtl(ttl: number): boolean {
  return ttl === 64 || ttl === 128 || ttl === 255;
}

/** Docker used to give a container the hardware address 02:42 and its IPv4 address. */
export function isContainers({ hardware, leg }: CapturedLeg): boolean {
  const bytes = leg.client.address.split('.').map((part) => Number(part));
  if (hardware === null || bytes.length !== 4) return false;
  const made = ['02', '42', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
  return hardware === made;
}

/** One clock puts events in order; two may be a little apart. */
function slackOf(a: CapturedLeg, b: CapturedLeg): number {
  return a.first.file === b.first.file ? 0 : SLACK;
}

function isInOrder(before: ByteStream, after: ByteStream, slack: number): boolean {
  const [one, two] = [before.firstData, after.firstData];
  return one === null || two === null || one <= two + slack;
}

/** Nothing was carried, because the container refused or kept silent: the client's leg ends after the relay's try. */
function fails(client: CapturedLeg, upstream: CapturedLeg): boolean {
  const [dialled, accepted] = [upstream.first.synTime, client.first.established];
  if (dialled === null || accepted === null || upstream.origin === 'elsewhere') return false;
  if (dialled - accepted > SOON) return false;
  const { length } = streamsOf(upstream).reply;
  return length === 0 && streamsOf(client).reply.length === 0;
}

/** Datagrams keep their bounds: each of the relay's has the length and content of one that it got. */
function compareDatagrams(client: CapturedLeg, upstream: CapturedLeg): Edge | null {
  const [own, theirs] = [listDatagrams(client), listDatagrams(upstream)];
  if (own.request.length === 0 || theirs.request.length === 0) return null;
  const slack = slackOf(client, upstream);
  const request = compareLists(own.request, theirs.request, slack);
  const reply = compareLists(theirs.reply, own.reply, slack);
  if (request === 'different' || reply === 'different') return null;
  return { client, upstream, request, reply, strong: true };
}

function listDatagrams({
  leg,
  first,
  clientWay,
}: CapturedLeg): Record<'request' | 'reply', WirePacket[]> {
  const sender = first.streams[clientWay].from;
  const lists: Record<'request' | 'reply', WirePacket[]> = { request: [], reply: [] };
  const seen = new Set<string>();
  for (const packet of leg.events.filter(isWirePacket)) {
    const { wire, length } = packet;
    const key = `${wire.ipId}|${length}|${wire.digest}|${packet.source.port}|${wire.ipId ? '' : packet.id}`;
    if (seen.has(key)) continue; // the same one at another device
    seen.add(key);
    lists[sameEndpoint(packet.source, sender) ? 'request' : 'reply'].push(packet);
  }
  return lists;
}

/** `before` are the datagrams that came in, `after` those that went on; each of these needs one of those. */
function compareLists(
  before: readonly WirePacket[],
  after: readonly WirePacket[],
  slack: number,
): Likeness {
  if (before.length === 0 && after.length === 0) return 'empty';
  const left = [...before];
  let unknown = false;
  for (const packet of after) {
    const index = left.findIndex(
      ({ length, wire, time }) =>
        length === packet.length &&
        time <= packet.time + slack &&
        (wire.digest === packet.wire.digest || wire.digest === null || packet.wire.digest === null),
    );
    const [match] = index < 0 ? [] : left.splice(index, 1);
    if (!match) return 'different';
    unknown ||= match.wire.digest === null || packet.wire.digest === null;
  }
  if (after.length === 0) return 'part';
  if (unknown) return 'same-length';
  return left.length === 0 ? 'equal' : 'same-start';
}
