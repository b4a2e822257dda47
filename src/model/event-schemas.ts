/** The schemas of all events: event.ts infers its types from them, and recordings are read through them. */
import { z } from 'zod';
import { ASIDES, NETFILTER_HOOKS, TUNNELS } from './kernel-names.js';
import { addressSchema, endpointSchema, portSchema, protocolSchema } from './address-schemas.js';

/** Nanoseconds that a double holds exactly: 104 days. */
const MOST_TIME = Number.MAX_SAFE_INTEGER;

const WHOLE = 'no whole number';
/** Times, sizes, counts, and numbers that the kernel gave. */
const whole = z.number().refine(Number.isSafeInteger, WHOLE);
/** Digests and the like: all 64 bits may be set, and none is added up. */
const wide = z.number().refine(Number.isInteger, WHOLE);
/** Kernel counts and sizes, and numbers of processes. */
const count = whole.nonnegative();
/** A 32-bit number of a TCP header. */
const sequence = z.number().int().min(0).max(0xffff_ffff);
/** Bytes of a packet: segments joined by the kernel have hundreds of thousands at most. */
const MOST_LENGTH = 16 * 1024 * 1024;

const base = {
  /** 1, 2, 3 … in order of time over the whole trace; evidence refers to it. */
  id: z.number().int().positive(),
  /** Nanoseconds since the trace's epoch (see TraceHeader.epoch). */
  time: whole.min(-MOST_TIME).max(MOST_TIME),
};

export const tupleSchema = z.object({ source: endpointSchema, destination: endpointSchema });

/** The kernel's conntrack entry as the packet carried it; tuples are in the entry's own direction. */
export const conntrackSchema = z.object({
  /** Kernel address of the entry: opaque, reused once the entry is gone. */
  id: z.string(),
  /** IPS_* bits (include/uapi/linux/netfilter/nf_conntrack_common.h). */
  status: count,
  original: tupleSchema,
  reply: tupleSchema,
});

/** What the headers of a packet say. Ports are 0 to 65535, sizes in bytes. */
export const packetFields = {
  protocol: protocolSchema,
  source: endpointSchema,
  destination: endpointSchema,
  /** TCP sequence and acknowledgement numbers (0 for UDP). */
  seq: sequence,
  ack: sequence,
  /** TCP flag bits (0 for UDP). */
  flags: z.number().int().min(0).max(0xffff),
  /** Payload bytes, of all segments when offload joined several. */
  length: z.number().int().min(0).max(MOST_LENGTH),
};

const placed = {
  /** Inode of the network namespace; null when the source cannot know. */
  namespace: z.number().int().nullable(),
  /** Index of the device inside that namespace; null when the source cannot know. */
  ifindex: z.number().int().nullable(),
};

const packet = {
  ...base,
  ...placed,
  /** Kernel address of the skb: the same along one way through the kernel, reused soon after. */
  skb: z.string().nullable(),
  /** Kernel address of the socket that sent it, where it is still attached. */
  socket: z.string().nullable(),
  ...packetFields,
};

/** A socket and its two ends, as the kernel held them at that moment. */
const ends = { socket: z.string(), local: endpointSchema, remote: endpointSchema };
export const socketEndsSchema = z.object(ends);

const task = {
  pid: count,
  tid: count,
  /** Name of the task. On state changes in interrupt context it is the interrupted task's. */
  command: z.string(),
};

/** A process's view of one of its sockets. `local`/`remote` may be unset (port 0) early in a connect. */
const socket = { ...task, ...ends, namespace: whole };

/** Bytes of this call, and of all calls so far for this pair or socket. */
const amounts = { bytes: count, total: count, calls: count };

/** A socket by its kernel address and ports. Both are reused; `life` tells one use from the next. */
export const socketPortsSchema = z.object({
  socket: z.string(),
  localPort: portSchema,
  remotePort: portSchema,
  /** See `copy`. */
  life: wide.optional(),
});

/** What the kernel has counted for one TCP socket (struct tcp_sock) since it was made. */
export const socketSumsSchema = z.object({
  /** Payload bytes that it sent, each once. */
  sent: whole,
  /** Payload bytes that it sent again. */
  sentAgain: whole,
  /** Bytes that the other end acknowledged. The SYN of the end that dialled and a FIN count as a byte each. */
  acknowledged: whole,
  /** Payload bytes that it received in order, each once. */
  received: whole,
  segmentsSent: whole,
  segmentsReceived: whole,
  /** Segments sent again, the SYN among them. */
  retransmits: whole,
});

const direction = z.enum(['in', 'out']);
/** Null when the kernel did not tell for certain. */
const hook = z.enum(NETFILTER_HOOKS).nullable();

