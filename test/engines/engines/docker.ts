/** Docker, started by hand in the host, with and without its proxy. */
import { execa } from 'execa';
import { poll } from '../../../src/lab/poll.js';
import type { Truth } from '../../matrix/scenario.js';
import { INNER, PUBLISHED, type Engine, type Prepared, type Vantage } from '../engine.js';
import type { EngineHost } from '../host.js';
import { IMAGE_FILE, IMAGE_NAME, writeImage } from '../image.js';
import { inspectPlace } from '../inspect.js';
import { answerDatagrams, awaitListener } from '../servers.js';
import { byAddress, byProxy, listWays, onlyRules, rulesAndProxy } from '../ways.js';

const SOCKET = '/run/docker.sock';
export const SERVER = ['redis-server', '--port', String(INNER.tcp), '--protected-mode', 'no'];
export const PUBLISH = [
  '-p',
  `${PUBLISHED.tcp}:${INNER.tcp}`,
  '-p',
  `${PUBLISHED.udp}:${INNER.udp}/udp`,
];
export const SLEEP = ['sleep', '100000'];

export async function startDocker(host: EngineHost, more: readonly string[]): Promise<string> {
  const store = ['--storage-driver=vfs', '--host=unix://' + SOCKET, '--group=root'];
  const groups = ['--exec-opt=native.cgroupdriver=cgroupfs'];
  host.start('dockerd', ['dockerd', ...store, ...groups, ...more]);
  const version = await poll(
    async () => {
      const ran = await host.exec(['docker', 'version', '-f', '{{.Server.Version}}'], {
        allowFailure: true,
      });
      return ran.exitCode === 0 ? ran.stdout.trim() : null;
    },
    { timeoutMs: 60_000, what: 'Docker to answer', intervalMs: 200 },
  );
  await host.exec(['docker', 'import', IMAGE_FILE, IMAGE_NAME]);
  return version;
}

async function prepare(host: EngineHost, proxy: boolean): Promise<Prepared> {
  await writeImage(host);
  const version = await startDocker(host, proxy ? [] : ['--userland-proxy=false']);
  const run = ['docker', 'run', '-d', '--name'];
  await host.exec([...run, 'redis', ...PUBLISH, IMAGE_NAME, ...SERVER]);
  await host.exec([...run, 'near', IMAGE_NAME, ...SLEEP]);
  const redis = await inspectPlace(host, 'docker', 'redis');
  const places = { redis, near: await inspectPlace(host, 'docker', 'near'), name: 'redis' };
  await awaitListener(host, redis.from, INNER.tcp);
  await answerDatagrams(host, redis.from, INNER.udp);
  const ways = proxy ? rulesAndProxy('redis') : onlyRules('redis');
  const ipv6: Vantage[] = proxy
    ? (['host', 'client'] as const).map((from) => ({
        name: from === 'host' ? 'loopback, IPv6' : 'outside, IPv6',
        from,
        to: from === 'host' ? '::1' : host.host.ipv6,
        port: PUBLISHED.tcp,
        talk: 'redis',
        truth: byProxy('redis'),
      }))
    : [];
  return {
    version: `Docker ${version}`,
    vantages: [...listWays(host, places, ways), ...ipv6],
    dockerHost: `unix://${host.path(SOCKET)}`,
    ports: Object.values(PUBLISHED),
  };
}

const HOST_PORT = 7777;
const ON_THE_LAN = '198.51.100.50';

/** The host's own network, a network without a way out, and one on the wire of the host. */
async function prepareNetworks(host: EngineHost): Promise<Prepared> {
  await writeImage(host);
  const version = await startDocker(host, []);
  const { device } = host.host;
  const lan = ['-d', 'macvlan', '-o', `parent=${device}`, '--subnet', '198.51.100.0/24'];
  await host.exec(['docker', 'network', 'create', '--internal', 'inner']);
  await host.exec(['docker', 'network', 'create', ...lan, 'lan']);
  const run = ['docker', 'run', '-d', '--name'];
  const own = SERVER.map((word) => (word === String(INNER.tcp) ? String(HOST_PORT) : word));
  await host.exec([...run, 'hostnet', '--network', 'host', IMAGE_NAME, ...own]);
  await host.exec([...run, 'inner', '--network', 'inner', IMAGE_NAME, ...SERVER]);
  await host.exec([...run, 'near', '--network', 'inner', IMAGE_NAME, ...SLEEP]);
  await host.exec([...run, 'lan', '--network', 'lan', '--ip', ON_THE_LAN, IMAGE_NAME, ...SERVER]);
  const [inner, near, wired] = await Promise.all(
    ['inner', 'near', 'lan'].map(async (name) => inspectPlace(host, 'docker', name)),
  );
  if (!inner || !near || !wired) throw new Error('a container is missing');
  await awaitListener(host, 'host', HOST_PORT);
  for (const { from } of [inner, wired]) await awaitListener(host, from, INNER.tcp);
  const onHost: Truth = { path: 'host', outcome: 'answered', container: null };
  const talk = 'redis' as const;
  const toInner = { to: inner.ipv4, port: INNER.tcp, talk, truth: byAddress('inner') };
  const toHost = { port: HOST_PORT, talk, truth: onHost };
  return {
    version: `Docker ${version}`,
    vantages: [
      { name: 'host network, outside', from: 'client', to: host.host.ipv4, ...toHost },
      { name: 'host network, loopback', from: 'host', to: '127.0.0.1', ...toHost },
      { name: 'internal, host to container', from: 'host', ...toInner },
      { name: 'internal, container to container', from: near.from, ...toInner },
      {
        name: 'macvlan, outside',
        from: 'client',
        to: ON_THE_LAN,
        port: INNER.tcp,
        talk,
        // No bridge of the host leads to it.
        truth: { ...byAddress('lan'), decides: /own address, and no rule rewrites or stops it/ },
      },
    ],
    dockerHost: `unix://${host.path(SOCKET)}`,
    ports: [HOST_PORT, INNER.tcp],
  };
}

