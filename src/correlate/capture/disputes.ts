/**
 * Drops links that a third sighting of the same packets contradicts: one machine between two places cannot have made
 * all three.
 */
import { sameEndpoint } from '../../model/address.js';
import type { Conversation } from '../../model/conversation.js';
import type { CapturedPacket } from '../../model/captured-packet.js';
import { haveSameEnds, type ConversationLink } from './links.js';
import { areApart, haveOneSender } from './nearness.js';
import type { Twin, TwinRows } from './twins.js';

/** Two conversations that show the same packets. */
export interface TwinPair {
  readonly one: Conversation;
  readonly two: Conversation;
  readonly twins: TwinRows;
  /** The same packets by their marks, but further apart in time than any path takes. */
  readonly late: TwinRows;
}

/**
 * Drops the links that a third conversation with the same packets contradicts. The third one's times prove nothing,
 * because the clock of its file may be unknown. Still it shows the same packet, and NAT gives a packet one new address,
 * behind the machine. `unset` are the files whose clocks could not be compared with the first file's.
 */
export function dropDisputed(
  links: readonly ConversationLink[],
  pairs: readonly TwinPair[],
  unset: ReadonlySet<number>,
): ConversationLink[] {
  const byConversation = new Map<number, TwinPair[]>();
  for (const pair of pairs) {
    for (const { id } of [pair.one, pair.two]) {
      const list = byConversation.get(id) ?? [];
      list.push(pair);
      byConversation.set(id, list);
    }
  }
  const isTimely = (third: Conversation, { one, two }: ConversationLink): boolean =>
    [one, two].every(
      ({ file }) => file === third.file || !(unset.has(file) || unset.has(third.file)),
    );
  return links.filter((link) => {
    if (link.beyond === null) return true;
    const isUsed = (third: Conversation): boolean =>
      isBeside(link, third) || !isTimely(third, link);
    return !isDisputed(link, byConversation, isUsed);
  });
}

function isDisputed(
  link: ConversationLink,
  byConversation: ReadonlyMap<number, readonly TwinPair[]>,
  isUsed: (third: Conversation) => boolean,
): boolean {
  return [link.one, link.two].some((known) =>
    (byConversation.get(known.id) ?? []).some((pair) => {
      const third = pair.one.id === known.id ? pair.two : pair.one;
      if (third.id === link.one.id || third.id === link.two.id) return false;
      // A conversation with another address at a known time is a link of its own, or an edited copy that came later.
      const placed = isUsed(third) ? pair.twins : [];
      return [...placed, ...pair.late].some(({ a, b }) =>
        pair.one.id === known.id ? contradicts(link, a, b) : contradicts(link, b, a),
      );
    }),
  );
}

/** Whether the third conversation is one side of the link, as another file shows it. */
function isBeside({ one, two }: ConversationLink, third: Conversation): boolean {
  return haveSameEnds(one, third) || haveSameEnds(two, third);
}

/**
 * Whether `third` cannot have passed the link's machine. It is the same packet as `seen`, which is on one side of the
 * link.
 */
function contradicts(link: ConversationLink, seen: CapturedPacket, third: CapturedPacket): boolean {
  const own = [...link.twins].filter(({ a, b }) => isOneWay(link, seen, a, b));
  const same = own.filter(({ a, b }) => a.id === seen.id || b.id === seen.id);
  const [sample] = own;
  if (sample === undefined) return false;
  const isForth = sameEndpoint(link.one.streams[0].from, sample.a.source);
  const isNearer = (link.nearer === 'one') === isForth;
  const turn = ({ a, b }: Twin): readonly [near: CapturedPacket, far: CapturedPacket] =>
    isNearer ? [a, b] : [b, a];
  // If the packet was not seen on both sides, other packets of its direction stand in for it.
  return same.length > 0
    ? same.some((twin) => doesNotFit(turn(twin), third))
    : own.every((twin) => doesNotFit(turn(twin), third));
}

/** Whether the twin went in the same direction as `seen`. */
function isOneWay(
  { one }: ConversationLink,
  seen: CapturedPacket,
  a: CapturedPacket,
  b: CapturedPacket,
): boolean {
  const own = seen.conversation === one.id ? a : b;
  return sameEndpoint(own.source, seen.source);
}

/**
 * Whether the third sighting has a third address for a rewritten end, or has the address of one side at a place where
 * only the other side can be.
 */
function doesNotFit(
  [near, far]: readonly [CapturedPacket, CapturedPacket],
  third: CapturedPacket,
): boolean {
  const sides = new Set<'near' | 'far'>();
  for (const field of ['source', 'destination'] as const) {
    if (sameEndpoint(near[field], far[field])) continue;
    if (sameEndpoint(third[field], near[field])) sides.add('near');
    else if (sameEndpoint(third[field], far[field])) sides.add('far');
    else return true;
  }
  // A packet with one end rewritten and the other not is between the two sides, so its TTL must be too.
  if (sides.size > 1) return third.ttl > near.ttl || third.ttl < far.ttl;
  // It has its first address although it is as far along as the sighting under the new one.
  if (sides.has('near')) return near.ttl !== far.ttl && !isBefore(third, far);
  if (third.ttl > near.ttl) return true;
  if (third.ttl < near.ttl) return haveOneSender(near.table, near.row, third.row);
  // It is already rewritten at the place where it was also seen as it arrived.
  return near.file === third.file && !areApart(near.table, near.row, third.row);
}

function isBefore(near: CapturedPacket, far: CapturedPacket): boolean {
  return near.ttl > far.ttl && !haveOneSender(near.table, near.row, far.row);
}
