/** Rules of nftables that a packet met one after the other, as the kernel itself traces them. */
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

/** Tables that a trace-flow has put into a host to trace rules: none of the host's own. */
export const OWN_TABLE = /^trace-flow-\d+$/;

/** A packet, with the addresses that it came to the first hook with. */
export const ruleTraceSchema = z.object({
  /** Wall-clock milliseconds since 1970 when it was told: a little after it happened. */
  wall: z.number(),
  protocol: protocolSchema,
  source: endpointSchema,
  destination: endpointSchema,
  met: z.array(ruleMetSchema),
});

export type RuleTrace = ReadonlyOf<typeof ruleTraceSchema>;
