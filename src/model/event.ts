/** The one currency of the program: what was seen, when, where, and of which packet or socket. */
import type { Endpoint } from './address.js';
import type { WireFacts } from './conversation.js';

export type Protocol = 'tcp' | 'udp';

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

export interface EventBase {
  /** 1, 2, 3 … in order of time over the whole trace; evidence refers to it. */
  readonly id: number;
  /** Nanoseconds since the trace's epoch (see TraceHeader.epoch). */
  readonly time: number;
}

/** The kernel's conntrack entry as the packet carried it; tuples are in the entry's own direction. */
export interface ConntrackView {
  /** Kernel address of the entry: opaque, reused once the entry is gone. */
  readonly id: string;
  /** IPS_* bits (include/uapi/linux/netfilter/nf_conntrack_common.h). */
  readonly status: number;
  readonly original: TuplePair;
  readonly reply: TuplePair;
}

export interface TuplePair {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** IPS_SRC_NAT and IPS_DST_NAT; the *_DONE bits are no proof of a rewriting. */
export const CONNTRACK = { SRC_NAT: 0x10, DST_NAT: 0x20 } as const;

/** What the headers of a packet say. Ports are 0 to 65535, sizes in bytes. */
export interface PacketFields {
  readonly protocol: Protocol;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** TCP sequence and acknowledgement numbers (0 for UDP). */
  readonly seq: number;
  readonly ack: number;
  /** TCP flag bits (0 for UDP). */
  readonly flags: number;
  /** Payload bytes, of all segments when offload joined several. */
  readonly length: number;
}

interface Placed {
  /** Inode of the network namespace; null when the source cannot know. */
  readonly namespace: number | null;
  /** Index of the device inside that namespace; null when the source cannot know. */
  readonly ifindex: number | null;
}

/** A packet leaving (`out`) a device or entering (`in`) the stack from one. */
export interface PacketEvent extends EventBase, PacketFields, Placed {
  readonly kind: 'packet';
  readonly direction: 'in' | 'out';
  /** Kernel address of the skb: the same along one way through the kernel, reused soon after. */
  readonly skb: string | null;
  /** Kernel address of the socket that sent it, where it is still attached. */
  readonly socket: string | null;
  readonly conntrack: ConntrackView | null;
  /** What a capture saw of it; only there. */
  readonly wire?: WireFacts | undefined;
}

/** A packet that the kernel threw away. */
export interface DropEvent extends EventBase, PacketFields, Placed {
  readonly kind: 'drop';
  readonly skb: string | null;
  readonly socket: string | null;
  readonly conntrack: ConntrackView | null;
  /** Name of the kernel's drop reason, e.g. NETFILTER_DROP. */
  readonly reason: string;
  /** Kernel function that dropped it. */
  readonly function: string;
  /** Largest packet in bytes, with its IP header, that its route takes; null without a route. Older recordings lack it. */
  readonly mtu?: number | null | undefined;
}

/** A process's view of one of its sockets. `local`/`remote` may be unset (port 0) early in a connect. */
interface SocketFields {
  readonly namespace: number;
  readonly pid: number;
  readonly tid: number;
  /** Name of the task. On state changes in interrupt context it is the interrupted task's. */
  readonly command: string;
  readonly socket: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** What the kernel has counted for one TCP socket (struct tcp_sock) since it was made. */
export interface SocketSums {
  /** Payload bytes that it sent, each once. */
  readonly sent: number;
  /** Payload bytes that it sent again. */
  readonly sentAgain: number;
  /** What the other end has acknowledged. The SYN of the end that dialled and a FIN count as a byte each. */
  readonly acknowledged: number;
  /** Payload bytes that it received in order, each once. */
  readonly received: number;
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
  /** Segments sent again, the SYN among them. */
  readonly retransmits: number;
}

/** A TCP socket goes from one state into another; `from` and `to` are equal where it was only looked at, as the trace ended. */
export interface StateEvent extends EventBase, SocketFields {
  readonly kind: 'state';
  readonly from: number;
  readonly to: number;
  /** Where it closes or was looked at; recordings before 0.2 lack them. */
  readonly sums?: SocketSums | undefined;
}

export interface AcceptEvent extends EventBase, SocketFields {
  readonly kind: 'accept';
  readonly fd: number;
}

/** A socket and its two ends, as the kernel held them at that moment. */
export interface SocketEnds {
  readonly socket: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** Bytes that a process moved out of one socket into another through a pipe (splice). */
export interface MoveEvent extends EventBase {
  readonly kind: 'move';
  readonly pid: number;
  readonly tid: number;
  readonly command: string;
  /** Descriptors: the pipe that was read, the socket that was written. */
  readonly fds: readonly [number, number];
  readonly from: SocketEnds;
  readonly to: SocketEnds;
  /** Bytes of this call, and of all calls so far for this pair. */
  readonly bytes: number;
  readonly total: number;
  readonly calls: number;
}

/**
 * Bytes that a process read from or wrote to one socket by read/write/recv/send. `remote` of a datagram on an
 * unconnected socket is the peer that the call names; `local` may then be the unspecified address.
 */
export interface CopyEvent extends EventBase, SocketEnds {
  readonly kind: 'copy';
  readonly namespace: number | null;
  readonly protocol: Protocol;
  readonly pid: number;
  readonly tid: number;
  readonly command: string;
  readonly operation: 'read' | 'write';
  readonly fd: number;
  readonly bytes: number;
  readonly total: number;
  readonly calls: number;
  /** Address in the process's memory that the bytes came to or went from. */
  readonly buffer: string;
  /** Digest of the first eight bytes there. */
  readonly mark: number;
  /** The same of the last eight bytes; 0 where there are no more than eight. Recordings before version 0.2 lack it. */
  readonly tail?: number | undefined;
  /** Which use of this kernel address it is (see relay-copy.bt); recordings before version 0.2 lack it. */
  readonly life?: number | undefined;
}

/** What else than a connection of the flow a process reads from or writes to. */
export const ASIDES = [
  'pipe',
  /** A terminal or another character device, but for /dev/null and its like. */
  'device',
  'unix',
  /** A socket of IPv4 or IPv6 that is none of a traced connection and was not dialled since the trace began. */
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

export type AsideKind = (typeof ASIDES)[number];

/**
 * A process that serves the flow reads, writes or calls what may hand bytes on to another process, beside the
 * connections of the flow. Regular files, eventfd, timers and the like are not told.
 */
export interface AsideEvent extends EventBase {
  readonly kind: 'aside';
  readonly what: AsideKind;
  readonly operation: 'read' | 'write' | 'call';
  readonly pid: number;
  readonly tid: number;
  readonly command: string;
  /** Null for a call that has none, or several. */
  readonly fd: number | null;
  readonly bytes: number;
  /** Calls so far of this process, object and operation. */
  readonly calls: number;
  /** Kernel address of the pipe or socket, and of the socket at its other end; `0` where there is none. */
  readonly object: string;
  readonly peer: string;
  /** Ends of a `socket`. */
  readonly local: Endpoint | null;
  readonly remote: Endpoint | null;
  /** Only the count at the trace's end: calls beyond those that are told one by one. */
  readonly sum?: boolean | undefined;
}

/** A relay process made another, which serves in its place. */
export interface ForkEvent extends EventBase {
  readonly kind: 'fork';
  readonly pid: number;
  readonly child: number;
  readonly command: string;
}

/** The hooks of netfilter, by the numbers that the kernel gives them. */
export const NETFILTER_HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

export type NetfilterHook = (typeof NETFILTER_HOOKS)[number];

/** A NAT hook gives this packet another address; its own fields are those before. */
export interface NatEvent extends EventBase, PacketFields, Placed {
  readonly kind: 'nat';
  readonly skb: string | null;
  readonly socket: string | null;
  /** Null when the kernel did not tell for certain. */
  readonly hook: NetfilterHook | null;
  readonly field: 'source' | 'destination';
  /** What that end is from here on. */
  readonly becomes: Endpoint;
  readonly conntrack: ConntrackView;
}

/** A packet that opens a connection enters a function of the kernel. */
export interface FunctionEvent extends EventBase, PacketFields, Placed {
  readonly kind: 'function';
  readonly skb: string | null;
  readonly socket: string | null;
  readonly function: string;
  /** The hook whose rules nf_hook_slow asks; null for every other function. */
  readonly hook: NetfilterHook | null;
}

/** The TCP stack answered this segment with a reset. */
export interface ResetEvent extends EventBase, PacketFields, Placed {
  readonly kind: 'reset';
  readonly skb: string | null;
  readonly socket: string | null;
}

/** The TCP stack sent a segment again. */
export interface RetransmitEvent extends EventBase {
  readonly kind: 'retransmit';
  readonly namespace: number;
  readonly socket: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly state: number;
}

/** Packets of one direction at one hop that were counted but not printed, because the budget was used up. */
export interface CounterEvent extends EventBase, Placed {
  readonly kind: 'counter';
  readonly direction: 'in' | 'out';
  readonly protocol: Protocol;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly packets: number;
  readonly bytes: number;
  /** Number of the capture's conversation that they belong to; only there. */
  readonly conversation?: number | undefined;
}

/** Final bytes of a relayed pair (see MoveEvent) or of one copied socket (see CopyEvent). */
export interface TotalEvent extends EventBase {
  readonly kind: 'total';
  readonly operation: 'move' | 'read' | 'write';
  readonly from: SocketPorts;
  /** The receiving socket of a `move`, null otherwise. */
  readonly to: SocketPorts | null;
  readonly bytes: number;
}

/** A socket by its kernel address and ports. Both are used again: its life tells one use from the next. */
export interface SocketPorts {
  readonly socket: string;
  readonly localPort: number;
  readonly remotePort: number;
  /** See CopyEvent. */
  readonly life?: number | undefined;
}

export type TraceEvent =
  | PacketEvent
  | DropEvent
  | StateEvent
  | AcceptEvent
  | MoveEvent
  | CopyEvent
  | AsideEvent
  | ForkEvent
  | NatEvent
  | FunctionEvent
  | ResetEvent
  | RetransmitEvent
  | CounterEvent
  | TotalEvent;

/** An event before it has its place in the order of the trace. */
export type Unnumbered<E = TraceEvent> = E extends TraceEvent ? Omit<E, 'id'> : never;
