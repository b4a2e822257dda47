/** Joins conversations that belong to one flow: under other addresses behind NAT, or seen in another file. */
import { sameEndpoint } from '../../model/address.js';
import type { ClockShift, Conversation } from '../../model/conversation.js';
import type { PacketTable } from '../../model/packet-table.js';
import { Copies } from './copies.js';
import { dropDisputed, type TwinPair } from './disputes.js';
import { dropForks, linkConversations, type ConversationLink } from './links.js';
import { compareTimes, identityKey, isMarkedIn, isPast, isSame } from './same-packet.js';
import { TwinRows } from './twins.js';
import { PacketRange } from './packet-range.js';

/** Conversations of one flow, not yet ordered, with their packets and the links that join them. */
export interface ConversationGroup {
  readonly conversations: readonly Conversation[];
  readonly packets: PacketRange;
  readonly links: readonly ConversationLink[];
  /** Its packets were also seen under other addresses in a way that rewriting by one machine does not explain. */
  readonly disputed: boolean;
}

export interface Groups {
  readonly groups: readonly ConversationGroup[];
  /**
   * Pairs of conversations with matching packets, whether they were joined or not: what one is depends on the other.
   */
  readonly touching: readonly (readonly [number, number])[];
}

/** Most packets of two conversations that are compared, and most links that are kept of one flow. */
const MAX_TWINS = 256;
const MAX_LINKS = 64;

/** @param isYoung whether a conversation is so new that it is used only where an older one shows the same packets */
export function joinConversations(
  all: readonly Conversation[],
  table: PacketTable,
  clocks: readonly ClockShift[] = [],
  isYoung: ((conversation: Conversation) => boolean) | null = null,
): Groups {
  const most = all.reduce((id, one) => Math.max(id, one.id), 0);
  const byId = new Array<Conversation | undefined>(most + 1);
  for (const conversation of all) byId[conversation.id] = conversation;
  const parent = new Int32Array(byId.length);
  const root = (id: number): number => {
    let node = id;
    for (let up = parent[node] ?? 0; up !== 0; up = parent[node] ?? 0) node = up;
    return node;
  };
  const twins = findTwins(byId, table);
  const { misread } = twins;
  const wanted = isYoung && findWanted(all, twins, isYoung);
  const conversations = wanted === null ? all : all.filter(({ id }) => wanted.has(id));
  const pairs = wanted === null ? twins.pairs : twins.pairs.filter(({ one }) => wanted.has(one.id));
  const found = pairs.flatMap(({ one, two, twins }) =>
    twins.length === 0 ? [] : (linkConversations(one, two, twins) ?? []),
  );
  const unset = new Set(clocks.flatMap(({ shift }, index) => (shift === null ? index + 1 : [])));
  const links = dropDisputed(dropForks(found), pairs, unset);
  for (const { one, two } of links) {
    const [first, second] = [root(one.id), root(two.id)];
    if (first !== second) parent[second] = first;
  }
  const kept = new Set(links);
  const disputed = new Set(
    found.filter((link) => !kept.has(link)).flatMap(({ one, two }) => [one.id, two.id]),
  );
  const groups = gather(conversations, table, links, root).map((group) => ({
    ...group,
    disputed: group.conversations.some(({ id }) => disputed.has(id)),
  }));
  return {
    groups,
    touching: [...pairs.map(({ one, two }) => [one.id, two.id] as const), ...misread],
  };
}

/** The conversations that are not young, and all that share packets with them, directly or through others. */
function findWanted(
  all: readonly Conversation[],
  { pairs, misread }: Twins,
  isYoung: (conversation: Conversation) => boolean,
): ReadonlySet<number> {
  const wanted = new Set<number>();
  for (const one of all) if (!isYoung(one)) wanted.add(one.id);
  const touching = [...pairs.map(({ one, two }) => [one.id, two.id] as const), ...misread];
  for (let before = -1; before !== wanted.size;) {
    before = wanted.size;
    for (const [one, two] of touching) {
      if (wanted.has(one) || wanted.has(two)) wanted.add(one).add(two);
    }
  }
  return wanted;
}

interface Twins {
  readonly pairs: readonly TwinPair[];
  readonly misread: readonly (readonly [number, number])[];
}

/** Finds pairs of conversations that show the same packets, in the order in which that was first seen. */
function findTwins(byId: readonly (Conversation | undefined)[], table: PacketTable): Twins {
  const copies = new Copies(table.size);
  const pairs = new PairsFound(byId.length, table);
  const misread: (readonly [number, number])[] = [];
  const { time, conversation, ordered } = table;
  const isOneFile = table.isOneFile;
  let now = 0;
  const isOld = (copy: number): boolean => isOneFile && isPast(time[copy] ?? 0, now);
  for (let at = 0; at < ordered.length; at++) {
    const row = ordered[at] ?? 0;
    const key = identityKey(table, row);
    const slot = copies.slotOf(key);
    for (let copy = copies.firstOf(slot); copy >= 0; copy = copies.after(copy)) {
      const [from, to] = [conversation[copy] ?? 0, conversation[row] ?? 0];
      if (from === to) continue;
      const times = compareTimes(table, copy, row);
      if (times === 'never' || !isSame(table, copy, row)) continue;
      const [one, two] = [byId[Math.min(from, to)], byId[Math.max(from, to)]];
      if (!one || !two || !mayBeOne(one, two)) continue;
      const marked = isMarkedIn(table, copy, row);
      if (!marked && (times === 'late' || !haveOneClient(one, two))) continue;
      if (mayBeMisread(one, two)) {
        misread.push([one.id, two.id]);
        continue;
      }
      const pair = pairs.find(one, two);
      const twins = times === 'late' ? pair.late : pair.twins;
      if (twins.length === MAX_TWINS) continue;
      if (from === one.id) twins.push(copy, row);
      else twins.push(row, copy);
    }
    now = time[row] ?? 0;
    copies.add(slot, key, row, isOld);
  }
  return { pairs: pairs.list, misread };
}

