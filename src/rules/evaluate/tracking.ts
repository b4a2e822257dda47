/** Finds the conntrack state of a packet: when the kernel looks it up, and whether it finds the connection. */
import { TCP_FLAGS, type Hook } from '../../model/rules.js';
import { beginsAnew, isAnswer, type TrialPacket } from './packet.js';

/** The priority at which the kernel looks up a packet's connection. */
const LOOK_UP = -200;

/** Looks the packet up before a chain of this priority, once per packet. */
export function trackBefore(hook: Hook, priority: number, packet: TrialPacket): void {
  if (priority >= LOOK_UP && (hook === 'prerouting' || hook === 'output')) track(packet);
}

/** Gives a packet the kernel's state for it: net/netfilter/nf_conntrack_core.c and nf_conntrack_proto_tcp.c. */
export function track(packet: TrialPacket): void {
  if (packet.tracking !== 'none') return;
  if (packet.turn === 'first') {
    packet.tracking = 'new';
    packet.entry = { zones: packet.zone, answered: false };
    return;
  }
  packet.tracking = lookUp(packet);
}

function lookUp(packet: TrialPacket): TrialPacket['tracking'] {
  const { entry, zone, protocol, icmp, flags } = packet;
  const reply = isAnswer(packet);
  const found =
    entry !== null &&
    (reply ? entry.zones.reply === zone.reply : entry.zones.original === zone.original);
  if (icmp) return found ? 'related' : 'invalid';
  // In the middle of an unseen TCP connection, only a packet without SYN and RST creates an entry.
  if (!found)
    return protocol === 'tcp' && (flags & (TCP_FLAGS.syn | TCP_FLAGS.rst)) !== 0
      ? 'invalid'
      : 'new';
  if (reply) {
    packet.entry = { ...entry, answered: true };
    return 'established';
  }
  // The packet acknowledges an answer that the entry has not seen.
  return protocol === 'tcp' && !entry.answered ? 'invalid' : 'established';
}

/** Whether the packet has a conntrack entry: without one, no condition about its connection holds. */
export function hasConnection({ tracking }: TrialPacket): boolean {
  return tracking === 'new' || tracking === 'established' || tracking === 'related';
}

/** IP_CT_* as bits, as rules compare them. */
const STATE_BITS = {
  invalid: 1,
  established: 2,
  related: 4,
  new: 8,
  untracked: 64,
} as const;

export function stateBits({ tracking }: TrialPacket): number {
  return tracking === 'none' ? STATE_BITS.invalid : STATE_BITS[tracking];
}

/** IPS_*: include/uapi/linux/netfilter/nf_conntrack_common.h. */
const STATUS_BITS = {
  expected: 1,
  'seen-reply': 2,
  assured: 4,
  confirmed: 8,
  snat: 16,
  dnat: 32,
} as const;

/** The known bits of the status, and their values. The kernel may have set any other bit. */
export function statusBits(packet: TrialPacket): { readonly known: number; readonly bits: number } {
  const { turn, dnat, snat, protocol, icmp } = packet;
  const { expected, confirmed, assured } = STATUS_BITS;
  const seen = STATUS_BITS['seen-reply'];
  const first = turn === 'first' || beginsAnew(packet);
  const overLo = packet.inDevice === 'lo';
  const bits =
    (dnat ? STATUS_BITS.dnat : 0) |
    (snat ? STATUS_BITS.snat : 0) |
    (first ? 0 : confirmed) |
    (icmp ? (packet.entry?.answered === true ? seen : 0) : first ? 0 : seen) |
    (turn === 'later' && protocol === 'tcp' ? assured : 0);
  const unsure =
    (first && overLo ? confirmed : 0) |
    (first ? 0 : protocol === 'tcp' && turn !== 'later' ? 0 : assured);
  const known = expected | seen | assured | confirmed | STATUS_BITS.snat | STATUS_BITS.dnat;
  return { known: known & ~(unsure & ~bits), bits };
}
