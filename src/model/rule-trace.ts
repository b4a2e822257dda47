/** The nftables rules that a packet met in order, as the kernel traces them. */
import { z } from 'zod';
import { endpointSchema, protocolSchema, type ReadonlyOf } from './address-schemas.js';

/** One rule that matched, or the policy at a chain's end. */
export const ruleMetSchema = z.object({
  /** `ip`, `ip6`, `inet`, `bridge` … */
  family: z.string(),
  table: z.string(),
  chain: z.string(),
  /** As nft writes it, without counts; null for the chain's policy. */
  rule: z.string().nullable(),
  /** `accept`, `drop`, `continue`, `jump DOCKER` … */
  verdict: z.string(),
});

/** Matches the tables that trace-flow adds to a host to trace rules. */
export const OWN_TABLE = /^trace-flow-\d+$/;

/** A packet and the rules that it met, with its addresses at the first hook. */
export const ruleTraceSchema = z.object({
  /** Wall-clock milliseconds since 1970 when it was reported: a little after it happened. */
  wall: z.number(),
  protocol: protocolSchema,
  source: endpointSchema,
  destination: endpointSchema,
  met: z.array(ruleMetSchema),
});

export type RuleTrace = ReadonlyOf<typeof ruleTraceSchema>;
