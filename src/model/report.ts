/** The `--json` document `trace-flow/1`, which all renderers draw from. */
import { z } from 'zod';
import { findingSchema } from './explain.js';
import { NETFILTER_HOOKS, TUNNELS } from './kernel-names.js';
import { ruleMetSchema } from './rule-trace.js';
import { BACKENDS, FAMILIES } from './rules.js';
import { crossingSchema, hostSeenSchema, partSchema } from './hosts.js';
import { headlineSchema, outcomeCountSchema } from './headline.js';
import { statisticsRowSchema } from './statistics.js';
import { runtimeFields } from './runtime.js';
import { END_CAUSES, ENDERS, ENDINGS, OUTCOMES, PATHS, PROOFS } from './verdict.js';

const endpoint = z.object({ address: z.string(), port: z.number().int().min(0).max(65535) });

/** `10.0.0.1:80` or `[::1]:80`. */
const endpointText = z.string();

const rewriting = z.object({
  hook: z.enum(['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING', 'reply']),
  from: endpointText,
  to: endpointText,
  /** Which side of the tuple was rewritten. */
  field: z.enum(['source', 'destination']),
});

/** One packet on its way: hops of a connection with one `id` are sightings of one packet. */
const journey = z.object({
  /** 1, 2, 3 … within the connection. */
  id: z.number().int().positive(),
  /** Index of this place on the packet's way, from 0; `passages` counts all places, unlisted ones included. */
  passage: z.number().int().nonnegative(),
  passages: z.number().int().positive(),
  /** Where it ended; `unknown` does not mean lost. */
  end: z.enum(['delivered', 'dropped', 'left', 'unknown']),
  /** The packet that a bridge copied this one from, or that this one is a segment of. */
  copyOf: z.number().int().positive().optional(),
});

const tunnelSchema = z.object({
  kind: z.enum(TUNNELS),
  /** VXLAN's and Geneve's network, GRE's key; null without one. */
  id: z.number().int().nonnegative().nullable(),
  from: z.string(),
  to: z.string(),
});

const hop = z.object({
  /** Number of the event; claims refer to it. */
  event: z.number().int().positive(),
  /** Wall-clock nanoseconds since 1970, as a string; for bytes in a relay, the latest time of their read. */
  time: z.string().regex(/^\d+$/),
  /** `host`, a container's name, or the name of another namespace; `unknown` when the source has none. */
  namespace: z.string(),
  /** Device name, or `process` for what a process did (accept, connect, splice …). */
  interface: z.string(),
  direction: z.enum(['in', 'out']).nullable(),
  source: endpointText,
  destination: endpointText,
  /** One line for people: `SYN seq 784296005`, `14 B`, `accept fd 3`, `splice 14 B`. */
  summary: z.string(),

  /** What kind of thing happened here. */
  kind: z.enum(['packet', 'nat', 'drop', 'reset', 'retransmit', 'process', 'relay']),
  /** Which part of the connection: the client's leg, or the relay's own leg to the container. */
  leg: z.enum(['client', 'container']),
  /** Who sent it: `request` from the client's side, `reply` from the server's side. */
  flow: z.enum(['request', 'reply']),
  /** Payload bytes (packets) or bytes moved (relay). */
  bytes: z.number().int().nonnegative(),
  /** TCP flags by name, e.g. ["SYN","ACK"]; empty for others. */
  flags: z.array(z.string()),
  /** Set on the first hop that shows this packet with other addresses than the hop before. */
  rewrite: rewriting.nullable(),
  /** The other side, where both were rewritten between two hops (a masqueraded hairpin). */
  secondRewrite: rewriting.optional(),
  /** The process that acted, where the source knows it for sure. */
  process: z.object({ pid: z.number().int(), command: z.string() }).nullable(),
  /** Opaque id of the skb: equal ids on neighbouring hops are the same packet. Null outside live traces. */
  skb: z.string().nullable(),
  /** TCP: bytes of its side's stream, from 0; the same on both legs of a relay. Only where the start was seen. */
  stream: z
    .object({ from: z.number().int().nonnegative(), to: z.number().int().nonnegative() })
    .optional(),
  /** Which packet was seen here; absent for what processes do. */
  journey: journey.optional(),
  /** 0: the client's own leg; n: the one that the n-th relay from the client dialled. Absent for bytes in a relay. */
  legNumber: z.number().int().nonnegative().optional(),
  /** For bytes in a relay: the number of the relay, 1 for the one nearest to the client. */
  relayNumber: z.number().int().positive().optional(),
  /** What a process did, and with which descriptor, where the call has one. */
  act: z
    .object({
      what: z.enum(['connect', 'accept', 'receive', 'splice', 'copy']),
      descriptor: z.number().int().nullable(),
    })
    .optional(),
  /** Why and where the kernel dropped the packet. */
  drop: z.object({ reason: z.string(), function: z.string() }).optional(),
  /**
   * The packet passed here inside a tunnel's packet from this end to that: `source` and `destination` are those of what
   * is inside.
   */
  inside: tunnelSchema.optional(),
  /** Name of the host that saw it; only where there are several. */
  host: z.string().optional(),
});

