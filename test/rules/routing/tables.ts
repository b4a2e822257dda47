/** Routing tables built by hand; a test names only what it is about. */
import type { LinkFacts, PolicyRule, Route, Routing } from '../../../src/model/routing.js';
import type { RouteQuery } from '../../../src/rules/evaluate/routing/lookup.js';

export function policy(
  priority: number,
  table: string,
  more: Partial<PolicyRule> = {},
): PolicyRule {
  return {
    family: 4,
    priority,
    not: false,
    from: null,
    to: null,
    mark: null,
    inDevice: null,
    outDevice: null,
    users: null,
    protocol: null,
    sourcePorts: null,
    destinationPorts: null,
    action: 'lookup',
    table,
    target: null,
    suppressed: null,
    unknown: null,
    ...more,
  };
}

/** The three rules that every host has. */
export const USUAL = [policy(0, 'local'), policy(32766, 'main'), policy(32767, 'default')];

export function route(
  destination: string,
  device: string | null,
  more: Partial<Route> = {},
): Route {
  const hops = device === null ? [] : [{ device, gateway: null, down: false, dead: false }];
  return {
    family: 4,
    table: 'main',
    type: 'unicast',
    destination,
    metric: 0,
    source: null,
    mtu: null,
    hops,
    special: false,
    ...more,
  };
}

export const OWN = route('198.51.100.1/32', 'ext0', { table: 'local', type: 'local' });

export function link(name: string, ifindex: number, more: Partial<LinkFacts> = {}): LinkFacts {
  return {
    name,
    ifindex,
    kind: null,
    address: null,
    mtu: 1500,
    up: true,
    carrier: true,
    master: null,
    xdp: false,
    parent: null,
    mode: null,
    port: null,
    bridge: null,
    ...more,
  };
}

export function routing(routes: Route[], more: Partial<Routing> = {}): Routing {
  return { rules: USUAL, routes, links: [], neighbours: [], filters: [], ...more };
}

/** From elsewhere to the host. */
export function flow(more: Partial<RouteQuery> = {}): RouteQuery {
  return {
    family: 4,
    protocol: 'tcp',
    source: '203.0.113.7',
    destination: '198.51.100.1',
    sourcePort: null,
    destinationPort: 8080,
    inDevice: 'ext0',
    outDevice: null,
    mark: 0,
    user: 0,
    ...more,
  };
}
