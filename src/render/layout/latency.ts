/** Measures how long a connection took to open and to be answered, as seen by its client. */
import type { Connection, Hop } from '../../model/report.js';
import { elapsed } from '../format.js';
import { groupPackets } from './packets.js';

/** Nanoseconds from first SYN to first SYN+ACK at the client; null without both, or if a SYN+ACK was dropped. */
export function timeToConnect({ hops }: Connection): number | null {
  const isSyn = ({ flags }: Hop): boolean => flags.includes('SYN') && !flags.includes('ACK');
  const isSynAck = ({ flags }: Hop): boolean => flags.includes('SYN') && flags.includes('ACK');
  const died = hops.some((hop) => hop.kind === 'drop' && hop.leg === 'client' && isSynAck(hop));
  return died ? null : timeBetween(hops, isSyn, isSynAck);
}

/** Nanoseconds from the first payload sent to the first received; null without both. */
export function timeToAnswer({ hops }: Connection): number | null {
  const hasPayload = ({ bytes }: Hop): boolean => bytes > 0;
  return timeBetween(hops, hasPayload, hasPayload);
}

/** Nanoseconds on the client's leg from the first matching request to the last hop of the first matching reply. */
function timeBetween(
  hops: readonly Hop[],
  asks: (hop: Hop) => boolean,
  answers: (hop: Hop) => boolean,
): number | null {
  const packets = hops.filter((hop) => hop.kind === 'packet' && hop.leg === 'client');
  const asked = packets.find((hop) => hop.flow === 'request' && asks(hop));
  if (!asked) return null;
  const replies = groupPackets(packets.filter((hop) => hop.flow === 'reply' && answers(hop)));
  const reply = replies.find((item) => item.type === 'passage');
  const last = reply?.type === 'passage' ? reply.hops.at(-1) : undefined;
  const took = last ? elapsed(asked.time, last.time) : -1;
  return took >= 0 ? took : null;
}
