/** The schemas of addresses, ports, endpoints and networks, which check that the values make sense. */
import { z } from 'zod';
import { canonicalAddress } from './address.js';
import { parseRange } from './range.js';

/** Most texts whose canonical form is cached: a trace has few addresses and many packets. */
const MOST_KNOWN = 10_000;
const known = new Map<string, string | null>();

function canonical(text: string): string | null {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size >= MOST_KNOWN) known.clear();
  const address = canonicalAddress(text);
  known.set(text, address);
  return address;
}

/** An IP address in any spelling, turned into canonical text. */
export const addressSchema = z.string().transform((text, context) => {
  const address = canonical(text);
  if (address !== null) return address;
  context.addIssue('no address');
  return z.NEVER;
});

export const portSchema = z.number().int().min(0).max(65535);

export const endpointSchema = z.object({ address: addressSchema, port: portSchema });

/** An address with its prefix length, `172.17.0.1/16`. */
export const networkSchema = z
  .string()
  .refine(
    (text) => !text.includes('-') && parseRange(text) !== null,
    'no address with a prefix length',
  );

export const protocolSchema = z.enum(['tcp', 'udp']);

/** The type that a schema reads, deeply read-only. */
export type ReadonlyOf<S extends z.ZodType> = Immutable<z.infer<S>>;

type Immutable<T> = T extends object ? { readonly [K in keyof T]: Immutable<T[K]> } : T;
