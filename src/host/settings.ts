/** Reads the routing state and settings of one network namespace, entering it once. */
import type { BpfPrograms } from '../model/bpf-programs.js';
import type { Routing, TrafficFilter } from '../model/routing.js';
import type { HostRoute, HostSettings } from '../model/settings.js';
import {
  DEVICE_SCRIPT,
  GROUP_SCRIPT,
  listParameters,
  parsePrograms,
  parseToolDevices,
  parseToolGroups,
} from './bpf-programs.js';
import type { RunCommand } from './command.js';
import {
  parseAllRoutes,
  parseFilterKinds,
  parseFiltering,
  parseForwarding,
  parseLinkFacts,
  parseNeighbours,
  parsePolicyRules,
} from './routing.js';

/** Prints each command's output after a line `@ NAME`; a constant. */
const SCRIPT = String.raw`
part() { echo "@ $1"; shift; "$@" 2>/dev/null; echo; }
part rules4 ip -4 -j rule
part rules6 ip -6 -j rule
part routes4 ip -4 -j route show table all
part routes6 ip -6 -j route show table all
part links ip -d -j link
part neighbours ip -j neigh
part forwarding bridge -j fdb show
part qdiscs tc -j qdisc show
if command -v perl >/dev/null; then
  echo "@ devices"; ip -o link 2>/dev/null | perl -e "$1" $2 2>/dev/null
  echo "@ groups"; perl -e "$3" $4 2>/dev/null
else
  part version bpftool -j version
  part net bpftool -j net show
  part tree bpftool -j cgroup tree
fi
echo "@ settings"
cd /proc/sys/net && grep -sH . ipv4/ip_forward ipv4/ip_local_port_range ipv6/conf/all/forwarding bridge/bridge-nf-call-iptables \
  bridge/bridge-nf-call-ip6tables ipv4/conf/*/route_localnet ipv4/conf/*/rp_filter ipv4/conf/*/forwarding \
  ipv4/conf/*/accept_local ipv4/conf/*/src_valid_mark ipv4/conf/*/arp_ignore ipv4/conf/*/proxy_arp \
  ipv6/conf/*/disable_ipv6 ipv6/conf/*/proxy_ndp netfilter/nf_conntrack_count netfilter/nf_conntrack_max
echo "@ end"`;

const TIMEOUT = 5_000;

/** @param path of the namespace; null for our own. */
export async function readSettings(
  run: RunCommand,
  path: string | null,
  signal?: AbortSignal,
): Promise<HostSettings> {
  const enter = (...command: string[]) => {
    const [program = '', ...words] =
      path === null ? command : ['nsenter', `--net=${path}`, '--', ...command];
    return run(program, words, { timeout: TIMEOUT, signal });
  };
  const words = listParameters(path === null ? 'self' : 'oldest');
  const asked = [DEVICE_SCRIPT, words?.devices, GROUP_SCRIPT, words?.groups];
  const texts = asked.map((part) => (typeof part === 'string' ? part : (part ?? []).join(' ')));
  const { stdout } = await enter('sh', '-c', SCRIPT, 'settings', ...texts);
  const parts = splitParts(stdout);
  const facts = parts.has('end') ? parseFacts(parts) : null;
  const values = parseSettings(parts.get('settings') ?? '');
  const filters = await readFilters(parts.get('qdiscs') ?? '', async (device, direction) => {
    return (await enter('tc', '-j', 'filter', 'show', 'dev', device, direction)).stdout;
  });
  return {
    values: values.size > 0 ? values : null,
    routes: listMainRoutes(facts?.routes ?? []),
    routing: facts && { ...facts, filters, programs: readPrograms(parts) },
  };
}

/** Null when not all of it could be read. */
function parseFacts(
  parts: ReadonlyMap<string, string>,
): Omit<Routing, 'filters' | 'programs'> | null {
  const get = (name: string): string => parts.get(name) ?? '';
  const [rules4, rules6] = ([4, 6] as const).map((family) =>
    parsePolicyRules(get(`rules${family}`), family),
  );
  const [routes4, routes6] = ([4, 6] as const).map((family) =>
    parseAllRoutes(get(`routes${family}`), family),
  );
  const links = parseLinkFacts(get('links'));
  const neighbours = parseNeighbours(get('neighbours'));
  const forwarding = parseForwarding(get('forwarding'));
  // Every namespace has IPv4 rules and a device: without them something could not be read.
  if (!rules4?.length || !rules6 || !routes4 || !routes6 || !links?.length || !neighbours) {
    return null;
  }
  return {
    rules: [...rules4, ...rules6],
    routes: [...routes4, ...routes6],
    links,
    neighbours,
    ...(forwarding.length > 0 && { forwarding }),
  };
}

/** Null when tc is not installed: every namespace has a queue at least on lo. */
async function readFilters(
  qdiscs: string,
  show: (device: string, direction: TrafficFilter['direction']) => Promise<string>,
): Promise<TrafficFilter[] | null> {
  const places = qdiscs.trim() === '' ? null : parseFiltering(qdiscs);
  if (places === null) return null;
  const found = await Promise.all(
    places.map(async ({ device, direction }) => {
      // A filter that cannot be read may exist.
      const kinds = parseFilterKinds(await show(device, direction)) ?? ['filter'];
      return kinds.map((kind) => ({ device, direction, kind }));
    }),
  );
  return found.flat();
}

function readPrograms(parts: ReadonlyMap<string, string>): BpfPrograms {
  const get = (name: string): string => parts.get(name) ?? '';
  if (parts.has('devices')) return parsePrograms(get('devices'), get('groups'));
  return {
    devices: parseToolDevices(get('version'), get('net')),
    groups: parseToolGroups(get('tree')),
  };
}

/** Routes of the main table that lead to one device. */
function listMainRoutes(routes: Routing['routes']): HostRoute[] {
  return routes.flatMap(({ table, type, destination, source, hops }): HostRoute[] => {
    const [hop] = hops;
    if (table !== 'main' || type !== 'unicast' || hop?.device == null) return [];
    return [{ destination, device: hop.device, gateway: hop.gateway, source }];
  });
}

/** Reads lines such as `ipv4/ip_forward:1`, one setting per line. */
export function parseSettings(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const at = line.lastIndexOf(':');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()] as const];
    }),
  );
}

function splitParts(text: string): Map<string, string> {
  const parts = text.split(/^@ /m).slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return end < 0 ? [part, ''] : [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}
