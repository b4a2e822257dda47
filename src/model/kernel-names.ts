/** The numbers and names of the kernel, and names for what is traced of it. */

/** TCP flag bits as they stand in the header (RFC 9293). */
export const TCP = { FIN: 0x01, SYN: 0x02, RST: 0x04, PSH: 0x08, ACK: 0x10 } as const;

/** Kernel TCP state numbers (include/net/tcp_states.h). */
export const TCP_STATE = {
  ESTABLISHED: 1,
  SYN_SENT: 2,
  SYN_RECV: 3,
  FIN_WAIT1: 4,
  FIN_WAIT2: 5,
  TIME_WAIT: 6,
  CLOSE: 7,
  CLOSE_WAIT: 8,
  LAST_ACK: 9,
  LISTEN: 10,
  CLOSING: 11,
} as const;

/**
 * IPS_SRC_NAT, IPS_DST_NAT and IPS_DST_NAT_DONE. The last is no proof of a rewriting: NAT looked at the destination (in
 * PREROUTING or OUTPUT) and may have left it as it was.
 */
export const CONNTRACK = { SRC_NAT: 0x10, DST_NAT: 0x20, DST_NAT_DONE: 0x100 } as const;

/** What a process reads from or writes to apart from the connections of the flow. */
export const ASIDES = [
  'pipe',
  /** A terminal or another character device, except /dev/null and the like. */
  'device',
  'unix',
  /** An IPv4 or IPv6 socket that belongs to no traced connection and was not dialled since the trace began. */
  'socket',
  /** A socket of another family; netlink is left out. */
  'family',
  // Calls whose bytes no probe follows.
  'sendmmsg',
  'recvmmsg',
  'io_uring',
  'vmsplice',
  'tee',
  'splice',
  /** System V and POSIX message queues. */
  'queue',
  'aio',
  'pwritev2',
] as const;

/** The hooks of netfilter, by the numbers that the kernel gives them. */
export const NETFILTER_HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

/**
 * What the probes would have reported if it had happened, so that claims may rest on its absence: `accepts` (accepts
 * and dials of the host's processes), `copies` (their reads and writes on the flow's sockets), `asides` (their reads
 * and writes elsewhere meanwhile, and calls that no probe follows).
 */
export const WITNESSES = ['accepts', 'copies', 'asides'] as const;

/** Kinds of tunnels, as `via` in the report names them. */
export const TUNNELS = ['vxlan', 'geneve', 'ipip', 'gre', 'wireguard'] as const;