/** The pairs of conversations that were found so far, in order. */
class PairsFound {
  readonly list: TwinPair[] = [];
  readonly #width: number;
  readonly #table: PacketTable;
  readonly #byNumbers = new Map<number, TwinPair>();
  /** By the first conversation: the pair that was asked for last. Nearly all conversations are in one pair. */
  readonly #latest: (TwinPair | undefined)[];

  constructor(conversations: number, table: PacketTable) {
    this.#table = table;
    this.#width = conversations;
    this.#latest = new Array<TwinPair | undefined>(conversations);
  }

  find(one: Conversation, two: Conversation): TwinPair {
    const latest = this.#latest[one.id];
    if (latest !== undefined && latest.two === two) return latest;
    const number = one.id * this.#width + two.id;
    // A conversation without a latest pair has none at all.
    let pair = latest && this.#byNumbers.get(number);
    if (pair === undefined) {
      pair = { one, two, twins: new TwinRows(this.#table), late: new TwinRows(this.#table) };
      this.list.push(pair);
      this.#byNumbers.set(number, pair);
    }
    this.#latest[one.id] = pair;
    return pair;
  }
}

/**
 * Whether two conversations may be one flow: NAT keeps sequence numbers, so other initial numbers mean another
 * connection.
 */
function mayBeOne(a: Conversation, b: Conversation): boolean {
  const differ = (x: number | null, y: number | null): boolean =>
    x !== null && y !== null && x !== y;
  return a.protocol === b.protocol && !differ(a.syn, b.syn) && !differ(a.synAck, b.synAck);
}

/**
 * Whether two conversations may be one because a port was damaged: they have the same addresses in one file, and one of
 * them has a single packet. A checksum that was left to the device does not cover ports, so damage to a port goes
 * unnoticed.
 */
function mayBeMisread(a: Conversation, b: Conversation): boolean {
  if (Math.min(countPackets(a), countPackets(b)) > 1) return false;
  const [one, two] = [a, b].map(({ streams }) => streams.map(({ from }) => from.address).sort());
  return one?.join() === two?.join() && a.file === b.file;
}

function countPackets({ streams: [one, two] }: Conversation): number {
  return one.packets + two.packets;
}

/**
 * Whether both have the same client end. Without the sender's marks, equal payloads may be datagrams of different
 * clients.
 */
function haveOneClient(a: Conversation, b: Conversation): boolean {
  if (a.protocol === 'tcp') return true;
  const [one, two] = [a, b].map(({ client, streams }) => client !== null && streams[client].from);
  return Boolean(one && two && sameEndpoint(one, two));
}

function gather(
  conversations: readonly Conversation[],
  table: PacketTable,
  links: readonly ConversationLink[],
  root: (id: number) => number,
): Omit<ConversationGroup, 'disputed'>[] {
  const drafts: Draft[] = [];
  const most = conversations.reduce((id, one) => Math.max(id, one.id), 0);
  /** By conversation: the number of its group, plus one; 0 for one that is not looked at. */
  const groups = new Int32Array(most + 1);
  for (const conversation of conversations) {
    const key = root(conversation.id);
    const known = drafts[(groups[key] ?? 0) - 1];
    if (known) known.conversations.push(conversation);
    else groups[key] = drafts.push({ conversations: [conversation], links: NONE });
    groups[conversation.id] = groups[key] ?? 0;
  }
  const { rows, ends } = sortByGroup(table, groups, drafts.length);
  for (const link of links) {
    const group = drafts[(groups[link.one.id] ?? 0) - 1];
    if (!group) continue;
    if (group.links === NONE) group.links = [];
    if (group.links.length < MAX_LINKS) group.links.push(link);
  }
  return drafts.map(({ conversations: own, links: joints }, index) => ({
    conversations: own,
    packets: new PacketRange(table, rows, ends[index] ?? 0, ends[index + 1] ?? 0),
    links: joints,
  }));
}

/** Sorts the rows by group, each in order of time: those of group i + 1 are from `ends[i]` to `ends[i + 1]`. */
function sortByGroup(
  { ordered, conversation }: PacketTable,
  groups: Int32Array,
  count: number,
): { readonly rows: Uint32Array; readonly ends: Int32Array } {
  const ends = new Int32Array(count + 2);
  for (let at = 0; at < ordered.length; at++) {
    const group = groups[conversation[ordered[at] ?? 0] ?? 0] ?? 0;
    if (group > 0) ends[group + 1] = (ends[group + 1] ?? 0) + 1;
  }
  for (let group = 1; group < ends.length; group++) {
    ends[group] = (ends[group] ?? 0) + (ends[group - 1] ?? 0);
  }
  const rows = new Uint32Array(ends[count + 1] ?? 0);
  for (let at = 0; at < ordered.length; at++) {
    const row = ordered[at] ?? 0;
    const group = groups[conversation[row] ?? 0] ?? 0;
    if (group === 0) continue;
    const to = ends[group] ?? 0;
    rows[to] = row;
    ends[group] = to + 1;
  }
  return { rows, ends };
}

interface Draft {
  readonly conversations: Conversation[];
  links: ConversationLink[];
}

/** The links of most groups: one shared empty list. */
const NONE: ConversationLink[] = [];
