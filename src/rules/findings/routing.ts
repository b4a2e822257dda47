/** Faults of routing, of the wire and of a container's own side, each with its evidence and remedy. */
import type { Finding } from '../../model/explain.js';
import type { Stopped } from '../evaluate/predict.js';
import { writePolicyRule } from '../evaluate/routing/lookup.js';
import { readValue } from '../evaluate/routing/sysctl.js';
import type { Stop, StopCode } from '../evaluate/routing/stops.js';
import type { World } from '../evaluate/world.js';

/** What to do about each kind of stop; what only is not known needs no remedy of the host's. */
const REMEDIES: Readonly<Record<StopCode, { code: string; remedy: string } | null>> = {
  'no-route': {
    code: 'route-missing',
    remedy: 'add the route, or the default route, where it is missing: ip route add …',
  },
  'refusing-route': {
    code: 'route-refuses',
    remedy:
      'remove the route or the rule that says no (ip route show table all, ip rule), or add a more specific one',
  },
  'no-carrier': { code: 'no-carrier', remedy: 'look why the device has no link: ip link, dmesg' },
  forwarding: {
    code: 'forwarding-off',
    remedy: 'switch that setting on (sysctl -w SETTING=1), and keep it in /etc/sysctl.d',
  },
  'rp-filter': {
    code: 'rp-filter',
    remedy:
      'make it loose (sysctl -w net.ipv4.conf.DEVICE.rp_filter=2, and the one of all as well), or give the way back a route by the same device',
  },
  'own-source': {
    code: 'own-source',
    remedy: 'two machines have one address, or accept_local would have to be 1 on that device',
  },
  elsewhere: {
    code: 'answer-elsewhere',
    remedy:
      'look at the way of the answer (ip route get CLIENT from SERVER iif DEVICE), and route it back by the device that the request came by, if it must',
  },
  gateway: {
    code: 'gateway-elsewhere',
    remedy:
      "make the host the container's gateway: take it off the other network (docker network disconnect), or choose which network gives the gateway (gw-priority, since Docker 28)",
  },
  neighbour: {
    code: 'neighbour-fixed',
    remedy: 'remove the entry that was made by hand, so that the kernel asks: ip neigh del …',
  },
  'bridge-port': {
    code: 'bridge-port',
    remedy: 'look at the port: ip -d link show dev PORT, bridge link set dev PORT …',
  },
  macvlan: {
    code: 'macvlan-host',
    remedy: 'give the host a macvlan of its own on the same device, or dial from elsewhere',
  },
  filter: {
    code: 'traffic-program',
    remedy: 'look what it does: tc filter show dev DEVICE ingress, ip -d link show dev DEVICE',
  },
  inside: {
    code: 'inside-container',
    remedy:
      "look at the rules in the container's own namespace: nsenter -n -t PID nft list ruleset",
  },
  'odd-route': null,
  'odd-source': null,
  loopback: null,
  setting: null,
};

/** What to do about a stop; null for what only is not known. */
export function findRemedy({ code }: Stop): { code: string; remedy: string } | null {
  return REMEDIES[code];
}

export function findRoutingFaults(world: World, stopped: readonly Stopped[]): Finding[] {
  return [
    ...findStops(stopped),
    ...findFullConntrack(world),
    ...findSmallerWays(world),
    ...findPolicyRouting(world),
  ];
}

function findStops(stopped: readonly Stopped[]): Finding[] {
  const found = new Map<string, Finding>();
  for (const { prediction, stop } of stopped) {
    if (!stop) continue;
    const known = REMEDIES[stop.code];
    // Many hosts do without IPv6.
    if (!known || (stop.code === 'no-route' && prediction.vantage === 'loopback6')) continue;
    const { code, remedy } = known;
    const why = stop.obstacle ?? stop.why;
    const key = `${code} ${why}`;
    if (found.has(key)) continue;
    found.set(key, {
      code,
      severity: stop.end === 'unknown' ? 'warning' : 'error',
      evidence: `${why} (${prediction.vantage}, to ${prediction.to})`,
      remedy,
    });
  }
  return [...found.values()];
}

/** Of a table that is as full as this, new connections are soon dropped. */
const NEARLY_FULL = 0.95;

function findFullConntrack({ routing }: World): Finding[] {
  if (!routing) return [];
  const count = readValue(routing.values, 'netfilter/nf_conntrack_count');
  const most = readValue(routing.values, 'netfilter/nf_conntrack_max');
  if (count === null || most === null || most === 0 || count < most * NEARLY_FULL) return [];
  return [
    {
      code: 'conntrack-full',
      severity: count >= most ? 'error' : 'warning',
      evidence: `the table of connections holds ${count} of at most ${most}: when it is full, new connections are dropped`,
      remedy:
        'raise net.netfilter.nf_conntrack_max, and look who opens so many (conntrack -S, conntrack -L)',
    },
  ];
}

/** A way out with less room than the bridge makes full packets die of their size where no message comes back. */
function findSmallerWays({ routing, devices }: World): Finding[] {
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
      return own !== null && size !== null && size < own ? [`${way} (${size})`] : [];
    });
    if (own === null || smaller.length === 0) return [];
    return [
      {
        code: 'mtu-smaller',
        severity: 'warning' as const,
        evidence: `the MTU of ${name} is ${own}, and a default route leads by ${smaller.join(', ')}: full packets of containers need ICMP's word to become smaller`,
        remedy:
          'give the network the smaller MTU (com.docker.network.driver.mtu), or clamp the MSS: -j TCPMSS --clamp-mss-to-pmtu',
      },
    ];
  });
}

const USUAL = new Set(['local', 'main', 'default']);
/** Rules that are named. */
const NAMED = 3;

function findPolicyRouting({ routing }: World): Finding[] {
  const rules = (routing?.facts.rules ?? []).filter(
    ({ table, action }) => action === 'lookup' && table !== null && !USUAL.has(table),
  );
  if (rules.length === 0) return [];
  const named = rules.slice(0, NAMED).map((rule) => `"${writePolicyRule(rule)}"`);
  const more = rules.length > NAMED ? ` and ${rules.length - NAMED} more` : '';
  return [
    {
      code: 'policy-routing',
      severity: 'note',
      evidence: `routing rules decide before the main table, as VPNs such as WireGuard and Tailscale make them: ${named.join(', ')}${more}`,
      remedy: 'ask which one a packet takes: ip route get CLIENT from SERVER iif DEVICE',
    },
  ];
}
