/** Reads policy rules, routes, links, neighbours and traffic filters of one namespace from iproute2's JSON. */
import { canonicalAddress } from '../model/address.js';
import { parseRange } from '../model/range.js';
import type {
  ForwardingEntry,
  LinkFacts,
  Neighbour,
  PolicyRule,
  Route,
  TrafficFilter,
} from '../model/routing.js';

type Fields = Readonly<Record<string, unknown>>;

/** Reads `ip -j rule`; null for text that is no list of rules. */
export function parsePolicyRules(text: string, family: 4 | 6): PolicyRule[] | null {
  return parseList(text)?.flatMap((fields) => toPolicyRule(fields, family)) ?? null;
}

const ASKED = [
  ...['priority', 'not', 'src', 'srclen', 'dst', 'dstlen', 'fwmark', 'fwmask', 'iif', 'oif'],
  ...['iif_detached', 'oif_detached', 'uid_start', 'uid_end', 'ipproto', 'sport', 'dport'],
  ...['sport_start', 'sport_end', 'dport_start', 'dport_end', 'action', 'table', 'goto', 'nop'],
  ...['l3mdev', 'suppress_prefixlen', 'protocol', 'unresolved', 'flags'],
];

const REFUSALS = ['blackhole', 'unreachable', 'prohibit'] as const;

function toPolicyRule(fields: Fields, family: 4 | 6): PolicyRule[] {
  const { priority } = fields;
  if (typeof priority !== 'number') return [];
  const odd = Object.keys(fields).filter((key) => !ASKED.includes(key));
  const refusal = REFUSALS.find((name) => name === fields['action']) ?? null;
  const target = fields['goto'];
  const table = asText(fields['table']);
  const action =
    refusal ??
    ('l3mdev' in fields
      ? 'l3mdev'
      : target !== undefined
        ? 'goto'
        : table !== null
          ? 'lookup'
          : 'nop');
  const from = readNetwork(fields['src'], fields['srclen'], family);
  const to = readNetwork(fields['dst'], fields['dstlen'], family);
  // Null stands for all addresses: what cannot be read is not that.
  if (from === null && !isAll(fields['src'])) odd.push('src');
  if (to === null && !isAll(fields['dst'])) odd.push('dst');
  if (action === 'nop' && !('nop' in fields)) odd.push(asText(fields['action']) ?? 'action');
  const mark = toNumber(fields['fwmark']);
  return [
    {
      family,
      priority,
      not: 'not' in fields,
      action,
      from,
      to,
      mark: mark === null ? null : { value: mark, mask: toNumber(fields['fwmask']) ?? 0xffffffff },
      inDevice: asText(fields['iif']),
      outDevice: asText(fields['oif']),
      users: readSpan(fields['uid_start'], fields['uid_end']),
      protocol: asText(fields['ipproto']),
      sourcePorts: readPorts(fields, 'sport'),
      destinationPorts: readPorts(fields, 'dport'),
      table: action === 'lookup' ? table : null,
      target: toNumber(target),
      suppressed: toNumber(fields['suppress_prefixlen']),
      unknown: odd.length === 0 ? null : odd.map((key) => writeOdd(key, fields[key])).join(' '),
    },
  ];
}

function writeOdd(key: string, value: unknown): string {
  return value === null || value === undefined ? key : `${key} ${JSON.stringify(value)}`;
}

function isAll(address: unknown): boolean {
  return address === undefined || address === 'all';
}

/** Null for all addresses, and for what is no network. */
function readNetwork(address: unknown, length: unknown, family: 4 | 6): string | null {
  if (typeof address !== 'string' || address === 'all') return null;
  const all = family === 4 ? 32 : 128;
  const network = `${canonicalAddress(address)}/${typeof length === 'number' ? length : all}`;
  return parseRange(network) === null ? null : network;
}

function readPorts(fields: Fields, name: string): PolicyRule['users'] {
  return (
    readSpan(fields[name], fields[name]) ?? readSpan(fields[`${name}_start`], fields[`${name}_end`])
  );
}

function readSpan(low: unknown, high: unknown): PolicyRule['users'] {
  return typeof low === 'number' && typeof high === 'number' ? { low, high } : null;
}

/** Reads `ip -j route show table all`; null for text that is no list of routes, or where one cannot be read. */
export function parseAllRoutes(text: string, family: 4 | 6): Route[] | null {
  const routes = parseList(text)?.flatMap((fields) => toRoute(fields, family)) ?? null;
  return routes?.every(({ destination }) => parseRange(destination) !== null) ? routes : null;
}

function toRoute(fields: Fields, family: 4 | 6): Route[] {
  const { dst, metrics } = fields;
  if (typeof dst !== 'string') return [];
  // The IPv4 command also lists IPv6 routes that lead nowhere.
  if (dst !== 'default' && dst.includes(':') !== (family === 6)) return [];
  const any = family === 4 ? '0.0.0.0/0' : '::/0';
  const single = family === 4 ? '/32' : '/128';
  const hops = Array.isArray(fields['nexthops'])
    ? fields['nexthops'].filter(isFields)
    : 'dev' in fields
      ? [fields]
      : [];
  const first = Array.isArray(metrics) ? metrics.find(isFields) : undefined;
  return [
    {
      family,
      table: asText(fields['table']) ?? 'main',
      type: asText(fields['type']) ?? 'unicast',
      destination: dst === 'default' ? any : dst.includes('/') ? dst : dst + single,
      metric: toNumber(fields['metric']) ?? 0,
      source: toAddress(fields['prefsrc']),
      mtu: toNumber(first?.['mtu']),
      hops: hops.map((hop) => toHop(hop)),
      special: 'tos' in fields || 'from' in fields,
    },
  ];
}

