/** Turns a group of conversations into a leg: finds who began it, what was dialled, and where it went. */
import { sameEndpoint, type Endpoint } from '../../model/address.js';
import type { Conversation } from '../../model/conversation.js';
import type { Device } from '../../model/topology.js';
import type { Nat } from '../leg.js';
import type { ConversationGroup } from './groups.js';
import type { ConversationLink } from './links.js';
import type { LinkDoubt } from '../../model/claim.js';
import { isInitialTtl } from './sightings.js';
import { surveyRows, type Origin } from './survey-rows.js';
import type { TwinRows } from './twins.js';
import { WireLeg } from './wire-leg.js';
import type { PacketRange } from './packet-range.js';

/** The first ephemeral port that systems usually assign. */
const EPHEMERAL = 32_768;

/** A leg with what only a capture tells about it. */
export interface CapturedLeg {
  readonly leg: WireLeg;
  /** What shows that its destination was rewritten; null where it was not. */
  readonly rewriting: WireRewriting | null;
  /** The client's conversation, and the one after all rewriting; often the same. */
  readonly first: Conversation;
  readonly last: Conversation;
  /** All its conversations, in the order in which the client's packets pass them. */
  readonly conversations: readonly Conversation[];
  readonly clientWay: 0 | 1;
  /** Where its requests came from at the first device: the capturing machine itself, or elsewhere; null if unknown. */
  readonly origin: Origin;
  /** The same for the replies: whether the dialled machine is the capturing machine. */
  readonly serverOrigin: Origin;
  /** Highest (`first`) and lowest (`last`) TTL of its requests. */
  readonly ttl: { readonly first: number; readonly last: number };
  /** Its replies had been routed before any device saw them, so the dialled machine did not send them. */
  readonly answeredFromAfar: boolean;
  /** It was seen under the same addresses and ports everywhere. */
  readonly uniform: boolean;
  /** Its packets were also seen under other addresses, and rewriting by one machine does not explain all of them. */
  readonly disputed: boolean;
  /** The client, or the machine that it dialled, has the hardware address of a container. */
  readonly ofContainer: boolean;
  readonly toContainer: boolean;
}

/** A rewriting of the destination on the wire. */
export interface WireRewriting {
  /** Packets that were seen before and after it; `a` may be either side. */
  readonly twins: TwinRows;
  /** Why it is not proven; null where it is. */
  readonly doubt: LinkDoubt | null;
}

export interface CaptureContext {
  readonly ports: ReadonlySet<number>;
  readonly devices: ReadonlyMap<number, Device>;
}

export function buildCapturedLeg(group: ConversationGroup, context: CaptureContext): CapturedLeg {
  const client = findClient(group, context.ports);
  const ordered = orderByPath(group, client);
  const first = ordered[0] ?? client.conversation;
  const last = ordered.at(-1) ?? first;
  const from = (conversation: Conversation): Endpoint =>
    conversation.streams[client.wayOf(conversation)].from;
  const to = (conversation: Conversation): Endpoint =>
    conversation.streams[client.wayOf(conversation) === 0 ? 1 : 0].from;
  const counted = ordered.filter(({ hasCounters }) => hasCounters);
  const leg = new WireLeg(
    first.protocol,
    {
      clients: ordered.length === 1 ? null : new Map(ordered.map((one) => [one.id, from(one)])),
      client: from(first),
      server: to(first),
      destination: to(last),
    },
    first.protocol === 'udp' || ordered.some(({ syn, synAck }) => (syn ?? synAck) !== null),
    describeNat(group.packets, { from, to, first, last }),
    group.packets,
    counted.length > 0 ? counted : null,
  );
  const { requests, replies } = surveyRows(leg, context.devices);
  return {
    leg,
    rewriting: findRewriting(group.links, to),
    first,
    last,
    conversations: ordered,
    clientWay: client.wayOf(first),
    origin: requests.origin,
    serverOrigin: replies.origin,
    ttl: { first: requests.mostTtl, last: requests.leastTtl },
    answeredFromAfar: replies.first >= 0 && !isInitialTtl(replies.mostTtl),
    uniform: ordered.every(
      (one) => sameEndpoint(from(one), leg.client) && sameEndpoint(to(one), leg.server),
    ),
    disputed: group.disputed,
    ofContainer: isMadeFor(leg.client.address, requests.hardware),
    toContainer: isMadeFor(leg.server.address, replies.hardware),
  };
}

/** The best link that shows the destination under two addresses: one without a doubt, else the first. */
function findRewriting(
  links: readonly ConversationLink[],
  to: (conversation: Conversation) => Endpoint,
): WireRewriting | null {
  const telling = links.filter(({ one, two }) => !sameEndpoint(to(one), to(two)));
  const link = telling.find(({ doubt }) => doubt === null) ?? telling[0];
  return link ? { twins: link.twins, doubt: link.doubt } : null;
}

/** Docker used to give a container the hardware address 02:42 and its IPv4 address. */
function isMadeFor(address: string, hardware: string | null): boolean {
  if (!hardware?.startsWith('02:42:')) return false;
  let made = MADE.get(address);
  if (made === undefined) {
    made = nameHardware(address);
    if (MADE.size < MOST_MADE) MADE.set(address, made);
  }
  return hardware === made;
}

/** Cache of hardware addresses by IP address: containers have few addresses and many connections. */
const MADE = new Map<string, string>();
const MOST_MADE = 10_000;

function nameHardware(address: string): string {
  const bytes = address.split('.').map((part) => Number(part));
  if (bytes.length !== 4) return '';
  return ['02', '42', ...bytes.map((b) => b.toString(16).padStart(2, '0'))].join(':');
}

