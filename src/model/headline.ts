/** The headline of a report as data: what became of the traffic, who did it, where, by which rule, and what to do. */
import { z } from 'zod';
import { NETFILTER_HOOKS } from './event.js';
import { runtimeFields } from './runtime.js';
import { ENDINGS, END_CAUSES, ENDERS, OUTCOMES, PATHS } from './verdict.js';

const path = z.enum([...PATHS, 'unknown']);
const count = z.number().int().positive();
const port = z.number().int().min(0).max(65535);

/** How many connections took this path and came to this end. */
export const outcomeCountSchema = z.object({ path, outcome: z.enum(OUTCOMES), count });

/** Connections that failed in the same way, by the same cause, at the same place. */
const failure = z.object({
  count,
  /** Their ids, lowest first; of many only the first ones. */
  connections: z.array(z.number().int().positive()),
  outcome: z.enum(OUTCOMES).exclude(['answered']),
  path,
  protocol: z.enum(['tcp', 'udp']),
  /** Who ended it, how and why: as `end` of the connections. */
  by: z.enum(ENDERS).nullable(),
  how: z.enum(ENDINGS).nullable(),
  cause: z.enum(END_CAUSES).nullable(),
  /** The rule as it is written, with its chain and table; null where no rule did it, or it is not known. */
  rule: z.string().nullable(),
  table: z.string().nullable(),
  chain: z.string().nullable(),
  /** The netfilter hook whose rules dropped it; null where that was not seen. */
  hook: z.enum(NETFILTER_HOOKS).nullable(),
  /** The device that saw the packet last, and the kernel's own reason; null where no drop was seen. */
  after: z.string().nullable(),
  reason: z.string().nullable(),
  /** Which way the lost packet went: `request` to the server; null where that is not known. */
  flow: z.enum(['request', 'reply']).nullable(),
  /** The port that was dialled; null where that is not known. */
  dialled: port.nullable(),
  /** Its destination. */
  target: z
    .object({ name: z.string().nullable(), address: z.string(), port, ...runtimeFields })
    .nullable(),
  /** The relay, where there was one. */
  relay: z.object({ pid: z.number().int().nullable(), command: z.string().nullable() }).nullable(),
  /** True where the server agreed to the handshake and the client never acknowledged it. */
  halfOpen: z.boolean(),
  /** What reached the container where no answer came: `handshake` where its kernel agreed to the connection. */
  reached: z.enum(['datagrams', 'request', 'SYN', 'handshake']).optional(),
  /** True where something listens on that port, but on the container's own loopback only. */
  insideOnly: z.boolean().optional(),
  /** What stopped it according to the prediction, which agrees with what was seen; only where no rule did. */
  stop: z.object({ code: z.string(), why: z.string(), remedy: z.string() }).optional(),
  /** What the host's rules were predicted to do with it; only where no answer came and nothing seen explains why. */
  predicted: z
    .object({
      fate: z.enum(['dropped', 'refused']),
      chain: z.string().nullable(),
      rule: z.string().nullable(),
    })
    .optional(),
  /** The retransmitted segment: payload bytes, how often it was sent, and the MTU that it exceeded. */
  stall: z
    .object({
      length: z.number().int(),
      sent: z.number().int(),
      mtu: z.number().int().nullable(),
    })
    .nullable(),
});

/** How many connections took a path, with the hooks of its NAT. */
const way = z.object({ path, count, hooks: z.array(z.enum(['PREROUTING', 'OUTPUT'])) });

/** A client address that sockets of containers see. */
const seenSource = z.object({
  /** Null where clients of several addresses are each seen by their own. */
  address: z.string().nullable(),
  /** Whose address it is: the client's own, the relay's, or one that NAT put there. */
  of: z.enum(['client', 'relay', 'nat', 'other']),
  container: z.string().nullable(),
  count,
});

/** What is known of a port that leads to no container: none publishes it, or only at other addresses. */
const unpublished = z.object({
  port,
  /**
   * What is published instead, at most eight ports; `more` counts the others. Those that lead to the same port of a
   * container come first.
   */
  published: z.array(
    z.object({
      address: z.string(),
      port,
      container: z.string().nullable(),
      /** The container's port that it leads to. */
      inside: port.optional(),
    }),
  ),
  more: z.number().int().nonnegative(),
  /** Who listens on that port; null where that could not be looked up. */
  listens: z
    .array(
      z.object({
        namespace: z.string(),
        address: z.string(),
        command: z.string().nullable(),
        pid: z.number().int().nullable(),
      }),
    )
    .nullable(),
});

export const headlineSchema = z.object({
  /** `8080`, `80, 443`, a container's name, or `all ports`. */
  subject: z.string(),
  connections: z.number().int().nonnegative(),
  answered: z.number().int().nonnegative(),
  failed: z.number().int().nonnegative(),
  /** Largest groups first; at most eight. */
  failures: z.array(failure),
  /** All paths that were taken, also by failed connections; the most used first. */
  ways: z.array(way),
  sources: z.array(seenSource),
  /** A stable code, and a sentence for people; null where nothing failed, or nothing is known to help. */
  fix: z
    .object({
      code: z.string(),
      remedy: z.string(),
      /** The failures that it is about; left out where it is about all of them. */
      of: z.object({ count, outcomes: z.array(z.enum(OUTCOMES).exclude(['answered'])) }).optional(),
    })
    .nullable(),
  /** Null where the port is published at the dialled address, or where no engine could be asked. */
  unpublished: unpublished.nullable(),
});

export type OutcomeCount = z.infer<typeof outcomeCountSchema>;
export type Headline = z.infer<typeof headlineSchema>;
export type Failure = z.infer<typeof failure>;
export type Way = z.infer<typeof way>;
export type SeenSource = z.infer<typeof seenSource>;
export type Unpublished = z.infer<typeof unpublished>;
