/** Reads what decides about the routes of one network namespace, with one entry into it. */
import type { Routing } from '../model/routing.js';
import type { Run } from './command.js';
import {
  parseAllRoutes,
  parseFilterKinds,
  parseFiltering,
  parseLinkFacts,
  parseNeighbours,
  parsePolicyRules,
} from './routing.js';
import { parseSettings } from './settings.js';

export interface RoutingReading {
  readonly facts: Routing;
  /** Below /proc/sys/net: value by name. */
  readonly values: ReadonlyMap<string, string>;
}

/** Each command's output behind a line `@ NAME`; a constant. */
const SCRIPT = String.raw`
part() { echo "@ $1"; shift; "$@" 2>/dev/null; echo; }
part rules4 ip -4 -j rule
part rules6 ip -6 -j rule
part routes4 ip -4 -j route show table all
part routes6 ip -6 -j route show table all
part links ip -d -j link
part neighbours ip -j neigh
part qdiscs tc -j qdisc show
echo "@ settings"
cd /proc/sys/net && grep -sH . ipv4/ip_forward ipv6/conf/all/forwarding bridge/bridge-nf-call-iptables \
  bridge/bridge-nf-call-ip6tables ipv4/conf/*/route_localnet ipv4/conf/*/rp_filter ipv4/conf/*/forwarding \
  ipv4/conf/*/accept_local ipv4/conf/*/src_valid_mark ipv4/conf/*/arp_ignore \
  ipv6/conf/*/disable_ipv6 netfilter/nf_conntrack_count netfilter/nf_conntrack_max
echo "@ end"`;

const TIMEOUT = 5_000;

/**
 * @param path of the namespace; null for the own one.
 * @returns null where not all of it could be read.
 */
export async function readRouting(
  run: Run,
  path: string | null,
  signal?: AbortSignal,
): Promise<RoutingReading | null> {
  const enter = (...command: string[]) => {
    const [program = '', ...words] =
      path === null ? command : ['nsenter', `--net=${path}`, ...command];
    return run(program, words, { timeout: TIMEOUT, signal });
  };
  const result = await enter('sh', '-c', SCRIPT);
  const parts = splitParts(result.stdout);
  const facts = parts.has('end') ? parseFacts(parts) : null;
  if (!facts) return null;
  const { devices, ...rest } = facts;
  const filters =
    devices === null
      ? null
      : await Promise.all(
          devices.map(async ({ device, direction }) => {
            const { stdout } = await enter('tc', '-j', 'filter', 'show', 'dev', device, direction);
            // What cannot be read may be there.
            const kinds = parseFilterKinds(stdout) ?? ['filter'];
            return kinds.map((kind) => ({ device, direction, kind }));
          }),
        );
  return {
    facts: { ...rest, filters: filters?.flat() ?? null },
    values: parseSettings(parts.get('settings') ?? ''),
  };
}

function parseFacts(parts: ReadonlyMap<string, string>) {
  const get = (name: string): string => parts.get(name) ?? '';
  const [rules4, rules6] = ([4, 6] as const).map((family) =>
    parsePolicyRules(get(`rules${family}`), family),
  );
  const [routes4, routes6] = ([4, 6] as const).map((family) =>
    parseAllRoutes(get(`routes${family}`), family),
  );
  const links = parseLinkFacts(get('links'));
  const neighbours = parseNeighbours(get('neighbours'));
  // Every namespace has rules for IPv4 and a device: without them something could not be read.
  if (!rules4?.length || !rules6 || !routes4 || !routes6 || !links?.length || !neighbours) {
    return null;
  }
  return {
    rules: [...rules4, ...rules6],
    routes: [...routes4, ...routes6],
    ...{ links, neighbours, devices: readFiltering(get('qdiscs')) },
  };
}

/** Every namespace has a queue at least on lo: nothing at all means that tc is not installed. */
function readFiltering(text: string): ReturnType<typeof parseFiltering> {
  return text.trim() === '' ? null : parseFiltering(text);
}

export function splitParts(text: string): Map<string, string> {
  return new Map(
    text
      .split(/^@ /m)
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n');
        return end < 0
          ? ([part, ''] as const)
          : ([part.slice(0, end), part.slice(end + 1)] as const);
      }),
  );
}
