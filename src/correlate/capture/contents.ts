/** Compares the bytes of two legs. */
import { sameEndpoint } from '../../model/address.js';
import type { ByteStream } from '../../model/conversation.js';
import { compareDatagrams } from './datagrams.js';
import type { CapturedLeg } from './legs.js';
import { compareStreams } from './streams.js';
import type { Likeness } from '../../model/claim.js';

/** How alike the bytes of two legs are, whichever came first; null when they differ. */
export function compareContent(
  a: CapturedLeg,
  b: CapturedLeg,
): { request: Likeness; reply: Likeness } | null {
  if (a.leg.protocol !== b.leg.protocol) return null;
  if (a.leg.protocol === 'udp') return compareDatagrams(a, b, Infinity);
  // Unless both beginnings were seen, the bytes of one may be any part of the other.
  const aligned = isAligned(a) && isAligned(b);
  const [own, theirs] = [streamsOf(a), streamsOf(b)];
  const request = compareStreams(own.request, theirs.request, aligned);
  const reply = compareStreams(own.reply, theirs.reply, aligned);
  return request === 'different' || reply === 'different' ? null : { request, reply };
}

/** Whether the leg was seen from its beginning. */
export function isAligned({ first }: CapturedLeg): boolean {
  return first.syn !== null;
}

export function streamsOf({ first, last, clientWay, leg }: CapturedLeg): {
  request: ByteStream;
  reply: ByteStream;
} {
  const ways = [clientWay, clientWay === 0 ? 1 : 0] as const;
  // Without NAT, all conversations of a flow serve equally; the first is used.
  const source = leg.nat ? last : first;
  const sent = sameEndpoint(source.streams[0].from, leg.client)
    ? 0
    : sameEndpoint(source.streams[1].from, leg.client)
      ? 1
      : ways[0];
  return { request: source.streams[sent], reply: source.streams[sent === 0 ? 1 : 0] };
}

/** Whether the capture lacks some of the leg's bytes: then it may lack whole connections with the same content. */
export function lacksBytes({ first, last }: CapturedLeg): boolean {
  return [first, last].some(({ streams }) => streams.some(({ lost }) => lost));
}
