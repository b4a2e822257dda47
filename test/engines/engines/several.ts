/** Several engines at once: Docker, root's Podman and a user's own, each with a container of its own and a port. */
import type { Truth } from '../../matrix/scenario.js';
import { INNER, PUBLISHED, type Engine, type Prepared, type Vantage } from '../engine.js';
import type { EngineHost } from '../host.js';
import { IMAGE_FILE, IMAGE_NAME } from '../image.js';
import { inspectPlace } from '../inspect.js';
import { awaitListener } from '../servers.js';
import { SERVER, startDocker } from './docker.js';
import { setUpFiles } from './podman.js';
import { addUser, asUser } from './rootless.js';

const PORTS = { docker: PUBLISHED.tcp, root: 20390, user: 20391 } as const;

async function prepare(host: EngineHost): Promise<Prepared> {
  await setUpFiles(host, 'netavark', 'disabled');
  await addUser(host);
  const run = (name: string, port: number): string[] => [
    ...['run', '-d', '--name', name, '-p', `${port}:${INNER.tcp}`],
    ...[IMAGE_NAME, ...SERVER],
  ];
  const version = await startDocker(host, []);
  await host.exec(['docker', ...run('redis', PORTS.docker)]);
  await host.exec(['podman', 'import', IMAGE_FILE, IMAGE_NAME]);
  await host.exec(['podman', ...run('cart', PORTS.root)]);
  const podman = asUser(host, 'podman');
  await podman('import', IMAGE_FILE, IMAGE_NAME);
  await podman(...run('own', PORTS.user));
  const places = [
    (await inspectPlace(host, 'docker', 'redis')).from,
    (await inspectPlace(host, 'podman', 'cart')).from,
    host.namespaceOf(Number(await podman('inspect', '-f', '{{.State.Pid}}', 'own'))),
  ];
  for (const at of places) await awaitListener(host, at, INNER.tcp);
  const byRule = (container: string): Truth => ({
    path: 'dnat',
    outcome: 'answered',
    hook: 'PREROUTING',
    container,
  });
  const relay = 'rootlessport';
  const byDriver: Truth = { path: 'relay', outcome: 'answered', container: 'own', relay };
  const outside = { from: 'client' as const, to: host.host.ipv4, talk: 'redis' as const };
  const vantages: Vantage[] = [
    { name: 'Docker, outside', ...outside, port: PORTS.docker, truth: byRule('redis') },
    { name: 'root’s Podman, outside', ...outside, port: PORTS.root, truth: byRule('cart') },
    { name: 'a user’s Podman, outside', ...outside, port: PORTS.user, truth: byDriver },
  ];
  return {
    version: `Docker ${version} and Podman ${await podman('version', '-f', '{{.Client.Version}}')}`,
    vantages,
    dockerHost: `unix://${host.path('/run/docker.sock')}`,
    ports: Object.values(PORTS),
  };
}

/** Of bookworm: newer ones of netavark accept in nftables what Docker's policy drops in iptables. */
export const SEVERAL: Engine = {
  name: 'several-bookworm',
  title: 'Docker, Podman and a user’s Podman at once',
  suite: 'bookworm',
  prepare,
};
