/** Docker, started by hand in the host, with and without its proxy. */
import { poll } from '../../../src/lab/poll.js';
import { INNER, PUBLISHED, type Engine, type Prepared, type Vantage } from '../engine.js';
import type { EngineHost } from '../host.js';
import { IMAGE_FILE, IMAGE_NAME, writeImage } from '../image.js';
import { answerDatagrams, awaitListener } from '../servers.js';
import { byProxy, listWays, onlyRules, rulesAndProxy, type Place } from '../ways.js';

const SOCKET = '/run/docker.sock';
export const SERVER = ['redis-server', '--port', String(INNER.tcp), '--protected-mode', 'no'];
export const PUBLISH = [
  '-p',
  `${PUBLISHED.tcp}:${INNER.tcp}`,
  '-p',
  `${PUBLISHED.udp}:${INNER.udp}/udp`,
];
export const SLEEP = ['sleep', '100000'];

async function startDocker(host: EngineHost, more: readonly string[]): Promise<string> {
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

const LOOK =
  '{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}} {{end}}';

async function inspect(host: EngineHost, name: string): Promise<Place> {
  const { stdout } = await host.exec(['docker', 'inspect', '-f', LOOK, name]);
  const [pid, ipv4 = '', gateway = ''] = stdout.trim().split(/\s+/);
  return { from: host.namespaceOf(Number(pid)), ipv4, gateway };
}

async function prepare(host: EngineHost, proxy: boolean): Promise<Prepared> {
  await writeImage(host);
  const version = await startDocker(host, proxy ? [] : ['--userland-proxy=false']);
  const run = ['docker', 'run', '-d', '--name'];
  await host.exec([...run, 'redis', ...PUBLISH, IMAGE_NAME, ...SERVER]);
  await host.exec([...run, 'near', IMAGE_NAME, ...SLEEP]);
  const redis = await inspect(host, 'redis');
  const places = { redis, near: await inspect(host, 'near'), name: 'redis' };
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

export function listDocker(suite: Engine['suite']): Engine[] {
  return [true, false].map((proxy) => ({
    name: `docker-${suite}${proxy ? '' : '-no-proxy'}`,
    title: `Docker, rootful${proxy ? '' : ', --userland-proxy=false'}`,
    suite,
    prepare: async (host) => prepare(host, proxy),
  }));
}
