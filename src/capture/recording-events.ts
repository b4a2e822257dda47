/** The lines of a recording that are events. */
import { z } from 'zod';
import { canonicalAddress } from '../model/address.js';
import { ASIDES, NETFILTER_HOOKS, type TraceEvent } from '../model/event.js';

const MOST_KNOWN = 100_000;
/** Addresses that were looked at already, in canonical form: a recording has few, very often. */
const known = new Map<string, string>();

/** Text that is an address, made canonical. */
export const address = z.string().transform((text, context) => {
  const canonical = known.get(text) ?? canonicalAddress(text);
  if (canonical === null) {
    context.issues.push({ code: 'custom', message: 'no address', input: text });
    return z.NEVER;
  }
  if (known.size < MOST_KNOWN) known.set(text, canonical);
  return canonical;
});
export const endpoint = z.object({ address, port: z.number().int().min(0).max(65_535) });
/** Times, sizes and counts; some do not fit into a safe integer, none has a fraction. */
const whole = z.number().refine(Number.isInteger, 'no whole number');
/** Of a header of TCP, 32 bits. */
const sequence = z.number().int().min(0).max(0xffff_ffff);
export const protocol = z.enum(['tcp', 'udp']);
/** Bytes of a packet: segments joined by the kernel have hundreds of thousands at most. */
const MAX_LENGTH = 16 * 1024 * 1024;
const tuple = z.object({ source: endpoint, destination: endpoint });
const base = { id: z.number().int().positive(), time: whole };
const packet = {
  ...base,
  namespace: z.number().int().nullable(),
  ifindex: z.number().int().nullable(),
  skb: z.string().nullable(),
  socket: z.string().nullable(),
  protocol,
  source: endpoint,
  destination: endpoint,
  seq: sequence,
  ack: sequence,
  flags: z.number().int().min(0).max(0xffff),
  length: z.number().int().min(0).max(MAX_LENGTH),
};
const ends = { socket: z.string(), local: endpoint, remote: endpoint };
const task = { pid: whole, tid: whole, command: z.string() };
const birth = { pid: whole, child: whole, command: z.string() };
const amounts = { bytes: whole, total: whole, calls: whole };
const socketPorts = z.object({
  socket: z.string(),
  localPort: whole,
  remotePort: whole,
  life: whole.optional(),
});
const conntrack = z.object({
  id: z.string(),
  status: whole,
  original: tuple,
  reply: tuple,
});
const socketSums = z.object({
  sent: whole,
  sentAgain: whole,
  acknowledged: whole,
  received: whole,
  segmentsSent: whole,
  segmentsReceived: whole,
  retransmits: whole,
});
const direction = z.enum(['in', 'out']);
const hook = z.enum(NETFILTER_HOOKS).nullable();

/** One line of a recording between its header and its end. */
export const eventSchema: z.ZodType<TraceEvent> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('packet'),
    ...packet,
    direction,
    conntrack: conntrack.nullable(),
  }),
  z.object({
    kind: z.literal('drop'),
    ...packet,
    conntrack: conntrack.nullable(),
    reason: z.string(),
    function: z.string(),
    // Recordings of versions before 0.2 lack it.
    mtu: whole.nullish(),
  }),
  z.object({ kind: z.literal('reset'), ...packet }),
  z.object({
    kind: z.literal('nat'),
    ...packet,
    hook,
    field: z.enum(['source', 'destination']),
    becomes: endpoint,
    conntrack,
  }),
  z.object({ kind: z.literal('function'), ...packet, function: z.string(), hook }),
  z.object({
    kind: z.literal('state'),
    ...base,
    ...task,
    ...ends,
    namespace: whole,
    from: whole,
    to: whole,
    sums: socketSums.optional(),
  }),
  z.object({
    kind: z.literal('accept'),
    ...base,
    ...task,
    ...ends,
    namespace: whole,
    fd: whole,
  }),
  z.object({
    kind: z.literal('retransmit'),
    ...base,
    ...ends,
    namespace: whole,
    state: whole,
  }),
  z.object({
    kind: z.literal('move'),
    ...base,
    ...task,
    ...amounts,
    fds: z.tuple([whole, whole]),
    from: z.object(ends),
    to: z.object(ends),
  }),
  z.object({
    kind: z.literal('copy'),
    ...base,
    ...task,
    ...amounts,
    ...ends,
    operation: z.enum(['read', 'write']),
    fd: whole,
    // Recordings of versions before 0.2 lack these.
    namespace: whole.nullable().default(null),
    protocol: protocol.default('tcp'),
    buffer: z.string().default(''),
    mark: whole.default(0),
    tail: whole.optional(),
    life: whole.optional(),
  }),
  z.object({
    kind: z.literal('aside'),
    ...base,
    ...task,
    what: z.enum(ASIDES),
    operation: z.enum(['read', 'write', 'call']),
    fd: whole.nullable(),
    bytes: whole,
    calls: whole,
    object: z.string(),
    peer: z.string(),
    local: endpoint.nullable(),
    remote: endpoint.nullable(),
    sum: z.boolean().optional(),
  }),
  z.object({ kind: z.literal('fork'), ...base, ...birth }),
  z.object({
    kind: z.literal('counter'),
    ...base,
    namespace: whole.nullable(),
    ifindex: whole.nullable(),
    direction,
    protocol,
    source: endpoint,
    destination: endpoint,
    packets: whole,
    bytes: whole,
  }),
  z.object({
    kind: z.literal('total'),
    ...base,
    operation: z.enum(['move', 'read', 'write']),
    from: socketPorts,
    to: socketPorts.nullable(),
    bytes: whole,
  }),
]);
