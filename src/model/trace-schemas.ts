/** The schemas of a trace's header and tail, from which trace.ts infers its types. */
import { z } from 'zod';
import { addressSchema, endpointSchema, portSchema, protocolSchema } from './address-schemas.js';
import { WITNESSES } from './kernel-names.js';
import { ruleTraceSchema } from './rule-trace.js';
import { topologySchema } from './topology-schemas.js';

/** A port mapping: the endpoint that is dialled on the host, and the endpoint that it leads to. */
export const mappingSchema = z.object({
  protocol: protocolSchema,
  listens: endpointSchema,
  target: endpointSchema,
});

export const targetSchema = z.object({
  protocol: z.enum(['tcp', 'udp', 'all']),
  /** The ports that were asked for; all of `ports` when none were. In order, like the rest. */
  asked: z.array(portSchema),
  /** Every port that the filter in the kernel needs: published and container ports. */
  ports: z.array(portSchema),
  /** Names of the containers concerned. */
  containers: z.array(z.string()),
  /** Containers were asked for by name, so traffic of others is not asked for. */
  byName: z.literal(true).exactOptional(),
  /** Their addresses. */
  addresses: z.array(addressSchema),
  /** The port mappings concerned. */
  mappings: z.array(mappingSchema),
});

/** A header without its epoch and survey, which have their own forms. */
export const headerSchema = z.object({
  /** Version of the program that took it. */
  program: z.string(),
  target: targetSchema,
  /** Only connections of this client, if one was named. */
  client: addressSchema.nullable(),
  topology: topologySchema,
  probes: z.object({
    attached: z.array(z.string()),
    missing: z.array(z.string()),
    profile: z.enum(['tracepoint', 'kprobe', 'fentry']).optional(),
    /** Left out by recordings before version 0.2, which did not write it. */
    witnesses: z.array(z.enum(WITNESSES)).optional(),
  }),
  /**
   * Packets listed per direction and device of a TCP connection; later ones except SYN, FIN and RST are neither listed
   * nor counted. Events of the kind `budget` tell where it changed. Missing in captures, and in recordings before 0.2, which count the packets that they leave out.
   */
  budget: z.number().int().positive().optional(),
});

/** A part of a trace of which every event has come, whatever was lost before or after it. */
export const checkpointSchema = z.object({
  /** Event times. */
  from: z.number().int(),
  to: z.number().int(),
  /** Packet probe runs that were skipped meanwhile; only where there were any. */
  skippedRuns: z.number().int().positive().exactOptional(),
  /** Events were lost before it: what only a sum at the end shows may be missing. */
  afterLoss: z.literal(true).exactOptional(),
  /** It reaches the end of the trace, and the sums that were read there are whole too. */
  end: z.literal(true).exactOptional(),
});

export const tailSchema = z.object({
  lostEvents: z.number().int().nonnegative(),
  /** Packet probe runs that the kernel skipped while another probe ran on that processor; only where there were any. */
  skippedRuns: z.number().int().nonnegative().optional(),
  unparsedPackets: z.number().int().nonnegative(),
  /** The source ended before its end. */
  truncated: z.boolean(),
  /** Both seals held, see docs/how-it-works.md. */
  sealed: z.boolean(),
  /** Event times between which every probe was live; missing in recordings before 0.2 and in truncated ones. */
  span: z.object({ from: z.number().int(), to: z.number().int() }).exactOptional(),
  /** What is complete of it, in order; missing in recordings of earlier versions. Says nothing new where nothing was lost. */
  complete: z.array(checkpointSchema).exactOptional(),
  /** What else limits the trace, one sentence each. */
  notes: z.array(z.string()),
  /** Rules that first packets met; only where they were traced. */
  rules: z.array(ruleTraceSchema).optional(),
});
