/** The schema of statistics over many connections: one row for each path, outcome and container. */
import { z } from 'zod';
import { OUTCOMES, PATHS } from './verdict.js';

/** Nanoseconds; a whole number each. */
const quantiles = z.object({
  p50: z.number().int(),
  p95: z.number().int(),
  p99: z.number().int(),
  max: z.number().int(),
  /** How many connections have a known value. */
  count: z.number().int().positive(),
});

export const statisticsRowSchema = z.object({
  path: z.enum([...PATHS, 'unknown']),
  outcome: z.enum(OUTCOMES),
  /** Its name; null where it is not known or there is none. */
  container: z.string().nullable(),
  count: z.number().int().positive(),
  /** As `timing` of the connections; null where no connection has a known value. */
  connect: quantiles.nullable(),
  firstReply: quantiles.nullable(),
  duration: quantiles.nullable(),
  relay: quantiles.nullable(),
  /** Payload bytes; null where the sum exceeds the exact integers. */
  bytes: z.object({
    fromClient: z.number().int().nullable(),
    fromServer: z.number().int().nullable(),
  }),
  /** Retransmitted segments; null where the number is unknown for any connection. */
  retransmits: z.number().int().nullable(),
  /** Ids of the slowest, the slowest first: by the first reply, else by the handshake, else by how long it lasted. */
  slowest: z.array(z.number().int().positive()),
  /** The addresses that most of them came from. */
  clients: z.array(z.object({ address: z.string(), count: z.number().int().positive() })),
});

/** Times of which one is shown, the most telling one first. */
export const MEASURES = ['firstReply', 'connect', 'duration'] as const;
export type Measure = (typeof MEASURES)[number];

export type Quantiles = z.infer<typeof quantiles>;
export type StatisticsRow = z.infer<typeof statisticsRowSchema>;
