/** Decides whether two traces were taken on one host: then packets in both are not packets between two hosts. */
import { formatEndpoint } from '../../model/address.js';
import type { TraceEvent } from '../../model/event.js';

/** True when both show the same skb address, packet numbers and device: another kernel would not have all of them. */
export function isSameHost(a: readonly TraceEvent[], b: readonly TraceEvent[]): boolean {
  const seen = new Set(a.flatMap((event) => identify(event) ?? []));
  return b.some((event) => {
    const key = identify(event);
    return key !== null && seen.has(key);
  });
}

function identify(event: TraceEvent): string | null {
  if (event.kind !== 'packet' || event.skb === null || event.protocol !== 'tcp') return null;
  const { skb, namespace, ifindex, direction, seq, ack, source, destination } = event;
  const ends = [source, destination].map(formatEndpoint);
  return [skb, namespace, ifindex, direction, seq, ack, ...ends].join(' ');
}
