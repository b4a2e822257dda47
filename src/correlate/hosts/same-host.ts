/** Whether two traces were taken on one host: then what both saw is not what two hosts saw of each other. */
import type { TraceEvent } from '../../model/event.js';

/** A kernel's address of a packet, with its numbers, at one and the same device: another kernel does not have them all. */
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
  const ends = [source, destination].map(({ address, port }) => `${address}#${port}`);
  return [skb, namespace, ifindex, direction, seq, ack, ...ends].join(' ');
}
