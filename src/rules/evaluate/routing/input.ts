/**
 * Decides whether the kernel takes in a packet on a device, and where it goes: first the source check, then the route.
 */
import { isLoopback } from '../../../model/address.js';
import { isInNetwork } from '../../../model/range.js';
import type { Routing } from '../../../model/routing.js';
import { lookUpRoute, type Ask, type RouteDecision, type RouteQuery } from './lookup.js';
import { readLargest, type Values } from './sysctl.js';

/** Why the kernel rejects a packet's source or destination. */
export type Martian =
  | { readonly code: 'rp-filter'; readonly mode: 1 | 2; readonly back: RouteDecision }
  /** The source is an address of this host. */
  | { readonly code: 'own-source' }
  /** The source or destination is in 127.0.0.0/8, on a device that may not route it. */
  | { readonly code: 'loopback' }
  /** No client can have such a source: the route back is not a unicast route. */
  | { readonly code: 'odd-source'; readonly back: RouteDecision }
  | { readonly code: 'unknown'; readonly setting: string; readonly device: string | null };

export type InputDecision =
  | { readonly kind: 'route'; readonly decision: RouteDecision }
  | { readonly kind: 'martian'; readonly martian: Martian };

/** The kernel checks sources only for IPv4; for IPv6 the route alone decides. */
export function findInput(
  routing: Routing,
  values: Values,
  flow: RouteQuery,
  ask: Ask,
): InputDecision {
  if (flow.family === 4 && (isLoopback(flow.destination) || isLoopback(flow.source ?? ''))) {
    const allowed = readLargest(values, 'route_localnet', flow.inDevice);
    if (allowed === null)
      return toMartian({ code: 'unknown', setting: 'route_localnet', device: null });
    if (allowed === 0) return toMartian({ code: 'loopback' });
  }
  const decision = lookUpRoute(routing, flow, ask);
  if (flow.family === 6 || flow.source === null || decision.kind !== 'route') {
    return { kind: 'route', decision };
  }
  const forwards = decision.route.type === 'unicast';
  const [hop] = decision.hops;
  const martian = checkSource({
    routing,
    values,
    flow,
    leaves: forwards ? (hop?.device ?? null) : null,
    ask,
  });
  return martian ? toMartian(martian) : { kind: 'route', decision };
}

function toMartian(martian: Martian): InputDecision {
  return { kind: 'martian', martian };
}

interface SourceCheck {
  readonly routing: Routing;
  readonly values: Values;
  readonly flow: RouteQuery;
  /** The device that the packet is forwarded to; null when it stays. */
  readonly leaves: string | null;
  readonly ask: Ask;
}

/**
 * Checks the source as `fib_validate_source` does: the reversed packet must leave by the device that it came in on
 * (strict), or by any (loose).
 */
function checkSource({ routing, values, flow, leaves, ask }: SourceCheck): Martian | null {
  const { inDevice, source } = flow;
  if (source === null || inDevice === 'lo') return null;
  const mode = readLargest(values, 'rp_filter', inDevice);
  if (mode === null) return { code: 'unknown', setting: 'rp_filter', device: inDevice };
  const local = readLargest(values, 'accept_local', inDevice);
  if (local === null) return { code: 'unknown', setting: 'accept_local', device: inDevice };
  if (mode === 0) {
    if (local !== 0) return null;
    // Without custom rules and local routes, the kernel checks only the host's addresses.
    if (!isCustom(routing)) return isOwn(routing, source) ? { code: 'own-source' } : null;
  }
  const marked = readLargest(values, 'src_valid_mark', inDevice);
  if (marked === null) return { code: 'unknown', setting: 'src_valid_mark', device: inDevice };
  const back = lookUpRoute(routing, turnRound(flow, leaves, marked !== 0), ask);
  if (back.kind !== 'route') return mode === 0 ? null : judge(mode, back);
  if (back.route.type !== 'unicast') {
    const taken = back.route.type === 'local' && local !== 0;
    if (!taken) {
      return back.route.type === 'local' ? { code: 'own-source' } : { code: 'odd-source', back };
    }
  }
  if (back.route.hops.some(({ device }) => device === inDevice)) return null;
  return mode === 1 ? judge(mode, back) : null;
}

function judge(mode: number, back: RouteDecision): Martian {
  return { code: 'rp-filter', mode: mode === 1 ? 1 : 2, back };
}

function turnRound(flow: RouteQuery, leaves: string | null, marked: boolean): RouteQuery {
  return {
    ...flow,
    source: flow.destination,
    destination: flow.source ?? flow.destination,
    sourcePort: flow.destinationPort,
    destinationPort: flow.sourcePort,
    inDevice: leaves ?? 'lo',
    outDevice: null,
    mark: marked ? flow.mark : 0,
  };
}

/** Whether there are rules beyond the three that every host has, or local routes in other tables. */
function isCustom({ rules, routes }: Routing): boolean {
  const usual = new Set(['0 local', '32766 main', '32767 default']);
  const own = rules.filter(
    ({ family, priority, table }) => family === 4 && !usual.has(`${priority} ${table ?? ''}`),
  );
  return (
    own.length > 0 ||
    routes.some(({ family, table, type }) => family === 4 && type === 'local' && table !== 'local')
  );
}

function isOwn({ routes }: Routing, address: string): boolean {
  return routes.some(
    ({ table, type, destination }) =>
      table === 'local' && type === 'local' && isInNetwork(address, destination),
  );
}
