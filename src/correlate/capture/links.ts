/** Decides whether two conversations with the same packets are one flow that a machine between them rewrote. */
import type { LinkDoubt } from '../../model/claim.js';
import { sameEndpoint, type Endpoint } from '../../model/address.js';
import type { Conversation } from '../../model/conversation.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';
import { alignTwins, TwinRows } from './twins.js';
import { areApart, findNearer, type Nearness } from './nearness.js';
import { isMarkedIn } from './same-packet.js';

export interface ConversationLink {
  readonly one: Conversation;
  readonly two: Conversation;
  /**
   * Pairs of sightings of one packet, `a` in `one` and `b` in `two`, as far as they can be told apart from similar
   * ones.
   */
  readonly twins: TwinRows;
  /**
   * In each conversation, the end that faces away from the other one; null if both have the same addresses: then nobody
   * rewrote it and it was seen twice.
   */
  readonly beyond: { readonly one: Endpoint; readonly two: Endpoint } | null;
  /** Which conversation the packets of `one`'s first stream pass first; the other stream passes them in reverse. */
  readonly nearer: 'one' | 'two';
  readonly doubt: LinkDoubt | null;
}

/** Most conversations that one may be linked with: if there are more, they are copies. */
const MAX_ENDS = 16;
/** Fewest packets that two files must share before they prove a rewriting between them. */
const ACROSS_FILES = 3;

/**
 * Links two conversations. Null where nothing shows a machine between them: then they are copies, replays or
 * look-alikes.
 */
export function linkConversations(
  one: Conversation,
  two: Conversation,
  twins: TwinRows,
): ConversationLink | null {
  if (haveSameEnds(one, two)) return { one, two, twins, beyond: null, nearer: 'one', doubt: null };
  const aligned = alignTwins(twins);
  const { there, back } = splitByWay(one, aligned);
  if (!isOneMapping(two, there, back)) return null;
  const [first, second] = [findNearer(there), findNearer(back)];
  if (first === 'contradiction' || second === 'contradiction') return null;
  const known = first ?? second;
  if (known === null) return null;
  const beyond = findBeyond(known, first === null ? back : there);
  const isForth = first !== null;
  const nearer: ConversationLink['nearer'] = (known.nearer === 'a') === isForth ? 'one' : 'two';
  const link = { one, two, twins: aligned, beyond, nearer };
  const marked = someTwin(aligned, (a, b) => isMarkedIn(aligned.table, a, b));
  if (first !== null && second !== null) {
    if (first.nearer === second.nearer) return null;
    const few = one.file !== two.file && aligned.length < ACROSS_FILES;
    return { ...link, doubt: marked ? findDoubt(one, two, few) : 'unmarked' };
  }
  // If the other direction has the same packets but no sign of a machine, they are copies.
  const silent = first === null ? there : back;
  const { table } = aligned;
  if (someTwin(silent, (a, b) => !areApart(table, a, b))) return null;
  const passes = known.crosses && silent.length === 0;
  const shown = first === null ? back : there;
  if (!passes && !(known.routed && !someTwin(shown, (a, b) => !isOtherSender(table, a, b)))) {
    return null;
  }
  return { ...link, doubt: marked ? findDoubt(one, two, !passes) : 'unmarked' };
}

function findDoubt(one: Conversation, two: Conversation, few: boolean): LinkDoubt | null {
  if (few) return 'one-way';
  return keepsClient(one, two) ? null : 'both-ends';
}

function findBeyond({ nearer }: Nearness, twins: TwinRows): ConversationLink['beyond'] {
  if (twins.length === 0) return null;
  const { table } = twins;
  const [a, b] = [twins.a(0), twins.b(0)];
  return nearer === 'a'
    ? { one: table.sourceOf(a), two: table.destinationOf(b) }
    : { one: table.destinationOf(a), two: table.sourceOf(b) };
}

function someTwin(twins: TwinRows, holds: (a: number, b: number) => boolean): boolean {
  for (let index = 0; index < twins.length; index++) {
    if (holds(twins.a(index), twins.b(index))) return true;
  }
  return false;
}

