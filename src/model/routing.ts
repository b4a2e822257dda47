/** The schemas of what decides where a namespace's packets go: policy rules, routes, links, neighbours and filters. */
import { z } from 'zod';
import { addressSchema, networkSchema } from './address-schemas.js';
import { bpfProgramsSchema } from './bpf-programs.js';

const family = z.literal([4, 6]);
const span = z.object({ low: z.number(), high: z.number() });

/** A rule of `ip rule`; conditions that it does not have are null. */
const policyRule = z.object({
  family,
  priority: z.number().int().nonnegative(),
  not: z.boolean(),
  /** Networks with prefix length. */
  from: networkSchema.nullable(),
  to: networkSchema.nullable(),
  mark: z.object({ value: z.number(), mask: z.number() }).nullable(),
  inDevice: z.string().nullable(),
  outDevice: z.string().nullable(),
  users: span.nullable(),
  protocol: z.string().nullable(),
  sourcePorts: span.nullable(),
  destinationPorts: span.nullable(),
  action: z.enum([
    ...(['lookup', 'l3mdev', 'goto', 'nop'] as const),
    ...(['blackhole', 'unreachable', 'prohibit'] as const),
  ]),
  /** Of `lookup`. */
  table: z.string().nullable(),
  /** Of `goto`: a priority. */
  target: z.number().nullable(),
  /** Routes with a prefix of at most this length do not count. */
  suppressed: z.number().nullable(),
  /** The part of the rule that is not understood, as it is written; null where all is. */
  unknown: z.string().nullable(),
});
export type PolicyRule = z.infer<typeof policyRule>;

const routeHop = z.object({
  device: z.string().nullable(),
  gateway: addressSchema.nullable(),
  /** The device has no carrier. */
  down: z.boolean(),
  /** The kernel passes it over. */
  dead: z.boolean(),
});
export type RouteHop = z.infer<typeof routeHop>;

const route = z.object({
  family,
  /** A name or number, as `ip` prints it. */
  table: z.string(),
  /** `unicast`, `local`, `broadcast`, `blackhole`, `unreachable`, `prohibit`, `throw` and what else `ip` prints. */
  type: z.string(),
  /** With prefix length; the default is 0.0.0.0/0 or ::/0. */
  destination: networkSchema,
  metric: z.number(),
  source: addressSchema.nullable(),
  mtu: z.number().nullable(),
  /** More than one for a multipath route, none for one that leads nowhere. */
  hops: z.array(routeHop),
  /** Whether it asks for a type of service, which is not followed here. */
  special: z.boolean(),
});
export type Route = z.infer<typeof route>;

const link = z.object({
  name: z.string(),
  ifindex: z.number(),
  /** As `ip -d link` names it: veth, bridge, macvlan, wireguard …; null for a device of hardware and for lo. */
  kind: z.string().nullable(),
  /** Hardware address. */
  address: z.string().nullable(),
  mtu: z.number().nullable(),
  up: z.boolean(),
  carrier: z.boolean(),
  /** The bridge, bond or VRF that it belongs to. */
  master: z.string().nullable(),
  /** Whether a device that could ask for its neighbours is set not to; left out where it is not. */
  noArp: z.literal(true).optional(),
  /** Whether an XDP program is attached. */
  xdp: z.boolean(),
  /** ifindex of the device that it is stacked on or joined to, in its own namespace or another. */
  parent: z.number().nullable(),
  /** Mode of a macvlan or ipvlan; table of a VRF. */
  mode: z.string().nullable(),
  /** For a port of a bridge. */
  port: z
    .object({
      hairpin: z.boolean(),
      isolated: z.boolean(),
      locked: z.boolean(),
      forwards: z.boolean(),
      /** False where broadcast, multicast or unknown unicast frames do not go out by it; left out where they do. */
      floods: z.literal(false).optional(),
    })
    .nullable(),
  /** For a bridge. */
  bridge: z.object({ vlans: z.boolean(), calls4: z.boolean(), calls6: z.boolean() }).nullable(),
});
export type LinkFacts = z.infer<typeof link>;

const neighbour = z.object({
  device: z.string(),
  address: addressSchema,
  lladdr: z.string().nullable(),
  state: z.array(z.string()),
});
export type Neighbour = z.infer<typeof neighbour>;

/** A static entry of a bridge's forwarding table: the port for frames to a hardware address. */
const forwarded = z.object({ port: z.string(), lladdr: z.string() });
export type ForwardingEntry = z.infer<typeof forwarded>;

const filter = z.object({
  device: z.string(),
  direction: z.enum(['ingress', 'egress']),
  /** `bpf`, `u32`, `flower` … */
  kind: z.string(),
});
export type TrafficFilter = z.infer<typeof filter>;

export const routingSchema = z.object({
  rules: z.array(policyRule),
  routes: z.array(route),
  links: z.array(link),
  neighbours: z.array(neighbour),
  /** Left out where there are none, or they could not be asked for. */
  forwarding: z.array(forwarded).optional(),
  /** Null where they could not be asked for. */
  filters: z.array(filter).nullable(),
  /** Left out where they were not asked for. */
  programs: bpfProgramsSchema.optional(),
});
export type Routing = z.infer<typeof routingSchema>;