const evidence = z.object({
  /** Stable code of the claim, e.g. `conntrack-dnat`. */
  code: z.string(),
  claim: z.string(),
  /** true: seen; false: seen not to be; null: this source cannot know. */
  holds: z.boolean().nullable(),
  /** Numbers of the events that it rests on. */
  events: z.array(z.number().int().positive()),
  /** Name of the host that the claim is about; only where there are several. */
  host: z.string().optional(),
});

/** What was predicted from the host's rules, as they were when the trace began. */
const predicted = z.object({
  path: z.enum([...PATHS, 'dropped', 'refused', 'unknown']),
  /** The path up to where it is refused or dropped; null when it has none. */
  way: z.enum(PATHS).nullable(),
  /** Where it ends up, as far as that is known. */
  target: z.string().nullable(),
  /** The deciding rule as it is written, and where it is; null when no rule decides. */
  rule: z.string().nullable(),
  at: z
    .object({
      backend: z.enum(BACKENDS),
      family: z.enum(FAMILIES),
      table: z.string(),
      chain: z.string(),
    })
    .nullable(),
  /** The Service of Kubernetes that this rule belongs to, `NAMESPACE/NAME` or `NAMESPACE/NAME:PORT`. */
  service: z.string().optional(),
  why: z.string(),
  /** Null when it is the client's own address, or no server sees any. */
  sourceSeen: z.string().nullable(),
  /** Whether it came so; null where the prediction or the trace cannot tell. */
  agrees: z.boolean().nullable(),
  /** What stops it in routing, on the link or in the container; left out where a rule does, or nothing. */
  stop: z.object({ code: z.string(), why: z.string(), remedy: z.string() }).optional(),
});

const ruleMet = ruleMetSchema.extend({ leg: z.enum(['client', 'container']) });

const functionPassed = z.object({
  event: z.number().int().positive(),
  leg: z.enum(['client', 'container']),
  flow: z.enum(['request', 'reply']),
  namespace: z.string(),
  /** The packet's device; null where it has none yet. */
  interface: z.string().nullable(),
  function: z.string(),
  /** For nf_hook_slow: the hook whose rules are evaluated. */
  hook: z.enum(NETFILTER_HOOKS).nullable(),
});

const relay = z.object({
  pid: z.number().int().nullable(),
  command: z.string().nullable(),
  /** Its own endpoint towards the container, which the container sees as the client. */
  client: endpoint.nullable(),
});

/** How it ended, as far as the trace goes. */
const end = z.object({
  /**
   * `client`, `server`: that end, or what is beyond it. `host`: the host itself or one of its rules. `relay`: the relay
   * process. `network`: what lies between two hosts. Null where not known, or still open when the trace ended.
   */
  by: z.enum(ENDERS).nullable(),
  how: z.enum(ENDINGS).nullable(),
  /** The rule that ended it, as it is written; null where no rule did, or it is not known. */
  rule: z.string().nullable(),
  /** Where that rule is; left out where no rule is named. */
  at: z.object({ table: z.string(), chain: z.string() }).optional(),
  /**
   * `not-listening`: no socket was found there. `closed`: a socket that was there, or its process, closed it.
   * `rejected`, `filtered`: a rule, with or without an answer. `no-neighbour`: no hardware address was found for the
   * next hop. `too-big`: the packet exceeded an MTU on its way.
   */
  cause: z.enum(END_CAUSES).nullable(),
});

/** The handshake of the client's leg. */
const handshake = z.object({
  /** How often each was sent. */
  syn: z.number().int().nonnegative(),
  synAck: z.number().int().nonnegative(),
  /** Whether the client acknowledged the SYN+ACK; null where that could not be seen. */
  completed: z.boolean().nullable(),
});

