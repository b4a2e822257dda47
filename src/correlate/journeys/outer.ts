/** Finds the packet that a tunnel's packet carries, and places the tunnel's packet on that packet's way. */
import type { OuterEvent, PacketEvent } from '../../model/event.js';
import type { LegEvent } from '../leg.js';
import type { Passage } from './journey.js';
import { ONE_WAY } from './live.js';
import { sameWay } from './nat-steps.js';

/**
 * Whether both show one packet. The kernel wraps a packet in the skb that it is in, after it left the tunnel's device,
 * and unwraps it there, before it comes in by that device.
 */
export function carries(outer: OuterEvent, packet: PacketEvent): boolean {
  const [before, after] = outer.direction === 'out' ? [packet, outer] : [outer, packet];
  const passed = after.time - before.time;
  return (
    outer.skb !== null &&
    outer.skb === packet.skb &&
    outer.direction === packet.direction &&
    outer.protocol === packet.protocol &&
    outer.seq === packet.seq &&
    outer.ack === packet.ack &&
    passed >= 0 &&
    passed < ONE_WAY &&
    sameWay(outer, packet)
  );
}

/** A place on a packet's way: one where it was seen as it is, or one that it passed inside another packet. */
export type Place = Passage | { readonly event: OuterEvent; readonly rewritings: readonly [] };

/** By the number of a packet's event: the tunnel's packet that it was then in, or had been in just before. */
export type Wrappings = ReadonlyMap<number, OuterEvent>;

/** @param events those of one leg, in order of time */
export function findWrappings(events: readonly LegEvent[]): Wrappings {
  const wrappings = new Map<number, OuterEvent>();
  const packets = new Map<string, PacketEvent>();
  const waiting = new Map<string, OuterEvent>();
  for (const event of events) {
    if ((event.kind !== 'outer' && event.kind !== 'packet') || event.skb === null) continue;
    const { skb } = event;
    if (event.kind === 'packet') {
      const outer = waiting.get(skb);
      if (outer && carries(outer, event)) wrappings.set(event.id, outer);
      waiting.delete(skb);
      packets.set(skb, event);
    } else if (event.direction === 'in') {
      waiting.set(skb, event);
    } else {
      const packet = packets.get(skb);
      if (packet && carries(event, packet)) wrappings.set(packet.id, event);
    }
  }
  return wrappings;
}

/** The passages of a packet, and between them those inside a tunnel. */
export function placeOuter(passages: readonly Passage[], wrappings: Wrappings): Place[] {
  return passages.flatMap((passage): Place[] => {
    const outer = wrappings.get(passage.event.id);
    if (outer === undefined) return [passage];
    const place: Place = { event: outer, rewritings: [] };
    return outer.direction === 'out' ? [passage, place] : [place, passage];
  });
}
