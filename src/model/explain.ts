/** The `explain --json` document `trace-flow/explain/1`. */
import { z } from 'zod';
import type { Endpoint } from './address.js';
import { routingSchema } from './routing.js';
import { BACKENDS, FAMILIES, type Step } from './rules.js';
import { PATHS } from './verdict.js';

export const VANTAGES = [
  ...(['outside', 'loopback', 'own-address', 'loopback6'] as const),
  ...(['same-bridge', 'self', 'other-bridge', 'container-address'] as const),
] as const;
export type Vantage = (typeof VANTAGES)[number];

const prediction = z.object({
  vantage: z.enum(VANTAGES),
  /** Who connects: `outside`, `host`, `container NAME`. */
  from: z.string(),
  /** The container that connects; null for a client elsewhere. Left out by 0.2.0 and earlier versions. */
  client: z.string().nullable().optional(),
  /** What is dialled, `127.0.0.1:6379`. */
  to: z.string(),
  protocol: z.enum(['tcp', 'udp']),
  path: z.enum([...PATHS, 'dropped', 'refused', 'unknown']),
  /** The path up to where it was refused or dropped; null when it had none. */
  way: z.enum(PATHS).nullable(),
  /** Where it ends up, as far as that is known. */
  target: z.string().nullable(),
  /** The deciding rule as it is written; null when no rule decides. */
  rule: z.string().nullable(),
  /** The Service of Kubernetes that this rule belongs to, `NAMESPACE/NAME` or `NAMESPACE/NAME:PORT`. */
  service: z.string().optional(),
  why: z.string(),
  /** Null when it is the client's own address, or no server sees any. */
  sourceSeen: z.string().nullable(),
  obstacles: z.array(z.string()),
  /** What it would be by the rules that could be read; only where not all could, so that `path` is unknown. */
  byKnownRules: z.enum([...PATHS, 'dropped', 'refused']).optional(),
});

const explainedRule = z.object({
  backend: z.enum(BACKENDS),
  family: z.enum(FAMILIES),
  table: z.string(),
  chain: z.string(),
  rule: z.string(),
  meaning: z.string(),
  packets: z.number().int().nonnegative().nullable(),
});

export const findingSchema = z.object({
  code: z.string(),
  severity: z.enum(['error', 'warning', 'note']),
  evidence: z.string(),
  remedy: z.string(),
  /** The rule, the socket or the process that it is about, where it is about one. */
  about: z
    .object({
      rule: z.string().optional(),
      container: z.string().optional(),
      port: z.number().int().optional(),
      pid: z.number().int().optional(),
    })
    .optional(),
});

export const explanationSchema = z.object({
  schema: z.literal('trace-flow/explain/1'),
  engine: z
    .object({
      version: z.string().nullable(),
      firewall: z.enum(['iptables', 'nftables']).nullable(),
      userlandProxy: z.boolean().nullable(),
      because: z.string(),
    })
    .nullable(),
  bridges: z.array(
    z.object({
      name: z.string(),
      addresses: z.array(z.string()),
      members: z.array(
        z.object({
          interface: z.string(),
          ifindex: z.number().int(),
          peerIfindex: z.number().int().nullable(),
          peerName: z.string().nullable(),
          container: z.string().nullable(),
          address: z.string().nullable(),
        }),
      ),
    }),
  ),
  containers: z.array(
    z.object({
      name: z.string(),
      /** Inode of its network namespace. */
      namespace: z.number().int().nullable(),
      /** The pod that it is in; `NAMESPACE/NAME` of Kubernetes. */
      pod: z.string().optional(),
      /** It holds the namespaces of a pod and runs nothing else. */
      infra: z.literal(true).optional(),
      /** Project and service of Docker Compose. */
      compose: z.object({ project: z.string(), service: z.string() }).optional(),
      places: z.array(z.object({ bridge: z.string().nullable(), address: z.string() })),
      /** What decides in its own namespace; left out where that was not read. */
      inside: z
        .object({
          /** How many rules for packets it has; null where not all could be read. */
          rules: z.number().int().nonnegative().nullable(),
          routing: routingSchema,
          settings: z.record(z.string(), z.string()),
        })
        .optional(),
      published: z.array(
        z.object({
          protocol: z.enum(['tcp', 'udp']),
          hostAddress: z.string(),
          hostPort: z.number().int(),
          containerPort: z.number().int(),
        }),
      ),
    }),
  ),
  relays: z.array(
    z.object({
      pid: z.number().int(),
      command: z.string(),
      arguments: z.array(z.string()),
      protocol: z.enum(['tcp', 'udp']).optional(),
      listens: z.string(),
      target: z.string().nullable(),
    }),
  ),
  sockets: z.array(
    z.object({
      namespace: z.string(),
      protocol: z.enum(['tcp', 'udp']),
      address: z.string(),
      pid: z.number().int().nullable(),
      command: z.string().nullable(),
      /** The container whose process it is, where several share the namespace. */
      container: z.string().optional(),
    }),
  ),
  /** The ports whose sockets are listed; listeners on others are unknown. Missing in older documents. */
  socketPorts: z.array(z.number().int()).optional(),
  /** Names of the namespaces whose sockets could not be read; their listeners are unknown. Left out where all were. */
  socketsUnread: z.array(z.string()).optional(),
  host: z.object({
    devices: z.array(
      z.object({ name: z.string(), kind: z.string(), addresses: z.array(z.string()) }),
    ),
    routes: z.array(
      z.object({
        destination: z.string(),
        device: z.string(),
        gateway: z.string().nullable(),
        source: z.string().nullable(),
      }),
    ),
    /** Below /proc/sys/net, e.g. `ipv4/ip_forward`. */
    settings: z.record(z.string(), z.string()),
    /** Policy rules, routes of all tables, links and neighbours; older documents do not have it. */
    routing: routingSchema.optional(),
  }),
  rules: z.array(explainedRule),
  predictions: z.array(prediction),
  findings: z.array(findingSchema),
  /** What could not be read, one sentence each. */
  problems: z.array(z.string()),
});

export type Explanation = z.infer<typeof explanationSchema>;
export type Prediction = z.infer<typeof prediction>;
export type ExplainedRule = z.infer<typeof explainedRule>;
export type Finding = z.infer<typeof findingSchema>;

/** Why docker-proxy is assumed to be used or not. */
export type ProxyReason =
  | {
      readonly code: 'relay-runs';
      readonly command: string;
      readonly pid: number;
      readonly listens: Endpoint;
    }
  /** The rule for OUTPUT leaves loopback addresses to docker-proxy, or translates them too. */
  | { readonly code: 'loopback-spared' | 'loopback-translated'; readonly rule: string }
  | { readonly code: 'no-output-rule' | 'nothing-found' };

/** A rule that concerns a port, before it is put into words. */
export type ConcernedRule = Omit<ExplainedRule, 'meaning'> & {
  /** Null for a chain's policy, which drops. */
  readonly steps: readonly Step[] | null;
};
