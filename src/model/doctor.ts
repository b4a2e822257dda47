/** The `doctor --json` document `trace-flow/doctor/1`: what a machine can do, and how to fix what is missing. */
import { z } from 'zod';

const check = z.object({
  /** Stable, such as `btf`. */
  code: z.string(),
  /** `missing` stops live tracing, `warning` limits it or is worth knowing. */
  status: z.enum(['ok', 'warning', 'missing']),
  /** What was found, as a sentence without its full stop. */
  finding: z.string(),
  /** What to do about it; null when nothing is to be done. */
  remedy: z.string().nullable(),
});

export const doctorSchema = z.object({
  schema: z.literal('trace-flow/doctor/1'),
  /** Whether live tracing works here. */
  canTrace: z.boolean(),
  summary: z.string(),
  machine: z.object({
    platform: z.string(),
    architecture: z.string(),
    /** Kernel release, such as `6.1.0-18-amd64`. */
    kernel: z.string(),
    /** Version of bpftrace; null when it did not tell. */
    bpftrace: z.string().nullable(),
    /** Kernel lockdown mode; null when it cannot be read. */
    lockdown: z.string().nullable(),
    /** Whether the kernel has kprobes; null when it cannot be told. */
    kprobes: z.boolean().nullable(),
    conntrack: z.enum(['built-in', 'module', 'absent']),
    missingTracepoints: z.array(z.string()),
  }),
  engine: z
    .object({
      version: z.string(),
      product: z.enum(['docker', 'podman']).nullable(),
      address: z.string().nullable(),
      /** Whether published ports also have a docker-proxy; null when nothing shows it. */
      userlandProxy: z.boolean().nullable(),
      relays: z.array(z.number().int()),
    })
    .nullable(),
  checks: z.array(check),
  /** Tracers whose trace-flow has ended, by pid. */
  strayTracers: z.array(z.number().int()),
  /** Labs whose trace-flow has ended, by id. */
  staleLabs: z.array(z.string()),
  /** What `--clean` ended and removed. */
  cleaned: z.object({ tracers: z.array(z.number().int()), labs: z.array(z.string()) }),
});

export type DoctorReport = z.infer<typeof doctorSchema>;
export type Check = z.infer<typeof check>;
