/** CNI's bridge and portmap with bare namespaces, as nerdctl and the hostPort of Kubernetes use them: no engine, no names but theirs. */
import { INNER, PUBLISHED, type Engine, type Prepared } from '../engine.js';
import type { EngineHost } from '../host.js';
import { IMAGE_FILE, writeImage } from '../image.js';
import { answerDatagrams, awaitListener } from '../servers.js';
import { listWays, onlyRules, type Place } from '../ways.js';
import { SERVER } from './docker.js';

export const RANGE = { subnet: '10.22.0.0/24', gateway: '10.22.0.1' };
export const PLUGINS = '/usr/lib/cni';

/** What the bridge plugin is given. */
export const BRIDGE = {
  type: 'bridge',
  bridge: 'cni0',
  isGateway: true,
  ipMasq: true,
  hairpinMode: true,
  ipam: {
    type: 'host-local',
    ranges: [[RANGE]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: '/run/cni',
  },
};

/** What the portmap plugin is given. */
export const MAPPINGS = (['tcp', 'udp'] as const).map((protocol) => ({
  hostPort: PUBLISHED[protocol],
  containerPort: INNER[protocol],
  protocol,
}));

/** Calls a plugin as a runtime does. @returns what it says on standard output */
async function callPlugin(
  host: EngineHost,
  plugin: string,
  { id, config, version }: { id: string; config: object; version: string },
): Promise<string> {
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: id,
    CNI_NETNS: `/run/netns/${id}`,
    CNI_IFNAME: 'eth0',
    CNI_PATH: PLUGINS,
  };
  const input = JSON.stringify({ cniVersion: version, name: 'web', ...config });
  return (await host.exec([`${PLUGINS}/${plugin}`], { input, env })).stdout;
}

type Backend = 'iptables' | 'nftables';

/** @param backend of both plugins, from 1.6 on; iptables where it is not named */
async function addNamespace(
  host: EngineHost,
  { id, ports, backend }: { id: string; ports: readonly object[]; backend: Backend | null },
): Promise<Place> {
  await host.exec(['ip', 'netns', 'add', id]);
  await host.exec(['ip', '-n', id, 'link', 'set', 'lo', 'up']);
  const bridge = { ...BRIDGE, ...(backend && { ipMasqBackend: backend }) };
  const version = backend === null ? '0.4.0' : '1.0.0';
  const text = await callPlugin(host, 'bridge', { id, config: bridge, version });
  const prevResult = JSON.parse(text) as { ips: { address: string }[] };
  const portMappings = {
    capabilities: { portMappings: true },
    runtimeConfig: { portMappings: ports },
  };
  await callPlugin(host, 'portmap', {
    id,
    config: {
      type: 'portmap',
      snat: true,
      ...(backend && { backend }),
      ...portMappings,
      prevResult,
    },
    version,
  });
  const ipv4 = prevResult.ips[0]?.address.split('/')[0] ?? '';
  return { from: { netns: host.path(`/run/netns/${id}`) }, ipv4, gateway: RANGE.gateway };
}

async function prepare(host: EngineHost, backend: Backend | null): Promise<Prepared> {
  const redis = await addNamespace(host, { id: 'redis', ports: MAPPINGS, backend });
  const near = await addNamespace(host, { id: 'near', ports: [], backend });
  await writeImage(host);
  await host.shell(`mkdir -p /image && tar -C /image -xf ${IMAGE_FILE}`);
  host.start('redis', ['nsenter', '--net=/run/netns/redis', '--', 'chroot', '/image', ...SERVER]);
  await awaitListener(host, redis.from, INNER.tcp);
  await answerDatagrams(host, redis.from, INNER.udp);
  const version = await host.shell(`dpkg-query -W -f '\${Version}' containernetworking-plugins`);
  return {
    version: `CNI plugins ${version.replace(/[-+].*/, '')}`,
    vantages: listWays(host, { redis, near, name: 'redis' }, onlyRules('redis')),
    dockerHost: undefined,
    ports: Object.values(PUBLISHED),
  };
}

export function listCni(suite: Engine['suite']): Engine[] {
  const plain: Engine = {
    name: `cni-${suite}`,
    title: 'CNI bridge and portmap',
    suite,
    prepare: async (host) => prepare(host, null),
  };
  const nftables: Engine = {
    name: `cni-${suite}-nftables`,
    title: 'CNI bridge and portmap, nftables',
    suite,
    prepare: async (host) => prepare(host, 'nftables'),
  };
  return [plain, ...(suite === 'sid' ? [nftables] : [])];
}