function toHop(fields: Fields): Route['hops'][number] {
  const { via, flags } = fields;
  const other = isFields(via) ? via['host'] : undefined;
  return {
    device: asText(fields['dev']),
    gateway: toAddress(fields['gateway'] ?? other),
    down: includes(flags, 'linkdown'),
    dead: includes(flags, 'dead'),
  };
}

/** Reads `ip -j -d link`; null for text that is no list of devices. */
export function parseLinkFacts(text: string): LinkFacts[] | null {
  const list = parseList(text);
  if (!list) return null;
  const indices = new Map(list.map((fields) => [fields['ifname'], toNumber(fields['ifindex'])]));
  return list.flatMap((fields) => {
    const name = asText(fields['ifname']);
    const ifindex = toNumber(fields['ifindex']);
    if (name === null || ifindex === null) return [];
    const info = isFields(fields['linkinfo']) ? fields['linkinfo'] : {};
    const data = isFields(info['info_data']) ? info['info_data'] : {};
    const { flags } = fields;
    return [
      {
        name,
        ifindex,
        kind: asText(info['info_kind']),
        address: asText(fields['address']),
        mtu: toNumber(fields['mtu']),
        up: includes(flags, 'UP'),
        carrier: includes(flags, 'LOWER_UP'),
        master: asText(fields['master']),
        ...(usesNoArp(flags, info['info_kind']) ? { noArp: true as const } : {}),
        xdp: 'xdp' in fields,
        parent: toNumber(fields['link_index']) ?? indices.get(fields['link']) ?? null,
        mode: asText(data['mode']) ?? writeNumber(data['table']),
        port: info['info_slave_kind'] === 'bridge' ? toPort(info['info_slave_data']) : null,
        bridge: info['info_kind'] === 'bridge' ? toBridge(data) : null,
      },
    ];
  });
}

/** Tunnels (no BROADCAST flag) have no neighbours to ask, and a layer-3 ipvlan needs no ARP. */
function usesNoArp(flags: unknown, kind: unknown): boolean {
  return includes(flags, 'NOARP') && includes(flags, 'BROADCAST') && kind !== 'ipvlan';
}

function toPort(data: unknown): LinkFacts['port'] {
  const fields = isFields(data) ? data : {};
  const { state } = fields;
  // Older kernels do not report all of these flags.
  const floods = (name: string): boolean => fields[name] === undefined || isOn(fields[name]);
  return {
    hairpin: isOn(fields['hairpin']),
    isolated: isOn(fields['isolated']),
    locked: isOn(fields['locked']),
    forwards: state === undefined || state === 'forwarding',
    ...(!(floods('flood') || isOn(fields['learning'])) ||
    !floods('bcast_flood') ||
    !floods('mcast_flood')
      ? { floods: false as const }
      : {}),
  };
}

function toBridge(data: Fields): LinkFacts['bridge'] {
  return {
    vlans: isOn(data['vlan_filtering']),
    calls4: isOn(data['nf_call_iptables']),
    calls6: isOn(data['nf_call_ip6tables']),
  };
}

/** Reads `ip -j neigh`; null for text that is no list. */
export function parseNeighbours(text: string): Neighbour[] | null {
  return (
    parseList(text)?.flatMap((fields) => {
      const address = toAddress(fields['dst']);
      const device = asText(fields['dev']);
      if (address === null || device === null) return [];
      const { state } = fields;
      const states = Array.isArray(state) ? state.filter((one) => typeof one === 'string') : [];
      return [{ device, address, lladdr: asText(fields['lladdr']), state: states }];
    }) ?? null
  );
}

/** Reads `bridge -j fdb show`: entries of ports that were added by hand, without those of the ports' own addresses. */
export function parseForwarding(text: string): ForwardingEntry[] {
  return (parseList(text) ?? []).flatMap((fields) => {
    const [port, lladdr] = [asText(fields['ifname']), asText(fields['mac'])];
    const fixed = fields['state'] === 'static' && asText(fields['master']) !== null;
    return port !== null && lladdr !== null && fixed ? [{ port, lladdr }] : [];
  });
}

/** Devices that `tc -j qdisc` says may have filters, with the directions; null for text that is no list. */
export function parseFiltering(
  text: string,
): { device: string; direction: TrafficFilter['direction'] }[] | null {
  return (
    parseList(text)?.flatMap((fields) => {
      const device = asText(fields['dev']);
      const kind = asText(fields['kind']);
      if (device === null || kind === null) return [];
      if (kind === 'clsact') {
        return (['ingress', 'egress'] as const).map((direction) => ({ device, direction }));
      }
      return kind === 'ingress' ? [{ device, direction: 'ingress' as const }] : [];
    }) ?? null
  );
}

/** Kinds of the filters that `tc -j filter` lists; null for text that is no list. */
export function parseFilterKinds(text: string): string[] | null {
  const kinds = parseList(text)?.flatMap((fields) => asText(fields['kind']) ?? []);
  return kinds ? [...new Set(kinds)] : null;
}

/** An iproute2 command prints nothing, not even an empty list, when it has no entries. */
function parseList(text: string): Fields[] | null {
  if (text.trim() === '') return [];
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.filter(isFields) : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function toAddress(value: unknown): string | null {
  return typeof value === 'string' ? canonicalAddress(value) : null;
}

function toNumber(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^(0x[0-9a-f]+|\d+)$/i.test(value) ? Number(value) : null;
}

function writeNumber(value: unknown): string | null {
  return typeof value === 'number' ? String(value) : null;
}

function isOn(value: unknown): boolean {
  return value === true || value === 1;
}

function includes(list: unknown, word: string): boolean {
  return Array.isArray(list) && list.includes(word);
}
