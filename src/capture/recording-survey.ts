/** Converts a rule survey to JSON and back: addresses as decimal text, compressed when there are many rules. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { addressSchema, networkSchema, portSchema } from '../model/address-schemas.js';
import { routingSchema } from '../model/routing.js';
import {
  BACKENDS,
  BIT_FIELDS,
  DISCOVERY,
  FAMILIES,
  HOOKS,
  type Match,
  type Step,
  type RuleVerdict,
} from '../model/rules.js';
import type { RuleSurvey } from '../model/survey.js';

const text = z.string();
const texts = z.array(text);
const count = z.number().int().nonnegative().nullable();
const number = text.regex(/^\d{1,39}$/).transform(BigInt);
const range = z
  .object({ family: z.literal([4, 6]), low: number, high: number })
  .refine(
    ({ family, low, high }) => low <= high && high < 1n << (family === 4 ? 32n : 128n),
    'no range of addresses',
  );
const portRange = z
  .object({ low: z.number().int(), high: z.number().int() })
  .refine(({ low, high }) => low <= high, 'a range that ends before it begins');

const not = z.boolean();
/** The first recordings stored a direction as a fact in text form. */
const DIRECTION = /^(?:--ctdir|ct direction) (original|reply)$/i;

const match: z.ZodType<Match> = z
  .discriminatedUnion('on', [
    z.object({ on: z.enum(['in-device', 'out-device', 'in-kind', 'out-kind']), not, names: texts }),
    z.object({
      on: z.enum([
        ...(['source', 'destination', 'original-source', 'original-destination'] as const),
        ...(['reply-source', 'reply-destination'] as const),
      ]),
      not,
      ranges: z.array(range),
      mask: number.exactOptional(),
    }),
    z.object({
      on: z.enum([
        ...(['source-port', 'destination-port', 'either-port', 'original-source-port'] as const),
        ...(['original-port', 'reply-source-port', 'reply-port'] as const),
      ]),
      not,
      ranges: z.array(portRange),
    }),
    z.object({
      on: z.literal('bits'),
      not,
      field: z.enum(BIT_FIELDS),
      mask: z.number().int(),
      flip: z.number().int(),
      ranges: z.array(portRange),
      text,
    }),
    z.object({ on: z.literal('direction'), not, reply: z.boolean() }),
    z.object({ on: z.literal('helper'), not, name: text }),
    z.object({
      on: z.enum(['protocol', 'family']),
      not,
      names: texts,
      connection: z.literal(true).exactOptional(),
    }),
    z.object({ on: z.literal('state'), not, names: texts }),
    z.object({
      on: z.enum(['mark', 'connection-mark']),
      not,
      value: z.number().int(),
      mask: z.number().int(),
    }),
    z.object({
      on: z.enum(['source-type', 'destination-type']),
      not,
      names: texts,
      here: z.literal(true).exactOptional(),
    }),
    z.object({ on: z.literal('tcp-flags'), not, among: texts, set: texts }),
    z.object({ on: z.enum(['chance', 'unknown', 'reverse-path']), not, text }),
    z.object({
      on: z.literal('fact'),
      not,
      holds: z.boolean(),
      text,
      discovers: z.array(z.enum(DISCOVERY)).exactOptional(),
    }),
    z.object({
      on: z.literal('one-of'),
      not,
      entries: z.array(z.array(z.lazy(() => match))),
      text,
    }),
    z.object({
      on: z.literal('set'),
      not,
      name: text,
      side: z.enum(['source', 'destination', 'other']),
      text,
    }),
  ])
  .transform((read): Match =>
    read.on === 'fact' && DIRECTION.test(read.text)
      ? { on: 'direction', reply: !read.holds, not: read.not }
      : read,
  );