/** A segment that was retransmitted and whose sender never learned that it arrived. */
const stall = z.object({
  leg: z.enum(['client', 'container']),
  flow: z.enum(['request', 'reply']),
  /** Its payload bytes, and how often it was sent. */
  length: z.number().int().positive(),
  sent: z.number().int().positive(),
  /** Payload bytes of the largest segment of that side before it; null without any. */
  passed: z.number().int().nullable(),
  /** The MTU that it exceeded, in bytes with the IP header; null where it was not dropped for its size. */
  mtu: z.number().int().nullable(),
});

const nanoseconds = z.number().int().nullable();

const timing = z.object({
  /** ISO 8601 with nanoseconds. */
  start: z.string().nullable(),
  /** Nanoseconds from the SYN to the client's ACK. */
  connect: nanoseconds,
  /** From the client's first payload to the server's first, where the client's was first seen. */
  firstReply: nanoseconds,
  /** From the first event of the connection to the last. */
  duration: nanoseconds,
  /** From the arrival of the first payload at the relay to its departure, the relay's dial included. */
  relay: nanoseconds,
});

const connection = z.object({
  id: z.number().int().positive(),
  protocol: z.enum(['tcp', 'udp']),
  client: endpoint,
  /** What the client dialled; null if not observable. */
  server: endpoint.nullable(),
  container: endpoint
    .extend({
      name: z.string(),
      /** Name of the host that it is on; only where there are several. */
      host: z.string().optional(),
      ...runtimeFields,
    })
    .nullable(),
  path: z.enum([...PATHS, 'unknown']),
  proof: z.enum(PROOFS),
  /** One sentence: why this path and this proof. */
  reason: z.string(),
  /** Codes of what keeps this path from being proven, or of why no path is found; left out where it is proven. */
  because: z.array(z.string()).optional(),
  outcome: z.enum(OUTCOMES),
  end,
  /** Null for datagrams, and where it began before the trace. */
  handshake: handshake.nullable(),
  /** Payload bytes that the other end acknowledged, on the client's leg; null where that could not be seen. */
  acknowledged: z
    .object({
      fromClient: z.number().int().nonnegative().nullable(),
      fromServer: z.number().int().nonnegative().nullable(),
    })
    .nullable(),
  stall: stall.nullable(),
  /** The last thing that reached the container where no answer came; left out where that is not known. */
  reached: z.enum(['datagrams', 'request', 'SYN']).optional(),
  nat: z
    .object({
      hook: z.enum(['PREROUTING', 'OUTPUT']).nullable(),
      original: z.string(),
      reply: z.string(),
      /** Where its packets go after the translation, `172.17.0.2:6379`. */
      target: endpointText,
      sourceRewritten: z.boolean(),
    })
    .nullable(),
  relay: relay.nullable(),
  /** All relays in the order from the client to the container; only where there are several. `relay` is the first. */
  relays: z.array(relay).optional(),
  drop: z
    .object({
      reason: z.string(),
      function: z.string(),
      after: z.string().nullable(),
      /** The netfilter hook whose rules dropped it; only where that was seen. */
      hook: z.enum(NETFILTER_HOOKS).optional(),
      /** Which way the packet went, and on which leg; left out where that is not known. */
      flow: z.enum(['request', 'reply']).optional(),
      leg: z.enum(['client', 'container']).optional(),
      packet: z.enum(['SYN', 'SYN+ACK', 'RST', 'FIN', 'ACK', 'data', 'datagram']).optional(),
      /** Its payload bytes. */
      length: z.number().int().nonnegative().optional(),
    })
    .nullable(),
  /** Tunnels that it was found in, the outermost first, as requests go through them; only where there are any. */
  via: z.array(tunnelSchema).optional(),
  bytes: z.object({ fromClient: z.number().int(), fromServer: z.number().int() }),
  timing,
  /** Segments that TCP retransmitted, on all legs; null where some may not have been seen. */
  retransmits: z.number().int().nonnegative().nullable(),
  /** The client's address as the server's socket sees it; null where that was not seen. */
  sourceSeen: z.string().nullable(),
  /** The process that dialled, and the one that accepted in the end, where known. */
  processes: z.object({
    client: z.object({ pid: z.number().int(), command: z.string() }).nullable(),
    server: z.object({ pid: z.number().int(), command: z.string() }).nullable(),
  }),
  /** Namespace that the client is in, by name; null if not seen. */
  clientNamespace: z.string().nullable(),
  evidence: z.array(evidence),
  why: z.string().nullable(),
  /** Left out where the rules were not read, or what was dialled is not known. */
  predicted: predicted.optional(),
  /** Rules of nftables that the first packet of each leg met, in order; only where they were traced (--trace-rules). */
  rules: z.array(ruleMet).optional(),
  /** Kernel functions that the first packets of each leg passed, in order; only where functions were probed. */
  functions: z.array(functionPassed).optional(),
  hops: z.array(hop),
  hopsOmitted: z.number().int().nonnegative(),
  /**
   * Legs, by `legNumber`, whose packets may not all be listed: they were only counted, or a device's budget was used up
   * (--budget). Left out where there are none.
   */
  unlistedLegs: z.array(z.number().int().nonnegative()).optional(),
  /** The verdict of each host, in order from the client; only where there are several hosts. */
  parts: z.array(partSchema).optional(),
  /** The ways between those hosts, and the way out of the last one where it was seen to leave. */
  crossings: z.array(crossingSchema).optional(),
});

