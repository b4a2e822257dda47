/** Podman as root, with netavark or CNI, without its API: names come from what runs. */
import { INNER, PUBLISHED, type Engine, type Prepared } from '../engine.js';
import type { EngineHost } from '../host.js';
import { IMAGE_FILE, IMAGE_NAME, writeImage } from '../image.js';
import { answerDatagrams, awaitListener } from '../servers.js';
import { listWays, onlyRules, type Place } from '../ways.js';
import { PUBLISH, SERVER, SLEEP } from './docker.js';

type Backend = 'netavark' | 'cni';

/** Without limits of control groups and of resources, which a host in a control group of its own may not set. */
export function containersConf(backend: Backend, groups: 'enabled' | 'disabled'): string {
  return `[containers]
pids_limit = 0
cgroups = "${groups}"
default_ulimits = ["nofile=1024:1024"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "${backend}"
`;
}

export const STORAGE_CONF =
  '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n';

const LOOK =
  '{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}} {{end}}';

async function inspect(host: EngineHost, name: string): Promise<Place> {
  const { stdout } = await host.exec(['podman', 'inspect', '-f', LOOK, name]);
  const [pid, ipv4 = '', gateway = ''] = stdout.trim().split(/\s+/);
  return { from: host.namespaceOf(Number(pid)), ipv4, gateway };
}

export async function setUpPodman(
  host: EngineHost,
  backend: Backend,
  groups: 'enabled' | 'disabled',
): Promise<string> {
  await writeImage(host);
  const write = 'mkdir -p /etc/containers && cat > "$0"';
  const files = [
    ['/etc/containers/containers.conf', containersConf(backend, groups)],
    ['/etc/containers/storage.conf', STORAGE_CONF],
    ['/etc/containers/policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}'],
  ] as const;
  for (const [path, input] of files) await host.exec(['sh', '-c', write, path], { input });
  await host.exec(['podman', 'import', IMAGE_FILE, IMAGE_NAME]);
  return (await host.exec(['podman', 'version', '-f', '{{.Client.Version}}'])).stdout.trim();
}

async function prepare(host: EngineHost, backend: Backend, suite: string): Promise<Prepared> {
  const version = await setUpPodman(host, backend, suite === 'bookworm' ? 'disabled' : 'enabled');
  const run = ['podman', 'run', '-d', '--name'];
  await host.exec([...run, 'redis', ...PUBLISH, IMAGE_NAME, ...SERVER]);
  await host.exec([...run, 'near', IMAGE_NAME, ...SLEEP]);
  const redis = await inspect(host, 'redis');
  const places = { redis, near: await inspect(host, 'near'), name: 'redis' };
  await awaitListener(host, redis.from, INNER.tcp);
  await answerDatagrams(host, redis.from, INNER.udp);
  return {
    version: `Podman ${version}`,
    vantages: listWays(host, places, onlyRules('redis')),
    dockerHost: undefined,
    ports: Object.values(PUBLISHED),
  };
}

export function listPodman(suite: Engine['suite'], backends: readonly Backend[]): Engine[] {
  return backends.map((backend) => ({
    name: `podman-${suite}-${backend}`,
    title: `Podman, rootful, ${backend === 'cni' ? 'CNI' : 'netavark'}`,
    suite,
    prepare: async (host) => prepare(host, backend, suite),
  }));
}
