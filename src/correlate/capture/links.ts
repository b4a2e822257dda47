/** Whether two conversations that show the same packets are one flow with a machine between them that rewrote an end. */
import { sameEndpoint } from '../../model/address.js';
import type { Conversation } from '../../model/conversation.js';
import { alignTwins, type Twin } from './twins.js';
import { areApart, findNearer } from './nearness.js';
import { isMarked, type WirePacket } from './same-packet.js';

/** Why a rewriting is not proven: `null` where it is. */
export type LinkDoubt =
  /** Neither IP identification nor timestamps show that both sightings are one packet. */
  | 'unmarked'
  /** Only one direction shows that a machine stands between, and no device shows it coming in and going out. */
  | 'one-way'
  /** Both ends changed, and nothing shows that the new source belongs to the machine that was dialled. */
  | 'both-ends';

export interface Link {
  readonly one: Conversation;
  readonly two: Conversation;
  /** Sightings of one packet in both, `a` in `one`: those that can be told apart from others like them. */
  readonly twins: readonly Twin[];
  /** Under the same addresses in both: seen twice, rewritten by nobody. */
  readonly unchanged: boolean;
  readonly doubt: LinkDoubt | null;
}

/** Packets in all that two files must share before they prove a rewriting between them. */
const ACROSS_FILES = 3;

/** Null where nothing shows that a machine stands between: then they are copies, replays or look-alikes. */
export function linkConversations(
  one: Conversation,
  two: Conversation,
  twins: readonly Twin[],
): Link | null {
  if (haveSameEnds(one, two)) return { one, two, twins, unchanged: true, doubt: null };
  const aligned = alignTwins(twins);
  const ways = [0, 1].map((way) => aligned.filter(({ a }) => wayOf(one, a) === way));
  const [there, back] = ways as [Twin[], Twin[]];
  if (!isOneMapping(two, there, back)) return null;
  const [first, second] = [findNearer(there), findNearer(back)];
  if (first === 'contradiction' || second === 'contradiction') return null;
  const known = first ?? second;
  if (known === null) return null;
  const link = { one, two, twins: aligned, unchanged: false };
  const marked = aligned.some(({ a, b }) => isMarked(a, b));
  if (first !== null && second !== null) {
    if (first.nearer === second.nearer) return null;
    const few = one.file !== two.file && aligned.length < ACROSS_FILES;
    return { ...link, doubt: marked ? findDoubt(one, two, few) : 'unmarked' };
  }
  // The same packets the other way, and no sign of the machine in them: copies show that.
  const silent = first === null ? there : back;
  if (!silent.every(areApart)) return null;
  const passes = known.crosses && silent.length === 0;
  if (!passes && !(known.routed && (first === null ? back : there).every(isOtherSender)))
    return null;
  return { ...link, doubt: marked ? findDoubt(one, two, !passes) : 'unmarked' };
}

function findDoubt(one: Conversation, two: Conversation, few: boolean): LinkDoubt | null {
  if (few) return 'one-way';
  return keepsClient(one, two) ? null : 'both-ends';
}

/** At another device, or sent by another machine there. */
function isOtherSender({ a, b }: Twin): boolean {
  if (a.file !== b.file || a.ifindex !== b.ifindex) return true;
  return a.hardware !== null && b.hardware !== null && a.hardware !== b.hardware;
}

function haveSameEnds(
  { streams: [a, b] }: Conversation,
  { streams: [c, d] }: Conversation,
): boolean {
  const crossed = sameEndpoint(a.from, d.from) && sameEndpoint(b.from, c.from);
  return crossed || (sameEndpoint(a.from, c.from) && sameEndpoint(b.from, d.from));
}

function wayOf({ streams }: Conversation, packet: WirePacket): 0 | 1 {
  return sameEndpoint(streams[0].from, packet.source) ? 0 : 1;
}

/** One sender of `one` is one sender of `two`. */
function isOneMapping(two: Conversation, there: readonly Twin[], back: readonly Twin[]): boolean {
  const ways = (twins: readonly Twin[]): Set<0 | 1> => new Set(twins.map(({ b }) => wayOf(two, b)));
  const [first, second] = [ways(there), ways(back)];
  if (first.size > 1 || second.size > 1) return false;
  return first.size === 0 || second.size === 0 || [...first][0] !== [...second][0];
}

/**
 * NAT leaves one end as it is. Where both changed, the new source must be an address of the machine that rewrote it, and
 * the one that is known to be is the one that was dialled.
 */
function keepsClient(one: Conversation, two: Conversation): boolean {
  return one.streams.some(({ from }) =>
    two.streams.some((other) => other.from.address === from.address),
  );
}
