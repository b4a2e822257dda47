/** `same-packet`: one packet was seen with both destinations, by its skb or socket, in a capture by its headers. */
import { isMarked } from '../../correlate/capture/same-packet.js';
import { sameEndpoint } from '../../model/address.js';
import type { ClaimOf } from '../../model/claim.js';
import type { DropEvent, PacketEvent } from '../../model/event.js';
import type { Observed } from '../observed.js';
import type { ObservedOnWire } from '../observed-wire.js';
import { processOf } from '../observed.js';

type SamePacket = ClaimOf<'same-packet'>;

/** Nanoseconds within which one skb is seen again: it may wait for neighbour resolution before it is dropped. */
const ONE_WAY = 10_000_000_000;

export function claimSamePacket({ leg, topology }: Observed): SamePacket | null {
  const { nat, dialled, protocol } = leg;
  if (!nat?.destinationRewritten) return null;
  const from = nat.view.original.destination;
  const to = nat.view.reply.source;
  const after = leg.events.filter(
    (event): event is PacketEvent | DropEvent =>
      (event.kind === 'packet' || event.kind === 'drop') && sameEndpoint(event.destination, to),
  );
  if (nat.hook === 'OUTPUT') {
    const sent = after.find(({ socket }) => socket !== null && socket === dialled?.socket);
    return {
      code: 'same-packet',
      holds: sent ? true : null,
      events: sent && dialled ? [dialled.id, sent.id] : [],
      facts: { by: 'socket', process: processOf(dialled), from, to },
    };
  }
  for (const before of leg.events) {
    if (before.kind !== 'packet' || before.namespace !== topology.host) continue;
    if (!sameEndpoint(before.destination, from)) continue;
    const same = after.find((event) => event.time >= before.time && isSameSkb(before, event));
    if (!same || before.skb === null) continue;
    return {
      code: 'same-packet',
      holds: true,
      events: [before.id, same.id],
      facts: { by: 'skb', seq: protocol === 'tcp' ? before.seq : null },
    };
  }
  return { code: 'same-packet', holds: null, events: [], facts: { by: 'skb', seq: null } };
}

/** An skb address is reused at once, so TCP numbers, flags, length and time have to match too. */
function isSameSkb(before: PacketEvent, after: PacketEvent | DropEvent): boolean {
  return (
    before.skb === after.skb &&
    before.seq === after.seq &&
    before.ack === after.ack &&
    before.flags === after.flags &&
    before.length === after.length &&
    after.time - before.time < ONE_WAY
  );
}

export function claimSamePacketOnWire({ leg, captured }: ObservedOnWire): SamePacket | null {
  if (!leg.nat?.destinationRewritten) return null;
  const twins = [...(captured.rewriting?.twins ?? [])];
  const marked = twins.filter(({ a, b }) => isMarked(a, b));
  const [first] = marked;
  const shown = first ?? twins[0];
  return {
    code: 'same-packet',
    holds: first ? true : null,
    events: shown ? [shown.a.id, shown.b.id] : [],
    facts: {
      by: 'marks',
      marks: first
        ? {
            packets: marked.length,
            protocol: first.a.protocol,
            seq: first.a.seq,
            length: first.a.length,
            ipId: first.a.wire.ipId,
            timestamp: first.a.wire.timestamp,
            ttls: [first.a.wire.ttl, first.b.wire.ttl],
          }
        : null,
    },
  };
}