interface Client {
  readonly conversation: Conversation;
  /** Which of a conversation's streams the client sends. */
  wayOf(conversation: Conversation): 0 | 1;
}

/**
 * Finds the client by the handshake; without one, by the requested ports, by the end that NAT left alone, or by the
 * larger port.
 */
function findClient(group: ConversationGroup, ports: ReadonlySet<number>): Client {
  const { conversations, links } = group;
  const known =
    conversations.find(({ client, protocol }) => client !== null && protocol === 'tcp') ??
    conversations.find(({ client }) => client !== null) ??
    conversations[0];
  if (known === undefined) throw new RangeError('a group has a conversation');
  const first = known.protocol === 'udp' ? doubtFirst(known, ports) : known.client;
  const guess = first ?? guessWay(known, conversations, ports);
  if (conversations.length === 1) return { conversation: known, wayOf: () => guess };
  const ways = new Map<number, 0 | 1>([[known.id, guess]]);
  // A packet has the same sender in every conversation that shows it.
  for (let round = 0; round < conversations.length && ways.size < conversations.length; round++) {
    for (const { one, two, twins } of links) {
      if (twins.length > 0) spreadWay(twins, one, two, ways);
    }
  }
  return {
    conversation: known,
    wayOf: (conversation) => ways.get(conversation.id) ?? conversation.client ?? 0,
  };
}

/**
 * Corrects the client of datagrams by its ports: without a handshake, the first may be an answer to one before the
 * capture.
 */
function doubtFirst({ client, streams }: Conversation, ports: ReadonlySet<number>): 0 | 1 | null {
  if (client === null) return null;
  const from = streams[client].from.port;
  const to = streams[client === 0 ? 1 : 0].from.port;
  const answers =
    ports.has(from) === ports.has(to) ? from < EPHEMERAL && to >= EPHEMERAL : ports.has(from);
  return answers ? (client === 0 ? 1 : 0) : client;
}

function spreadWay(
  twins: TwinRows,
  one: Conversation,
  two: Conversation,
  ways: Map<number, 0 | 1>,
): void {
  const [first, second] = [ways.get(one.id), ways.get(two.id)];
  if ((first === undefined) === (second === undefined)) return;
  const [a, b] = [twins.table.sourceOf(twins.a(0)), twins.table.sourceOf(twins.b(0))];
  const [way, here, from, there, to] =
    first === undefined ? [second ?? 0, two, b, one, a] : [first, one, a, two, b];
  const byClient = sameEndpoint(here.streams[way].from, from);
  const sender = sameEndpoint(there.streams[0].from, to) ? 0 : 1;
  ways.set(there.id, byClient ? sender : sender === 0 ? 1 : 0);
}

function guessWay(
  { streams }: Conversation,
  all: readonly Conversation[],
  ports: ReadonlySet<number>,
): 0 | 1 {
  const [a, b] = [streams[0].from, streams[1].from];
  if (ports.has(a.port) !== ports.has(b.port)) return ports.has(a.port) ? 1 : 0;
  const stays = (end: Endpoint): boolean =>
    all.every((one) => one.streams.some(({ from }) => sameEndpoint(from, end)));
  if (all.length > 1 && stays(a) !== stays(b)) {
    const [still, other] = stays(a) ? [a, b] : [b, a];
    if (still.port > other.port) return stays(a) ? 0 : 1;
  }
  return a.port >= b.port ? 0 : 1;
}

/**
 * Orders conversations from the client's side to the container's: by TTL, which each router lowers by one, else by
 * time.
 */
function orderByPath(
  { conversations, links }: ConversationGroup,
  client: Client,
): readonly Conversation[] {
  if (conversations.length === 1) return conversations;
  const rank = new Map(conversations.map(({ id }) => [id, 0]));
  const add = (id: number, value: number): void => void rank.set(id, (rank.get(id) ?? 0) + value);
  for (const { one, two, twins } of links) {
    const end = one.streams[client.wayOf(one)].from;
    const { ttl, id } = twins.table;
    let nearer = 0;
    for (let index = 0; index < twins.length; index++) {
      const [a, b] = [twins.a(index), twins.b(index)];
      const fallen = Math.sign((ttl[a] ?? 0) - (ttl[b] ?? 0));
      const ahead = fallen || Math.sign((id[b] ?? 0) - (id[a] ?? 0));
      nearer += sameEndpoint(end, twins.table.sourceOf(a)) ? ahead : -ahead;
    }
    add(one.id, -nearer);
    add(two.id, nearer);
  }
  return [...conversations].sort(
    (a, b) => (rank.get(a.id) ?? 0) - (rank.get(b.id) ?? 0) || a.first - b.first || a.id - b.id,
  );
}

interface NatEnds {
  readonly from: (conversation: Conversation) => Endpoint;
  readonly to: (conversation: Conversation) => Endpoint;
  /** The conversation on the client's side, and the one on the server's. */
  readonly first: Conversation;
  readonly last: Conversation;
}

function describeNat(packets: PacketRange, { from, to, first, last }: NatEnds): Nat | null {
  const destinationRewritten = !sameEndpoint(to(first), to(last));
  const sourceRewritten = !sameEndpoint(from(first), from(last));
  if (!destinationRewritten && !sourceRewritten) return null;
  const event = packets.findFirst((row) => packets.table.conversation[row] === last.id);
  if (!event) return null;
  return {
    view: {
      id: 'capture',
      status: 0,
      original: { source: from(first), destination: to(first) },
      reply: { source: to(last), destination: from(last) },
    },
    event,
    // A packet that shows its original destination on a device has not been through OUTPUT's NAT.
    hook: destinationRewritten ? 'PREROUTING' : null,
    destinationRewritten,
    sourceRewritten,
  };
}
