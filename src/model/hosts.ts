/** What a report says of several hosts: their clocks, what each alone says, and the ways between them. */
import { z } from 'zod';
import { OUTCOMES, PATHS, PROOFS } from './verdict.js';

/** From the least to the most that it can be, in nanoseconds: what the clocks leave open lies between. */
const between = z.object({ least: z.number().int(), most: z.number().int() });

/** The way from one host to the next. */
export const crossingSchema = z.object({
  from: z.string(),
  /** Null where no host is known to have its destination. */
  to: z.string().nullable(),
  /** Whether it came there; false only where the other host would have seen it. */
  reached: z.boolean().nullable(),
  /** Between both hosts: of the first packet each way that both saw once; null where the clocks do not tell. */
  latency: z.object({ request: between.nullable(), reply: between.nullable() }),
  /** Packets that left one host and never reached the other; null where some may not have been listed. */
  lost: z.object({
    fromClient: z.number().int().nonnegative().nullable(),
    fromServer: z.number().int().nonnegative().nullable(),
  }),
});

/** What one host alone says of it. */
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
    /** Nanoseconds that its clock is ahead of the first host's, and the most that this may be wrong; null where not known. */
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
