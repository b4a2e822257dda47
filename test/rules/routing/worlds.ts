/** Routing facts of the host of the recorded rule sets and of its container, to which tests add what they are about. */
import { parseAllRoutes, parsePolicyRules } from '../../../src/host/routing.js';
import type { LinkFacts, Routing } from '../../../src/model/routing.js';
import type { World, WorldContainer } from '../../../src/rules/evaluate/world.js';
import { FAR_BRIDGE, loadRules, makeWorld, NOTHING, redis } from '../evaluate/worlds.js';

type Json = Readonly<Record<string, unknown>>;

export interface Extra {
  /** As `ip -j rule` and `ip -j route show table all` print them. */
  readonly rules?: readonly Json[];
  readonly routes?: readonly Json[];
  readonly values?: Readonly<Record<string, string>>;
  readonly routing?: Partial<Routing>;
}

const USUAL: readonly Json[] = [
  { priority: 0, src: 'all', table: 'local' },
  { priority: 32766, src: 'all', table: 'main' },
  { priority: 32767, src: 'all', table: 'default' },
];

function link(name: string, ifindex: number, change: Partial<LinkFacts> = {}): LinkFacts {
  return {
    name,
    ifindex,
    kind: null,
    address: `02:00:00:00:00:0${ifindex}`,
    mtu: 1500,
    up: true,
    carrier: true,
    master: null,
    xdp: false,
    parent: null,
    mode: null,
    port: null,
    bridge: null,
    ...change,
  };
}

export const PORT = { hairpin: false, isolated: false, locked: false, forwards: true };

/** The host's end of the container's wire. */
export function port(change: Partial<LinkFacts> = {}): LinkFacts {
  return link('veth1', 7, { kind: 'veth', master: 'docker0', parent: 9, port: PORT, ...change });
}

const local = (dst: string, dev: string): Json => ({
  type: 'local',
  dst,
  dev,
  table: 'local',
  prefsrc: dst,
});

function makeRouting(
  devices: readonly string[],
  usual: readonly Json[],
  links: readonly LinkFacts[],
  { rules = [], routes = [], values = {}, routing = {} }: Extra,
): NonNullable<World['routing']> {
  const names = ['all', ...devices];
  const settings = ['rp_filter', 'accept_local', 'src_valid_mark', 'route_localnet'];
  const zero = names.flatMap((name) =>
    settings.map((setting) => [`ipv4/conf/${name}/${setting}`, '0'] as const),
  );
  const on = names.map((name) => [`ipv4/conf/${name}/forwarding`, '1'] as const);
  return {
    facts: {
      rules: parsePolicyRules(JSON.stringify([...USUAL, ...rules]), 4) ?? [],
      routes: parseAllRoutes(JSON.stringify([...usual, ...routes]), 4) ?? [],
      links: [...links],
      neighbours: [],
      filters: [],
      ...routing,
    },
    values: new Map([...zero, ...on, ['ipv4/ip_forward', '1'], ...Object.entries(values)]),
  };
}

/** @param inside what the container's namespace has beyond a default route to docker0. */
export function makeRouted(host: Extra = {}, inside: Extra = {}, rules = NOTHING): World {
  const { links: ports = [port()], ...routing } = host.routing ?? {};
  const plain = makeWorld(loadRules('docker-20.10-proxy.iptables'), true);
  const devices = ['lo', 'ext0', 'docker0', FAR_BRIDGE];
  const bridge = { vlans: false, calls4: false, calls6: false };
  const inner: World = {
    ...plain,
    rules,
    devices: [
      { name: 'lo', kind: 'loopback', networks: ['127.0.0.1/8'] },
      { name: 'eth0', kind: 'outside', networks: ['172.17.0.2/16'] },
    ],
    sockets: [redis()],
    relays: [],
    containers: [],
    published: [],
    userlandProxy: null,
    routing: makeRouting(
      ['lo', 'eth0'],
      [
        local('127.0.0.0/8', 'lo'),
        local('172.17.0.2', 'eth0'),
        { dst: '172.17.0.0/16', dev: 'eth0', prefsrc: '172.17.0.2' },
        { dst: 'default', gateway: '172.17.0.1', dev: 'eth0', metric: 9 },
      ],
      [link('lo', 1), link('eth0', 9, { kind: 'veth', parent: 7 })],
      inside,
    ),
  };
  const containers: WorldContainer[] = plain.containers.map((container) =>
    container.name === 'redis' ? { ...container, inside: inner } : container,
  );
  return {
    ...plain,
    containers,
    routing: makeRouting(
      devices,
      [
        local('127.0.0.0/8', 'lo'),
        local('198.51.100.1', 'ext0'),
        local('172.17.0.1', 'docker0'),
        local('172.30.0.1', FAR_BRIDGE),
        { dst: '198.51.100.0/24', dev: 'ext0', prefsrc: '198.51.100.1' },
        { dst: '172.17.0.0/16', dev: 'docker0', prefsrc: '172.17.0.1' },
        { dst: '172.30.0.0/16', dev: FAR_BRIDGE, prefsrc: '172.30.0.1' },
      ],
      [
        ...[link('lo', 1), link('ext0', 2)],
        link('docker0', 3, { kind: 'bridge', bridge }),
        link(FAR_BRIDGE, 4, { kind: 'bridge', bridge }),
        ...ports,
      ],
      { ...host, routing },
    ),
  };
}
