/** Joins conversations that are one flow: under other addresses behind NAT, or seen in another file. */
import { sameEndpoint } from '../../model/address.js';
import type { Conversation } from '../../model/conversation.js';
import type { TraceEvent } from '../../model/event.js';
import { identityKey, isMarked, isSame, isWirePacket, type WirePacket } from './same-packet.js';

/** One packet, seen in two conversations. */
export interface Twin {
  readonly a: WirePacket;
  readonly b: WirePacket;
}

/** Conversations that are one flow, in no order yet, with the packets that prove it. */
export interface Group {
  readonly conversations: readonly Conversation[];
  readonly packets: readonly WirePacket[];
  readonly twins: readonly Twin[];
}

/** Copies of one packet that are looked at; with more, one is like the other. */
const MAX_COPIES = 16;
const MAX_TWINS = 64;

export function joinConversations(
  conversations: readonly Conversation[],
  events: readonly TraceEvent[],
): Group[] {
  const byId = new Map(conversations.map((conversation) => [conversation.id, conversation]));
  const parent = new Map<number, number>();
  const root = (id: number): number => {
    let node = id;
    while (parent.has(node)) node = parent.get(node) ?? node;
    return node;
  };
  const copies = new Map<number, WirePacket[]>();
  const twins: Twin[] = [];
  const packets = events.filter(isWirePacket);
  for (const packet of packets) {
    const key = identityKey(packet);
    const earlier = copies.get(key);
    if (earlier === undefined) {
      copies.set(key, [packet]);
      continue;
    }
    for (const before of earlier) {
      if (before.wire.conversation === packet.wire.conversation) continue;
      if (!isSame(before, packet)) continue;
      const [one, two] = [before, packet].map(({ wire }) => byId.get(wire.conversation));
      if (!one || !two || !mayBeOne(one, two)) continue;
      if (!isMarked(before, packet) && !haveOneClient(one, two)) continue;
      twins.push({ a: before, b: packet });
      const [first, second] = [root(one.id), root(two.id)];
      if (first !== second) parent.set(second, first);
    }
    if (earlier.length < MAX_COPIES) earlier.push(packet);
  }
  return gather(conversations, packets, twins, root);
}

/** NAT changes no sequence number: other numbers at the beginning are another connection. */
function mayBeOne(a: Conversation, b: Conversation): boolean {
  const differ = (x: number | null, y: number | null): boolean =>
    x !== null && y !== null && x !== y;
  return a.protocol === b.protocol && !differ(a.syn, b.syn) && !differ(a.synAck, b.synAck);
}

/** Without marks a datagram may be another's with the same payload, unless the client's end is the same. */
function haveOneClient(a: Conversation, b: Conversation): boolean {
  if (a.protocol === 'tcp') return true;
  const [one, two] = [a, b].map(({ client, streams }) => client !== null && streams[client].from);
  return Boolean(one && two && sameEndpoint(one, two));
}

function gather(
  conversations: readonly Conversation[],
  packets: readonly WirePacket[],
  twins: readonly Twin[],
  root: (id: number) => number,
): Group[] {
  const groups = new Map<
    number,
    { conversations: Conversation[]; packets: WirePacket[]; twins: Twin[] }
  >();
  for (const conversation of conversations) {
    const key = root(conversation.id);
    const group = groups.get(key) ?? { conversations: [], packets: [], twins: [] };
    group.conversations.push(conversation);
    groups.set(key, group);
  }
  for (const packet of packets) groups.get(root(packet.wire.conversation))?.packets.push(packet);
  for (const twin of twins) {
    const group = groups.get(root(twin.a.wire.conversation));
    if (group && group.twins.length < MAX_TWINS) group.twins.push(twin);
  }
  return [...groups.values()];
}

/** Twins whose sender's marks agree, under different destinations (or sources, for replies). */
export function listProofs(twins: readonly Twin[]): Twin[] {
  return twins.filter(
    ({ a, b }) =>
      isMarked(a, b) &&
      !(sameEndpoint(a.source, b.source) && sameEndpoint(a.destination, b.destination)),
  );
}
