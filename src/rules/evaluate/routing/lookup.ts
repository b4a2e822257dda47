/** Finds the route of a packet as the kernel does: policy rules by priority, each table by prefix and metric. */
import { isInNetwork } from '../../../model/range.js';
import type { Question } from '../../../model/question.js';
import type { PortRange } from '../../../model/rules.js';
import type { PolicyRule, Route, RouteHop, Routing } from '../../../model/routing.js';
import { writePolicyRule, writeRoute } from './ip-text.js';

/** What routing asks of a packet. */
export interface RouteQuery {
  readonly family: 4 | 6;
  readonly protocol: string;
  /** Null if none has been chosen yet. */
  readonly source: string | null;
  readonly destination: string;
  /** Null if unknown. */
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** The possible values of the port that is null; null or left out if those are unknown too. */
  readonly clientPorts?: PortRange | null;
  /** `lo` for packets that the host sends itself. */
  readonly inDevice: string;
  /** The device that the packet is bound to. */
  readonly outDevice: string | null;
  /** Null once a rule has set it to an unknown value. */
  readonly mark: number | null;
  /** Null if the owner of the socket is unknown. */
  readonly user: number | null;
}

/** Asks a question that cannot be answered here; later runs try the other answer. */
export type Ask = (about: Question) => boolean;

export type RouteDecision =
  | {
      readonly kind: 'route';
      readonly route: Route;
      /** The hops that the kernel may choose, at least one. */
      readonly hops: readonly RouteHop[];
      readonly rule: PolicyRule;
    }
  /** A route or a rule refuses the packet; `route` is null if the rule itself does. */
  | {
      readonly kind: 'refused';
      readonly how: 'blackhole' | 'unreachable' | 'prohibit';
      readonly route: Route | null;
      readonly rule: PolicyRule;
    }
  | { readonly kind: 'none' };

/** Jumps by `goto` only lead forwards, so a packet meets each rule at most once. */
export function lookUpRoute(routing: Routing, flow: RouteQuery, ask: Ask): RouteDecision {
  const rules = routing.rules
    .filter(({ family }) => family === flow.family)
    .toSorted((a, b) => a.priority - b.priority);
  let from = 0;
  for (const rule of rules) {
    if (rule.priority < from || !meets(rule, flow, ask)) continue;
    switch (rule.action) {
      case 'nop':
        continue;
      case 'goto':
        from = rule.target ?? 0;
        continue;
      case 'blackhole':
      case 'unreachable':
      case 'prohibit':
        return { kind: 'refused', how: rule.action, route: null, rule };
      case 'lookup':
      case 'l3mdev': {
        const table = rule.action === 'lookup' ? rule.table : findDomain(routing, flow);
        const decision = table === null ? null : lookIn(routing, { table, rule }, flow, ask);
        if (decision) return decision;
      }
    }
  }
  return { kind: 'none' };
}

/** Finds the table of the VRF of the packet's device. */
function findDomain({ links }: Routing, { inDevice, outDevice }: RouteQuery): string | null {
  for (const name of [outDevice, inDevice]) {
    const device = links.find((one) => one.name === name);
    const domain =
      device?.kind === 'vrf' ? device : links.find((one) => one.name === device?.master);
    if (domain?.kind === 'vrf') return domain.mode;
  }
  return null;
}

function meets(rule: PolicyRule, flow: RouteQuery, ask: Ask): boolean {
  const answers = [
    rule.inDevice === null || rule.inDevice === flow.inDevice,
    rule.outDevice === null || rule.outDevice === flow.outDevice,
    rule.to === null || isInNetwork(flow.destination, rule.to),
    rule.from === null || (flow.source !== null && isInNetwork(flow.source, rule.from)),
    rule.protocol === null || rule.protocol === flow.protocol,
    testPort(rule.sourcePorts, flow.sourcePort, flow),
    testPort(rule.destinationPorts, flow.destinationPort, flow),
    testUser(rule, flow),
    testMark(rule, flow),
    rule.unknown === null ? true : null,
  ];
  if (answers.includes(false)) return rule.not;
  if (!answers.includes(null)) return !rule.not;
  return ask({ code: 'routing-rule', rule: writePolicyRule(rule) });
}

function testPort(
  ports: PolicyRule['sourcePorts'],
  port: number | null,
  { clientPorts }: RouteQuery,
): boolean | null {
  if (ports === null) return true;
  if (port !== null) return ports.low <= port && port <= ports.high;
  if (!clientPorts) return null;
  if (ports.low <= clientPorts.low && clientPorts.high <= ports.high) return true;
  return ports.high < clientPorts.low || clientPorts.high < ports.low ? false : null;
}

function testUser({ users }: PolicyRule, { user }: RouteQuery): boolean | null {
  if (users === null || (users.low === 0 && users.high >= 4294967294)) return true;
  return user === null ? null : users.low <= user && user <= users.high;
}

function testMark({ mark }: PolicyRule, flow: RouteQuery): boolean | null {
  if (mark === null) return true;
  if (flow.mark === null) return null;
  return (flow.mark & mark.mask) >>> 0 === (mark.value & mark.mask) >>> 0;
}

/** Returns null if the table passes the packet on to the next rule. */
function lookIn(
  { routes }: Routing,
  { table, rule }: { readonly table: string; readonly rule: PolicyRule },
  flow: RouteQuery,
  ask: Ask,
): RouteDecision | null {
  const fitting = routes
    .filter(
      (route) =>
        route.family === flow.family &&
        route.table === table &&
        isInNetwork(flow.destination, route.destination),
    )
    .toSorted((a, b) => lengthOf(b) - lengthOf(a) || a.metric - b.metric);
  for (const route of fitting) {
    if (route.special && !ask({ code: 'route', route: writeRoute(route) })) continue;
    if (route.type === 'throw') return null;
    const how = route.type;
    if (how === 'blackhole' || how === 'unreachable' || how === 'prohibit') {
      return { kind: 'refused', how, route, rule };
    }
    const hops = route.hops.filter(
      ({ device, dead }) => !dead && (flow.outDevice === null || device === flow.outDevice),
    );
    if (hops.length === 0) continue;
    if (rule.suppressed !== null && lengthOf(route) <= rule.suppressed) return null;
    return { kind: 'route', route, hops, rule };
  }
  return null;
}

export function lengthOf({ destination }: Route): number {
  return Number(destination.slice(destination.indexOf('/') + 1));
}
