/** Joins conversations that are one flow: under other addresses behind NAT, or seen in another file. */
import { sameEndpoint } from '../../model/address.js';
import type { Conversation } from '../../model/conversation.js';
import type { TraceEvent } from '../../model/event.js';
import { Copies } from './copies.js';
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

const MAX_TWINS = 64;

export function joinConversations(
  conversations: readonly Conversation[],
  events: readonly TraceEvent[],
): Group[] {
  const byId: Conversation[] = [];
  for (const conversation of conversations) byId[conversation.id] = conversation;
  const parent = new Int32Array(byId.length);
  const root = (id: number): number => {
    let node = id;
    for (let up = parent[node] ?? 0; up !== 0; up = parent[node] ?? 0) node = up;
    return node;
  };
  const packets = events.filter(isWirePacket);
  const copies = new Copies(packets.length);
  const twins: Twin[] = [];
  for (const [index, packet] of packets.entries()) {
    const key = identityKey(packet);
    for (let copy = copies.firstOf(key); copy >= 0; copy = copies.after(copy)) {
      const before = packets[copy];
      if (!before || before.wire.conversation === packet.wire.conversation) continue;
      if (!isSame(before, packet)) continue;
      const [one, two] = [byId[before.wire.conversation], byId[packet.wire.conversation]];
      if (!one || !two || !mayBeOne(one, two)) continue;
      if (!isMarked(before, packet) && !haveOneClient(one, two)) continue;
      twins.push({ a: before, b: packet });
      const [first, second] = [root(one.id), root(two.id)];
      if (first !== second) parent[second] = first;
    }
    copies.add(key, index);
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
  const groups: Draft[] = [];
  const byRoot: Draft[] = [];
  for (const conversation of conversations) {
    const key = root(conversation.id);
    const known = byRoot[key];
    if (known) known.conversations.push(conversation);
    else groups.push((byRoot[key] = { conversations: [conversation], packets: [], twins: NONE }));
  }
  for (const packet of packets) byRoot[root(packet.wire.conversation)]?.packets.push(packet);
  for (const twin of twins) {
    const group = byRoot[root(twin.a.wire.conversation)];
    if (!group) continue;
    if (group.twins === NONE) group.twins = [];
    if (group.twins.length < MAX_TWINS) group.twins.push(twin);
  }
  return groups;
}

interface Draft extends Group {
  readonly conversations: Conversation[];
  readonly packets: WirePacket[];
  twins: Twin[];
}

/** Of most groups: one for all of them. */
const NONE: Twin[] = [];

/** Twins whose sender's marks agree, under different destinations (or sources, for replies). */
export function listProofs(twins: readonly Twin[]): Twin[] {
  return twins.filter(
    ({ a, b }) =>
      isMarked(a, b) &&
      !(sameEndpoint(a.source, b.source) && sameEndpoint(a.destination, b.destination)),
  );
}