/** Splits twins by the end of `one` that sent them: `there` by its first end, `back` by its second. */
function splitByWay(
  { streams }: Conversation,
  twins: TwinRows,
): { readonly there: TwinRows; readonly back: TwinRows } {
  const { table } = twins;
  const [there, back] = [new TwinRows(table), new TwinRows(table)];
  for (let index = 0; index < twins.length; index++) {
    const [a, b] = [twins.a(index), twins.b(index)];
    (sameEndpoint(streams[0].from, table.sourceOf(a)) ? there : back).push(a, b);
  }
  return { there, back };
}

/**
 * Drops links that lead one flow to two ends, because a packet is rewritten only once. If one end is an edited copy,
 * nothing tells which, so both links are dropped.
 */
export function dropForks(links: readonly ConversationLink[]): ConversationLink[] {
  const ofConversation = new Map<number, ConversationLink[]>();
  for (const link of links) {
    if (link.beyond === null) continue;
    for (const { id } of [link.one, link.two]) {
      const list = ofConversation.get(id) ?? [];
      list.push(link);
      ofConversation.set(id, list);
    }
  }
  const dropped = new Set<ConversationLink>();
  for (const [id, own] of ofConversation) {
    for (const [index, a] of own.entries()) {
      for (const b of own.slice(index + 1)) {
        if (!isFork(id, a, b) || own.length > MAX_ENDS) continue;
        dropped.add(a);
        dropped.add(b);
      }
    }
    if (own.length > MAX_ENDS) for (const link of own) dropped.add(link);
  }
  return links.filter((link) => !dropped.has(link));
}

/** Whether two links on the same side of a conversation lead to different ends. */
function isFork(id: number, a: ConversationLink, b: ConversationLink): boolean {
  const [first, second] = [a, b].map(({ one, beyond }) =>
    beyond === null
      ? null
      : one.id === id
        ? { own: beyond.one, other: beyond.two }
        : { own: beyond.two, other: beyond.one },
  );
  if (!first || !second || !sameEndpoint(first.own, second.own)) return false;
  return !sameEndpoint(first.other, second.other);
}

/**
 * Whether the sightings are at different devices or have different senders. False within one file that records
 * directions: it would show both directions.
 */
function isOtherSender(table: PacketTable, a: number, b: number): boolean {
  const { file, device, bits, hardware } = table;
  const directed = (bits[a] ?? 0) & (bits[b] ?? 0) & BIT.DIRECTED;
  if (file[a] === file[b] && directed !== 0) return false;
  if (file[a] !== file[b] || device[a] !== device[b]) return true;
  const [one, two] = [hardware[a] ?? -1, hardware[b] ?? -1];
  return one >= 0 && two >= 0 && one !== two;
}

export function haveSameEnds(
  { streams: [a, b] }: Conversation,
  { streams: [c, d] }: Conversation,
): boolean {
  const crossed = sameEndpoint(a.from, d.from) && sameEndpoint(b.from, c.from);
  return crossed || (sameEndpoint(a.from, c.from) && sameEndpoint(b.from, d.from));
}

/** Whether each sender of `one` corresponds to one sender of `two`. */
function isOneMapping(two: Conversation, there: TwinRows, back: TwinRows): boolean {
  const [first, second] = [findWay(two, there), findWay(two, back)];
  if (first === 'both' || second === 'both') return false;
  return first === null || second === null || first !== second;
}

/** Which end of `two` sent the twins; null without twins. */
function findWay({ streams }: Conversation, twins: TwinRows): 'first' | 'second' | 'both' | null {
  let [first, second] = [false, false];
  for (let index = 0; index < twins.length; index++) {
    if (sameEndpoint(streams[0].from, twins.table.sourceOf(twins.b(index)))) first = true;
    else second = true;
  }
  if (first && second) return 'both';
  return first ? 'first' : second ? 'second' : null;
}

/**
 * Whether both share the address of one end, which NAT usually keeps. Where both ends changed, the new source must be
 * an address of the machine that rewrote it, and the only address known to be that machine's is the dialled one.
 */
function keepsClient(one: Conversation, two: Conversation): boolean {
  return one.streams.some(({ from }) =>
    two.streams.some((other) => other.from.address === from.address),
  );
}