export const EVENTS = {
  /** A packet leaving (`out`) a device or entering (`in`) the stack from one. */
  packet: z.object({
    kind: z.literal('packet'),
    ...packet,
    direction,
    conntrack: conntrackSchema.nullable(),
  }),
  /**
   * A packet of the flow, at a device that it passes inside another packet: that of a tunnel. Its own fields are those
   * of what is inside.
   */
  outer: z.object({
    kind: z.literal('outer'),
    ...packet,
    direction,
    tunnel: z.object({
      kind: z.enum(TUNNELS),
      /** Number of the network. */
      id: count,
      /** Ends of the tunnel, by the addresses of the outer packet. */
      from: addressSchema,
      to: addressSchema,
    }),
  }),
  /** A packet that the kernel dropped. */
  drop: z.object({
    kind: z.literal('drop'),
    ...packet,
    conntrack: conntrackSchema.nullable(),
    /** Name of the kernel's drop reason, e.g. NETFILTER_DROP. */
    reason: z.string(),
    /** Kernel function that dropped it. */
    function: z.string(),
    /** MTU of its route in bytes, IP header included; null without a route. Recordings before 0.2 lack it. */
    mtu: count.nullish(),
  }),
  /** The TCP stack answered this segment with a reset. */
  reset: z.object({ kind: z.literal('reset'), ...packet }),
  /** A NAT hook gives this packet another address; its own fields are those before. */
  nat: z.object({
    kind: z.literal('nat'),
    ...packet,
    hook,
    field: z.enum(['source', 'destination']),
    /** The new endpoint of that field. */
    becomes: endpointSchema,
    conntrack: conntrackSchema,
  }),
  /** A packet that opens a connection enters a function of the kernel. */
  function: z.object({
    kind: z.literal('function'),
    ...packet,
    function: z.string(),
    /** The hook whose rules nf_hook_slow asks; null for every other function. */
    hook,
  }),
  /** A TCP socket changes its state; `from` and `to` are equal where it was only looked at as the trace ended. */
  state: z.object({
    kind: z.literal('state'),
    ...base,
    ...socket,
    from: whole,
    to: whole,
    /** Only where the socket closes or was looked at; recordings before 0.2 lack them. */
    sums: socketSumsSchema.optional(),
  }),
  accept: z.object({ kind: z.literal('accept'), ...base, ...socket, fd: whole }),
  /** The TCP stack retransmitted a segment. */
  retransmit: z.object({
    kind: z.literal('retransmit'),
    ...base,
    ...ends,
    namespace: whole,
    state: whole,
  }),
  /** Bytes that a process moved out of one socket into another through a pipe (splice). */
  move: z.object({
    kind: z.literal('move'),
    ...base,
    ...task,
    ...amounts,
    /** Descriptors: the pipe that was read, the socket that was written. */
    fds: z.tuple([whole, whole]),
    from: socketEndsSchema,
    to: socketEndsSchema,
  }),
  /**
   * Bytes that a process read from or wrote to one socket by read/write/recv/send. `remote` of a datagram on an
   * unconnected socket is the peer that the call names; `local` may then be the unspecified address.
   * Recordings before 0.2 lack the fields with defaults, `tail` and `life`.
   */
  copy: z.object({
    kind: z.literal('copy'),
    ...base,
    ...task,
    ...amounts,
    ...ends,
    operation: z.enum(['read', 'write']),
    fd: whole,
    namespace: whole.nullable().default(null),
    protocol: protocolSchema.default('tcp'),
    /** Address in the process's memory that the bytes came to or went from. */
    buffer: z.string().default(''),
    /** Digest of the first eight bytes there. */
    mark: wide.default(0),
    /** The same of the last eight bytes; 0 where there are no more than eight. */
    tail: wide.optional(),
    /** Which use of this kernel address it is (see relay-copy.bt). */
    life: wide.optional(),
  }),
  /**
   * A process that serves the flow uses something else than the flow's connections that may pass bytes to another
   * process, by a read, write or other call. Regular files, eventfd, timers and the like are not reported.
   */
  aside: z.object({
    kind: z.literal('aside'),
    ...base,
    ...task,
    what: z.enum(ASIDES),
    operation: z.enum(['read', 'write', 'call']),
    /** Null for a call that has none, or several. */
    fd: whole.nullable(),
    bytes: count,
    /** Calls so far of this process, object and operation. */
    calls: count,
    /** Kernel address of the pipe or socket, and of the socket at its other end; `0` where there is none. */
    object: z.string(),
    peer: z.string(),
    /** Ends of a `socket`. */
    local: endpointSchema.nullable(),
    remote: endpointSchema.nullable(),
    /** Set on the count at the trace's end: calls beyond those that are reported one by one. */
    sum: z.boolean().optional(),
  }),
  /** A relay process forked another, which serves in its place. */
  fork: z.object({
    kind: z.literal('fork'),
    ...base,
    pid: count,
    child: count,
    command: z.string(),
  }),
  /** Packets of one direction at one hop that were counted but not printed, because the budget was used up. */
  counter: z.object({
    kind: z.literal('counter'),
    ...base,
    ...placed,
    direction,
    protocol: protocolSchema,
    source: endpointSchema,
    destination: endpointSchema,
    packets: count,
    bytes: count,
  }),
  /** Final bytes of a relayed pair (see `move`) or of one copied socket (see `copy`). */
  total: z.object({
    kind: z.literal('total'),
    ...base,
    operation: z.enum(['move', 'read', 'write']),
    from: socketPortsSchema,
    /** The receiving socket of a `move`, null otherwise. */
    to: socketPortsSchema.nullable(),
    bytes: count,
  }),
  /** From here on so many packets are listed per direction and device: fewer while very many lines are printed. */
  budget: z.object({
    kind: z.literal('budget'),
    ...base,
    budget: count,
  }),
};

/** One line of a recording between its header and its end. */
export const eventSchema = z.discriminatedUnion('kind', [
  EVENTS.packet,
  EVENTS.outer,
  EVENTS.drop,
  EVENTS.reset,
  EVENTS.nat,
  EVENTS.function,
  EVENTS.state,
  EVENTS.accept,
  EVENTS.retransmit,
  EVENTS.move,
  EVENTS.copy,
  EVENTS.aside,
  EVENTS.fork,
  EVENTS.counter,
  EVENTS.total,
  EVENTS.budget,
]);
