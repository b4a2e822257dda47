/** Joins conversations that are one flow: under other addresses behind NAT, or seen in another file. */
import { sameEndpoint } from '../../model/address.js';
import type { Conversation } from '../../model/conversation.js';
import { CapturedPacket } from '../../model/captured-packet.js';
import type { PacketTable } from '../../model/packet-table.js';
import { Copies } from './copies.js';
import { identityKey, isMarked, isSame } from './same-packet.js';
import { PacketRange } from './wire-leg.js';

/** One packet, seen in two conversations. */
export interface Twin {
  readonly a: CapturedPacket;
  readonly b: CapturedPacket;
}

/** Conversations that are one flow, in no order yet, with their packets and those that prove it. */
export interface Group {
  readonly conversations: readonly Conversation[];
  readonly packets: PacketRange;
  readonly twins: readonly Twin[];
}

const MAX_TWINS = 64;

export function joinConversations(
  conversations: readonly Conversation[],
  table: PacketTable,
): Group[] {
  const byId: Conversation[] = [];
  for (const conversation of conversations) byId[conversation.id] = conversation;
  const parent = new Int32Array(byId.length);
  const root = (id: number): number => {
    let node = id;
    for (let up = parent[node] ?? 0; up !== 0; up = parent[node] ?? 0) node = up;
    return node;
  };
  const copies = new Copies(table.size);
  const twins: Twin[] = [];
  for (const row of table.ordered) {
    const key = identityKey(table, row);
    for (let copy = copies.firstOf(key); copy >= 0; copy = copies.after(copy)) {
      const [from, to] = [table.conversation[copy] ?? 0, table.conversation[row] ?? 0];
      if (from === to) continue;
      const [before, packet] = [new CapturedPacket(table, copy), new CapturedPacket(table, row)];
      if (before.damaged || packet.damaged || !isSame(before, packet)) continue;
      const [one, two] = [byId[from], byId[to]];
      if (!one || !two || !mayBeOne(one, two)) continue;
      if (!isMarked(before, packet) && !haveOneClient(one, two)) continue;
      if (mayBeMisread(one, two)) continue;
      twins.push({ a: before, b: packet });
      const [first, second] = [root(from), root(to)];
      if (first !== second) parent[second] = first;
    }
    copies.add(key, row);
  }
  return gather(conversations, table, twins, root);
}

/** NAT changes no sequence number: other numbers at the beginning are another connection. */
function mayBeOne(a: Conversation, b: Conversation): boolean {
  const differ = (x: number | null, y: number | null): boolean =>
    x !== null && y !== null && x !== y;
  return a.protocol === b.protocol && !differ(a.syn, b.syn) && !differ(a.synAck, b.synAck);
}

/**
 * Under the same addresses and another port, once: a checksum that was left to the device does not cover ports, so that
 * this may be one packet, damaged.
 */
function mayBeMisread(a: Conversation, b: Conversation): boolean {
  if (Math.min(countPackets(a), countPackets(b)) > 1) return false;
  const [one, two] = [a, b].map(({ streams }) => streams.map(({ from }) => from.address).sort());
  return one?.join() === two?.join() && a.file === b.file;
}

function countPackets({ streams: [one, two] }: Conversation): number {
  return one.packets + two.packets;
}

/** Without marks a datagram may be another's with the same payload, unless the client's end is the same. */
function haveOneClient(a: Conversation, b: Conversation): boolean {
  if (a.protocol === 'tcp') return true;
  const [one, two] = [a, b].map(({ client, streams }) => client !== null && streams[client].from);
  return Boolean(one && two && sameEndpoint(one, two));
}

function gather(
  conversations: readonly Conversation[],
  table: PacketTable,
  twins: readonly Twin[],
  root: (id: number) => number,
): Group[] {
  const drafts: Draft[] = [];
  const byRoot: Draft[] = [];
  for (const conversation of conversations) {
    const key = root(conversation.id);
    const known = byRoot[key];
    if (known) known.conversations.push(conversation);
    else
      drafts.push((byRoot[key] = { conversations: [conversation], count: 0, end: 0, twins: NONE }));
  }
  const byConversation: Draft[] = [];
  for (const { id } of conversations) {
    const group = byRoot[root(id)];
    if (group) byConversation[id] = group;
  }
  const groupOf = (row: number): Draft | undefined => byConversation[table.conversation[row] ?? 0];
  for (const row of table.ordered) {
    const group = groupOf(row);
    if (group) group.count += 1;
  }
  let end = 0;
  for (const group of drafts) {
    group.end = end;
    end += group.count;
  }
  const rows = new Uint32Array(end);
  for (const row of table.ordered) {
    const group = groupOf(row);
    if (group) rows[group.end++] = row;
  }
  for (const twin of twins) {
    const group = groupOf(twin.a.row);
    if (!group) continue;
    if (group.twins === NONE) group.twins = [];
    if (group.twins.length < MAX_TWINS) group.twins.push(twin);
  }
  return drafts.map(({ conversations: own, count, end: to, twins: proofs }) => ({
    conversations: own,
    packets: new PacketRange(table, rows, to - count, to),
    twins: proofs,
  }));
}

interface Draft {
  readonly conversations: Conversation[];
  count: number;
  end: number;
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
