/** The lines of a recording that are events. */
import { z } from 'zod';
import { ASIDES, NETFILTER_HOOKS, type TraceEvent } from '../model/event.js';

export const endpoint = z.object({ address: z.string(), port: z.number().int().min(0).max(65535) });
export const protocol = z.enum(['tcp', 'udp']);
const tuple = z.object({ source: endpoint, destination: endpoint });
const base = { id: z.number().int().positive(), time: z.number() };
const packet = {
  ...base,
  namespace: z.number().int().nullable(),
  ifindex: z.number().int().nullable(),
  skb: z.string().nullable(),
  socket: z.string().nullable(),
  protocol,
  source: endpoint,
  destination: endpoint,
  seq: z.number(),
  ack: z.number(),
  flags: z.number(),
  length: z.number(),
};
const ends = { socket: z.string(), local: endpoint, remote: endpoint };
const task = { pid: z.number(), tid: z.number(), command: z.string() };
const birth = { pid: z.number(), child: z.number(), command: z.string() };
const amounts = { bytes: z.number(), total: z.number(), calls: z.number() };
const socketPorts = z.object({
  socket: z.string(),
  localPort: z.number(),
  remotePort: z.number(),
  life: z.number().optional(),
});
const conntrack = z.object({
  id: z.string(),
  status: z.number(),
  original: tuple,
  reply: tuple,
});
const socketSums = z.object({
  sent: z.number(),
  sentAgain: z.number(),
  acknowledged: z.number(),
  received: z.number(),
  segmentsSent: z.number(),
  segmentsReceived: z.number(),
  retransmits: z.number(),
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
    mtu: z.number().nullish(),
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
    namespace: z.number(),
    from: z.number(),
    to: z.number(),
    sums: socketSums.optional(),
  }),
  z.object({
    kind: z.literal('accept'),
    ...base,
    ...task,
    ...ends,
    namespace: z.number(),
    fd: z.number(),
  }),
  z.object({
    kind: z.literal('retransmit'),
    ...base,
    ...ends,
    namespace: z.number(),
    state: z.number(),
  }),
  z.object({
    kind: z.literal('move'),
    ...base,
    ...task,
    ...amounts,
    fds: z.tuple([z.number(), z.number()]),
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
    fd: z.number(),
    // Recordings of versions before 0.2 lack these.
    namespace: z.number().nullable().default(null),
    protocol: protocol.default('tcp'),
    buffer: z.string().default(''),
    mark: z.number().default(0),
    tail: z.number().optional(),
    life: z.number().optional(),
  }),
  z.object({
    kind: z.literal('aside'),
    ...base,
    ...task,
    what: z.enum(ASIDES),
    operation: z.enum(['read', 'write', 'call']),
    fd: z.number().nullable(),
    bytes: z.number(),
    calls: z.number(),
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
    namespace: z.number().nullable(),
    ifindex: z.number().nullable(),
    direction,
    protocol,
    source: endpoint,
    destination: endpoint,
    packets: z.number(),
    bytes: z.number(),
  }),
  z.object({
    kind: z.literal('total'),
    ...base,
    operation: z.enum(['move', 'read', 'write']),
    from: socketPorts,
    to: socketPorts.nullable(),
    bytes: z.number(),
  }),
]);