export const reportSchema = z.object({
  schema: z.literal('trace-flow/1'),
  source: z.enum(['live', 'capture', 'recording']),
  target: z.object({
    ports: z.array(z.number().int()),
    protocol: z.enum(['tcp', 'udp', 'all']),
    containers: z.array(z.string()),
  }),
  verdict: z.object({
    path: z.enum([...PATHS, 'mixed', 'none']),
    proof: z.enum(PROOFS),
    /** Begins with what failed, if anything did. */
    reason: z.string(),
    /** What became of all of them; null without any. */
    outcome: z.enum([...OUTCOMES, 'mixed']).nullable(),
    /** The most frequent first. */
    counts: z.array(outcomeCountSchema),
    /** What to do about it: a sentence; null where nothing failed, or nothing is known to help. */
    remedy: z.string().nullable(),
    headline: headlineSchema,
  }),
  coverage: z.object({
    lostEvents: z.number().int().nonnegative(),
    /** Packet probe runs that the kernel skipped while another probe ran on that processor; only if there were any. */
    skippedRuns: z.number().int().positive().optional(),
    /**
     * For so many nanoseconds connections came too fast to list all their packets: only so many per direction and
     * device, and every SYN, FIN and RST. Left out if all were listed as usual.
     */
    reduced: z
      .object({ packets: z.number().int().positive(), duration: z.number().int().nonnegative() })
      .optional(),
    unparsedPackets: z.number().int().nonnegative(),
    truncated: z.boolean(),
    probes: z.object({
      attached: z.array(z.string()),
      missing: z.array(z.string()),
      /** How kernel functions were probed, apart from tracepoints, if they were. */
      profile: z.enum(['tracepoint', 'kprobe', 'fentry']).optional(),
    }),
    sealed: z.boolean(),
    /** What else limits this trace, one sentence each. */
    notes: z.array(z.string()),
    /** Captures of several files: how their clocks were set to the first one's. */
    clocks: z
      .array(
        z.object({
          file: z.string(),
          /** Nanoseconds that were added to its times; null when it shares no packet with the first. */
          shift: z.string().nullable(),
          /** Packets seen in both. */
          packets: z.number().int(),
        }),
      )
      .optional(),
  }),
  /** Namespaces and their devices in the order in which they are drawn, outermost client first. */
  places: z.array(
    z.object({
      namespace: z.string(),
      /** Name of its host; only where there are several. */
      host: z.string().optional(),
      role: z.enum(['host', 'container', 'other']),
      devices: z.array(
        z.object({
          name: z.string(),
          kind: z.string(),
          addresses: z.array(z.string()),
          peer: z.string().nullable(),
        }),
      ),
    }),
  ),
  /** Hosts that were traced, where there are several; clocks are set to the first one's. */
  hosts: z.array(hostSeenSchema).optional(),
  connections: z.array(connection),
  /** One row for each path, outcome and container, as in `verdict.counts`. */
  statistics: z.array(statisticsRowSchema),
  /** Where prediction and observation differ, with the likely cause; left out where the rules were not read. */
  findings: z
    .array(findingSchema.extend({ connections: z.array(z.number().int().positive()) }))
    .optional(),
});

export type Report = z.infer<typeof reportSchema>;
export type Connection = z.infer<typeof connection>;
export type Hop = z.infer<typeof hop>;
export type ReportFinding = NonNullable<Report['findings']>[number];
export type Predicted = z.infer<typeof predicted>;
export type Evidence = z.infer<typeof evidence>;
export type Verdict = Report['verdict'];
export type Coverage = Report['coverage'];