const PUBLISHED_BY = { routed: 20381, unprotected: 20382 } as const;

/** How a network's gateway treats what comes to a container's own address: in Docker 28, by mode. */
async function prepareGateways(host: EngineHost): Promise<Prepared> {
  await writeImage(host);
  const version = await startDocker(host, []);
  const run = ['docker', 'run', '-d', '--name'];
  const mode = 'com.docker.network.bridge.gateway_mode_ipv4';
  const networks = [
    ['guarded', 'nat', '10.81.0.0/24'],
    ['routed', 'routed', '10.82.0.0/24'],
    ['unprotected', 'nat-unprotected', '10.83.0.0/24'],
  ] as const;
  for (const [name, gateway, subnet] of networks) {
    const options = ['--subnet', subnet, '-o', `${mode}=${gateway}`];
    await host.exec(['docker', 'network', 'create', ...options, name]);
    const port = name === 'guarded' ? PUBLISHED.tcp : PUBLISHED_BY[name];
    const publish = ['--network', name, '-p', `${port}:${INNER.tcp}`];
    await host.exec([...run, name, ...publish, IMAGE_NAME, ...SERVER]);
    const [file, ...args] = host.commandIn('client', [
      ...['ip', 'route', 'add', subnet, 'via', host.host.ipv4],
    ]);
    await execa(file, args);
  }
  const [guarded, routed, open] = await Promise.all(
    networks.map(async ([name]) => inspectPlace(host, 'docker', name)),
  );
  if (!guarded || !routed || !open) throw new Error('a container is missing');
  for (const { from } of [guarded, routed, open]) await awaitListener(host, from, INNER.tcp);
  const talk = 'redis' as const;
  const byRule = (container: string): Truth => ({
    path: 'dnat',
    outcome: 'answered',
    hook: 'PREROUTING',
    container,
  });
  const inner = { from: 'client' as const, port: INNER.tcp, talk };
  const outside = { from: 'client' as const, to: host.host.ipv4, talk };
  const refused: Truth = { path: 'host', outcome: 'refused', container: null };
  return {
    version: `Docker ${version}`,
    vantages: [
      { name: 'nat, outside', ...outside, port: PUBLISHED.tcp, truth: byRule('guarded') },
      {
        name: 'nat, outside to container',
        ...inner,
        to: guarded.ipv4,
        truth: { ...byAddress('guarded'), outcome: 'dropped', drop: { reason: 'NETFILTER_DROP' } },
      },
      {
        name: 'routed, outside to container',
        ...inner,
        to: routed.ipv4,
        truth: byAddress('routed'),
      },
      { name: 'routed, outside', ...outside, port: PUBLISHED_BY.routed, truth: refused },
      {
        name: 'nat-unprotected, outside',
        ...outside,
        port: PUBLISHED_BY.unprotected,
        truth: byRule('unprotected'),
      },
      {
        name: 'nat-unprotected, outside to container',
        ...inner,
        to: open.ipv4,
        truth: byAddress('unprotected'),
      },
    ],
    dockerHost: `unix://${host.path(SOCKET)}`,
    ports: [PUBLISHED.tcp, ...Object.values(PUBLISHED_BY), INNER.tcp],
  };
}

export function listDocker(suite: Engine['suite']): Engine[] {
  const networks: Engine = {
    name: `docker-${suite}-networks`,
    title: 'Docker, rootful, other networks',
    suite,
    prepare: prepareNetworks,
  };
  const published = [true, false].map((proxy) => ({
    name: `docker-${suite}${proxy ? '' : '-no-proxy'}`,
    title: `Docker, rootful${proxy ? '' : ', --userland-proxy=false'}`,
    suite,
    prepare: async (host: EngineHost) => prepare(host, proxy),
  }));
  const gateways: Engine = {
    name: `docker-${suite}-gateways`,
    title: 'Docker, rootful, modes of gateways',
    suite,
    prepare: prepareGateways,
  };
  // Modes of gateways came with Docker 27 and 28.
  return [...published, networks, ...(suite === 'sid' ? [gateways] : [])];
}
