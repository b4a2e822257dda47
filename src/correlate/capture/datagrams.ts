/**
 * Compares the datagrams of two legs: datagrams keep their boundaries, so each one that a relay sends is one that it
 * received.
 */
import { sameEndpoint } from '../../model/address.js';
import type { CapturedLeg } from './legs.js';
import type { WirePacket } from './same-packet.js';
import type { Likeness } from '../../model/claim.js';

export interface DatagramLikeness {
  readonly request: Likeness;
  readonly reply: Likeness;
  /** Number of different payloads that agreed, in the direction that has fewer of them. */
  readonly different: number;
  /** Length of the longest request in bytes. */
  readonly longest: number;
}

/** Nanoseconds within which a relay passes a datagram on. */
const AT_ONCE = 100_000_000;
/** Nanoseconds within which another flow with the same payload may be the one that the relay forwarded. */
const AT_ABOUT = 1_000_000_000;

/**
 * Compares two legs; null if they differ, or if one has no requests. A forwarded datagram may appear up to `slack`
 * nanoseconds before it was received.
 */
export function compareDatagrams(
  client: CapturedLeg,
  upstream: CapturedLeg,
  slack: number,
): DatagramLikeness | null {
  const [own, theirs] = [listDatagrams(client), listDatagrams(upstream)];
  if (own.request.length === 0 || theirs.request.length === 0) return null;
  const request = compareLists(own.request, theirs.request, slack);
  const reply = compareLists(theirs.reply, own.reply, slack);
  if (request === 'different' || reply === 'different') return null;
  const different = Math.min(countPayloads(theirs.request), countPayloads(own.reply));
  const longest = Math.max(...theirs.request.map(({ length }) => length));
  return { request, reply, different, longest };
}

/** Whether both carried the same payload at about the same time, in any direction; a truncated payload may be any. */
export function sharePayload(a: CapturedLeg, b: CapturedLeg): boolean {
  const times = new Map<string | null, number[]>();
  for (const packet of a.leg.range.list()) {
    const key = keyOf(packet);
    const list = times.get(key) ?? [];
    if (list.length === 0) times.set(key, list);
    list.push(packet.time);
  }
  const isNear = (list: readonly number[] | undefined, time: number): boolean =>
    list?.some((other) => Math.abs(other - time) <= AT_ABOUT) ?? false;
  return b.leg.range.list().some((packet) => {
    const key = keyOf(packet);
    if (key === null) return [...times.values()].some((list) => isNear(list, packet.time));
    return isNear(times.get(key), packet.time) || isNear(times.get(null), packet.time);
  });
}

function keyOf({ length, wire }: WirePacket): string | null {
  return length > 0 && wire.digest === null ? null : `${length}|${wire.digest ?? ''}`;
}

function countPayloads(packets: readonly WirePacket[]): number {
  const whole = packets.filter(({ wire }) => wire.digest !== null);
  return new Set(whole.map(keyOf)).size;
}

function listDatagrams({
  leg,
  first,
  clientWay,
}: CapturedLeg): Record<'request' | 'reply', WirePacket[]> {
  const sender = first.streams[clientWay].from;
  const lists: Record<'request' | 'reply', WirePacket[]> = { request: [], reply: [] };
  const seen = new Set<string>();
  for (const packet of leg.range.list()) {
    const { wire, length } = packet;
    const key = `${wire.ipId}|${length}|${wire.digest}|${packet.source.port}|${wire.ipId ? '' : packet.id}`;
    if (seen.has(key)) continue; // the same one at another device
    seen.add(key);
    lists[sameEndpoint(packet.source, sender) ? 'request' : 'reply'].push(packet);
  }
  return lists;
}

/**
 * Compares the received datagrams (`before`) with the forwarded ones (`after`): each forwarded one needs its own
 * received one.
 */
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
        (slack === Infinity || packet.time - time < AT_ONCE) &&
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
