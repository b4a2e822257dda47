/** Describes a packet in a few words. */
import { TCP, type PacketFields } from '../model/event.js';
import type { Connection } from '../model/report.js';
import { tellTunnels } from './tunnels.js';

type Tunnel = NonNullable<Connection['via']>[number];

/** The packet, and what happened to it. */
export function summarisePacket(
  event: PacketFields & { kind: string; reason?: string; function?: string; tunnel?: Tunnel },
): string {
  const what = describePacket(event);
  if (event.tunnel) return `${what}, ${tellTunnels([event.tunnel])}`;
  if (event.kind === 'drop') return `${what} dropped: ${event.reason} at ${event.function}`;
  if (event.kind === 'reset') return `${what} is answered with RST`;
  return what;
}

/** Flags that change the connection's state, and the length of the data; else `ACK`. */
export function describePacket({ protocol, flags, seq, length }: PacketFields): string {
  if (protocol === 'udp') return `${length} B`;
  const turns = flagNames(flags).filter((flag) => flag !== 'ACK' && flag !== 'PSH');
  const data = length > 0 ? `${length} B` : '';
  if ((flags & TCP.SYN) !== 0) {
    return `${(flags & TCP.ACK) !== 0 ? 'SYN+ACK' : 'SYN'} seq ${seq}`;
  }
  const words = [...turns, data].filter((word) => word !== '');
  return words.length > 0 ? words.join(', ') : 'ACK';
}

/** Caches names by flags: a trace has few combinations and very many packets. */
const FLAG_NAMES = new Map<number, readonly string[]>();

export function flagNames(flags: number): readonly string[] {
  const known = FLAG_NAMES.get(flags);
  if (known) return known;
  const names = Object.entries(TCP).flatMap(([name, bit]) => ((flags & bit) !== 0 ? [name] : []));
  FLAG_NAMES.set(flags, names);
  return names;
}

/** The role of a packet in its connection. */
export function namePacket({
  protocol,
  flags,
  length,
}: PacketFields): NonNullable<NonNullable<Connection['drop']>['packet']> {
  if (protocol === 'udp') return 'datagram';
  if ((flags & TCP.SYN) !== 0) return (flags & TCP.ACK) !== 0 ? 'SYN+ACK' : 'SYN';
  if ((flags & TCP.RST) !== 0) return 'RST';
  if (length > 0) return 'data';
  return (flags & TCP.FIN) !== 0 ? 'FIN' : 'ACK';
}
