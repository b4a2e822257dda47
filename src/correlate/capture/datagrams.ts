/** Compares the datagrams of two legs: they keep their bounds, so each that a relay sends is one that it got. */
import { sameEndpoint } from '../../model/address.js';
import type { CapturedLeg } from './legs.js';
import { isWirePacket, type WirePacket } from './same-packet.js';
import type { Likeness } from './streams.js';

/** Null unless both legs have requests; `slack` nanoseconds may what goes on be ahead of what came. */
export function compareDatagrams(
  client: CapturedLeg,
  upstream: CapturedLeg,
  slack: number,
): { request: Likeness; reply: Likeness } | null {
  const [own, theirs] = [listDatagrams(client), listDatagrams(upstream)];
  if (own.request.length === 0 || theirs.request.length === 0) return null;
  // A relay passes answers on: a service that answers only one of the two is not behind both.
  if ((own.reply.length === 0) !== (theirs.reply.length === 0)) return null;
  const request = compareLists(own.request, theirs.request, slack);
  const reply = compareLists(theirs.reply, own.reply, slack);
  return request === 'different' || reply === 'different' ? null : { request, reply };
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
