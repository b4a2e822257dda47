/** The schemas of what a report says about several hosts: clocks, each host's verdict, and the ways between them. */
import { z } from 'zod';
import { OUTCOMES, PATHS, PROOFS } from './verdict.js';

/** Lower and upper bound in nanoseconds; the clocks leave open what lies between. */
const between = z.object({ least: z.number().int(), most: z.number().int() });

/** The way from one host to the next. */
export const crossingSchema = z.object({
  from: z.string(),
  /** Null where no host is known to have its destination. */
  to: z.string().nullable(),
  /** Whether the connection reached the other host; false only where that host would have seen it. */
  reached: z.boolean().nullable(),
  /** Latency of the first packet in each direction that both hosts saw once; null where the clocks do not tell. */
  latency: z.object({ request: between.nullable(), reply: between.nullable() }),
  /** Packets that left one host and never reached the other; null where some may not have been listed. */
  lost: z.object({
    fromClient: z.number().int().nonnegative().nullable(),
    fromServer: z.number().int().nonnegative().nullable(),
  }),
});

/** The verdict of one host alone on the connection. */
export const partSchema = z.object({
  host: z.string(),
  path: z.enum([...PATHS, 'unknown']),
  proof: z.enum(PROOFS),
  outcome: z.enum(OUTCOMES),
  reason: z.string(),
});

export const hostSeenSchema = z.object({
  name: z.string(),
  clock: z.object({
    /** Nanoseconds that its clock is ahead of the first host's, and the largest error of that; null where not known. */
    offset: z.number().int().nullable(),
    error: z.number().int().nonnegative().nullable(),
  }),
  coverage: z.object({
    lostEvents: z.number().int().nonnegative(),
    skippedRuns: z.number().int().positive().optional(),
    truncated: z.boolean(),
    sealed: z.boolean(),
    notes: z.array(z.string()),
  }),
});

export type Crossing = z.infer<typeof crossingSchema>;
export type HostSeen = z.infer<typeof hostSeenSchema>;