const rewrite = { address: addressSchema.nullable(), port: portSchema.nullable() };
const verdict: z.ZodType<RuleVerdict> = z.discriminatedUnion('do', [
  z.object({ do: z.enum(['accept', 'drop', 'return', 'continue']) }),
  // The first recordings stored only the text.
  z.object({ do: z.literal('reject'), how: text, reset: z.boolean().default(false) }),
  z.object({ do: z.enum(['jump', 'goto']), chain: text }),
  z.object({ do: z.literal('dnat'), ...rewrite }),
  z.object({ do: z.literal('snat'), ports: z.boolean().exactOptional(), ...rewrite }),
  z.object({ do: z.literal('masquerade'), ports: z.boolean().exactOptional() }),
  z.object({ do: z.literal('redirect'), port: portSchema.nullable() }),
  z.object({ do: z.literal('unknown'), text, holds: z.literal(true).exactOptional() }),
]);

const step: z.ZodType<Step> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('match'), match }),
  z.object({ kind: z.literal('verdict'), verdict }),
  z.object({
    kind: z.literal('map'),
    entries: z.array(z.object({ matches: z.array(match), verdict })),
  }),
  z.object({
    kind: z.enum(['set-mark', 'set-connection-mark']),
    value: z.number().int().nullable(),
    mask: z.number().int(),
  }),
  // The first recordings had no masks: they copied whole marks.
  z.object({
    kind: z.enum(['save-mark', 'restore-mark']),
    from: z.number().int().default(0xffffffff),
    to: z.number().int().default(0xffffffff),
  }),
  z.object({ kind: z.literal('notrack') }),
  z.object({
    kind: z.literal('zone'),
    zone: z.number().int(),
    direction: z.enum(['original', 'reply']).nullable(),
  }),
  z.object({ kind: z.literal('helper'), name: text }),
  z.object({ kind: z.literal('offload'), text }),
  z.object({ kind: z.literal('note'), text }),
]);

const ruleSet = z.object({
  tables: z.array(
    z.object({
      backend: z.enum(BACKENDS),
      family: z.enum(FAMILIES),
      name: text,
      chains: z.array(
        z.object({
          name: text,
          base: z
            .object({
              hook: z.enum(HOOKS),
              type: z.enum(['filter', 'nat', 'route']),
              priority: z.number().int(),
              devices: texts.exactOptional(),
            })
            .nullable(),
          policy: z.enum(['accept', 'drop']),
          packets: count,
          rules: z.array(
            z.object({
              text,
              steps: z.array(step),
              packets: count,
              comment: text.nullable(),
              line: z.number().int().exactOptional(),
            }),
          ),
        }),
      ),
    }),
  ),
  notes: texts,
});

const plainSurvey: z.ZodType<RuleSurvey> = z.object({
  rules: ruleSet,
  complete: z.boolean(),
  settings: z
    .object({
      values: z
        .record(text, text)
        .transform((values) => new Map(Object.entries(values)))
        .nullable(),
      routes: z.array(
        z.object({
          destination: networkSchema,
          device: text,
          gateway: addressSchema.nullable(),
          source: addressSchema.nullable(),
        }),
      ),
      routing: routingSchema.nullable().exactOptional(),
    })
    .nullable(),
  changes: z
    .object({
      counted: z.array(
        z.object({
          backend: z.enum(BACKENDS),
          family: z.enum(FAMILIES),
          table: text,
          chain: text,
          rule: text,
          packets: z.number().int(),
        }),
      ),
      rules: ruleSet.nullable(),
    })
    .nullable(),
});

/** Characters of JSON above which a survey is compressed. */
const PLAIN = 64 * 1024;
/** The most bytes that a survey may have after decompression. */
const MOST = 64 * 1024 * 1024;

export const surveySchema = z.union([
  z.object({ gzip: text }).transform(({ gzip }, context) => {
    try {
      const bytes = gunzipSync(Buffer.from(gzip, 'base64'), { maxOutputLength: MOST });
      const result = plainSurvey.safeParse(JSON.parse(bytes.toString('utf8')));
      if (result.success) return result.data;
    } catch {
      // Reported below.
    }
    context.addIssue('the rules cannot be unpacked');
    return z.NEVER;
  }),
  plainSurvey,
]);

/** Packs a survey into the form that {@link surveySchema} reads. */
export function packSurvey(survey: RuleSurvey): unknown {
  const json = JSON.stringify(survey, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    return value instanceof Map ? (Object.fromEntries(value) as unknown) : value;
  });
  if (json.length <= PLAIN) return JSON.parse(json);
  return { gzip: gzipSync(json).toString('base64') };
}
