/** Finds faults of routing, of the link and of a container's own side. */
import type { Fault, StopFault } from '../../model/fault.js';
import type { StoppedForecast } from '../evaluate/predict.js';
import { writePolicyRule } from '../evaluate/routing/ip-text.js';
import { readSetting } from '../evaluate/routing/sysctl.js';
import type { RouteStop, StopCode } from '../evaluate/routing/stops.js';
import type { World } from '../evaluate/world.js';

/** The fault that each kind of stop is; null if it is no fault of the host. */
const FAULTS: Readonly<Record<StopCode, StopFault | null>> = {
  'no-route': 'route-missing',
  'refusing-route': 'route-refuses',
  'no-carrier': 'no-carrier',
  forwarding: 'forwarding-off',
  'rp-filter': 'rp-filter',
  'own-source': 'own-source',
  elsewhere: 'answer-elsewhere',
  gateway: 'gateway-elsewhere',
  neighbour: 'neighbour-fixed',
  discovery: 'neighbours-stopped',
  'bridge-port': 'bridge-port',
  macvlan: 'macvlan-host',
  filter: 'traffic-program',
  inside: 'inside-container',
  'odd-route': null,
  'odd-source': null,
  loopback: null,
  setting: null,
};

export function nameFault({ code }: RouteStop): StopFault | null {
  return FAULTS[code];
}

export function findRoutingFaults(world: World, stopped: readonly StoppedForecast[]): Fault[] {
  return [
    ...findStops(stopped),
    ...findFullConntrack(world),
    ...findSmallerWays(world),
    ...findPolicyRouting(world),
  ];
}

function findStops(stopped: readonly StoppedForecast[]): Fault[] {
  const found = new Map<string, Fault>();
  for (const { prediction, stop } of stopped) {
    if (!stop) continue;
    const code = nameFault(stop);
    const { vantage, to } = prediction;
    // Many hosts do without IPv6.
    if (!code || (stop.code === 'no-route' && vantage === 'loopback6')) continue;
    const why = stop.obstacle ?? stop.why;
    const key = JSON.stringify([code, why]);
    if (found.has(key)) continue;
    const severity = stop.end === 'unknown' ? 'warning' : 'error';
    found.set(key, { code, severity, vantage, to, stop: why });
  }
  return [...found.values()];
}

/** With a table as full as this, new connections are soon dropped. */
const NEARLY_FULL = 0.95;

function findFullConntrack({ routing }: World): Fault[] {
  if (!routing) return [];
  const count = readSetting(routing.values, 'netfilter/nf_conntrack_count');
  const most = readSetting(routing.values, 'netfilter/nf_conntrack_max');
  if (count === null || most === null || most === 0 || count < most * NEARLY_FULL) return [];
  return [
    {
      code: 'conntrack-full',
      severity: count >= most ? 'error' : 'warning',
      count,
      most,
    },
  ];
}

/** If the way out has a smaller MTU than the bridge and no ICMP message comes back, full-sized packets are lost. */
function findSmallerWays({ routing, devices }: World): Fault[] {
  if (!routing) return [];
  const { links, routes } = routing.facts;
  const sizeOf = (name: string): number | null =>
    links.find((link) => link.name === name)?.mtu ?? null;
  const ways = [
    ...new Set(
      routes
        .filter(({ type, destination }) => type === 'unicast' && /\/0$/.test(destination))
        .flatMap(({ hops }) => hops.flatMap(({ device }) => device ?? [])),
    ),
  ];
  const bridges = devices.filter(({ kind }) => kind === 'bridge');
  return bridges.flatMap(({ name }) => {
    const own = sizeOf(name);
    const smaller = ways.flatMap((way) => {
      const size = sizeOf(way);
      return own !== null && size !== null && size < own ? [{ device: way, mtu: size }] : [];
    });
    if (own === null || smaller.length === 0) return [];
    return [
      {
        code: 'mtu-smaller',
        severity: 'warning' as const,
        bridge: name,
        mtu: own,
        ways: smaller,
      },
    ];
  });
}

const USUAL = new Set(['local', 'main', 'default']);

function findPolicyRouting({ routing }: World): Fault[] {
  const rules = (routing?.facts.rules ?? []).filter(
    ({ table, action }) => action === 'lookup' && table !== null && !USUAL.has(table),
  );
  if (rules.length === 0) return [];
  return [{ code: 'policy-routing', severity: 'note', rules: rules.map(writePolicyRule) }];
}
