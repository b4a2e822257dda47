/** Podman as root, with netavark or CNI, without its API: names come from what runs. */
import type { Truth } from '../../matrix/scenario.js';
import { INNER, PUBLISHED, type Engine, type Prepared, type Vantage } from '../engine.js';
import type { EngineHost } from '../host.js';
import { IMAGE_FILE, IMAGE_NAME, writeImage } from '../image.js';
import { inspectPlace } from '../inspect.js';
import { answerDatagrams, awaitListener } from '../servers.js';
import { byAddress, listWays, onlyRules, withoutHairpin, type Place, type Ways } from '../ways.js';
import { PUBLISH, SERVER, SLEEP } from './docker.js';

type Backend = 'netavark' | 'cni';

/** Without limits of control groups and of resources, which a host in a control group of its own may not set. */
function containersConf(backend: Backend, groups: 'enabled' | 'disabled'): string {
  return `[containers]
pids_limit = 0
cgroups = "${groups}"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "${backend}"
`;
}

const STORAGE_CONF =
  '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n';

/** The image, and settings for all users. */
export async function setUpFiles(
  host: EngineHost,
  backend: Backend,
  groups: 'enabled' | 'disabled',
): Promise<void> {
  await writeImage(host);
  const write = 'mkdir -p /etc/containers && cat > "$0"';
  const files = [
    ['/etc/containers/containers.conf', containersConf(backend, groups)],
    ['/etc/containers/storage.conf', STORAGE_CONF],
    ['/etc/containers/policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}'],
  ] as const;
  for (const [path, input] of files) await host.exec(['sh', '-c', write, path], { input });
}

async function setUpPodman(host: EngineHost, backend: Backend, suite: string): Promise<string> {
  await setUpFiles(host, backend, suite === 'bookworm' ? 'disabled' : 'enabled');
  await host.exec(['podman', 'import', IMAGE_FILE, IMAGE_NAME]);
  return (await host.exec(['podman', 'version', '-f', '{{.Client.Version}}'])).stdout.trim();
}

/** netavark leaves the bridge's hairpin mode off (seen with 1.4 and 1.17), CNI's bridge plugin sets it here. */
function waysOf(backend: Backend): Ways {
  return backend === 'netavark' ? withoutHairpin('redis') : onlyRules('redis');
}

/** Two containers that share a pod: the one that listens has to be told, and not what holds the pod. */
async function preparePod(host: EngineHost, suite: string): Promise<Prepared> {
  const version = await setUpPodman(host, 'netavark', suite);
  const run = ['podman', 'run', '-d', '--name'];
  await host.exec(['podman', 'pod', 'create', '--name', 'shop', ...PUBLISH]);
  await host.exec([...run, 'redis', '--pod', 'shop', IMAGE_NAME, ...SERVER]);
  await host.exec([...run, 'web', '--pod', 'shop', IMAGE_NAME, ...SLEEP]);
  await host.exec([...run, 'near', IMAGE_NAME, ...SLEEP]);
  const own = await inspectPlace(host, 'podman', 'redis');
  const pod = ['podman', 'pod', 'inspect', '-f', '{{.InfraContainerID}}', 'shop'];
  const id = (await host.exec(pod)).stdout.trim();
  const redis = { ...(await inspectPlace(host, 'podman', id)), from: own.from };
  await awaitListener(host, redis.from, INNER.tcp);
  const places = { redis, near: await inspectPlace(host, 'podman', 'near'), name: 'redis' };
  const ways = listWays(host, places, waysOf('netavark'));
  return {
    version: `Podman ${version}`,
    vantages: ways.filter(({ talk }) => talk === 'redis'),
    dockerHost: undefined,
    ports: Object.values(PUBLISHED),
  };
}

const SIX = 20386;

/** A network of both families: netavark writes rules for each. From Podman 6 on it keeps its networks apart. */
async function addSix(host: EngineHost, redis: Place, isolates: boolean): Promise<Vantage[]> {
  const subnets = ['--ipv6', '--subnet', '10.90.0.0/24', '--subnet', 'fd00:90::/64'];
  await host.exec(['podman', 'network', 'create', ...subnets, 'dual']);
  const publish = ['--network', 'dual', '-p', `${SIX}:${INNER.tcp}`];
  await host.exec(['podman', 'run', '-d', '--name', 'six', ...publish, IMAGE_NAME, ...SERVER]);
  const six = await inspectPlace(host, 'podman', 'six');
  await awaitListener(host, six.from, INNER.tcp);
  const to = { to: host.host.ipv6, port: SIX, talk: 'redis' as const };
  const byRule = { path: 'dnat', outcome: 'answered', container: 'six' } as const;
  const across = { to: redis.ipv4, port: INNER.tcp, talk: 'redis' as const };
  const kept: Truth = {
    ...byAddress('redis'),
    outcome: 'dropped',
    drop: { reason: 'NETFILTER_DROP' },
  };
  return [
    {
      name: 'container of another network',
      from: six.from,
      ...across,
      truth: isolates ? kept : byAddress('redis'),
    },
    { name: 'outside, IPv6', from: 'client', ...to, truth: { ...byRule, hook: 'PREROUTING' } },
    { name: 'own address, IPv6', from: 'host', ...to, truth: { ...byRule, hook: 'OUTPUT' } },
  ];
}

async function prepare(host: EngineHost, backend: Backend, suite: string): Promise<Prepared> {
  const version = await setUpPodman(host, backend, suite);
  const run = ['podman', 'run', '-d', '--name'];
  await host.exec([...run, 'redis', ...PUBLISH, IMAGE_NAME, ...SERVER]);
  await host.exec([...run, 'near', IMAGE_NAME, ...SLEEP]);
  const redis = await inspectPlace(host, 'podman', 'redis');
  const places = { redis, near: await inspectPlace(host, 'podman', 'near'), name: 'redis' };
  await awaitListener(host, redis.from, INNER.tcp);
  await answerDatagrams(host, redis.from, INNER.udp);
  const isolates = suite === 'experimental';
  const six = backend === 'netavark' ? await addSix(host, redis, isolates) : [];
  return {
    version: `Podman ${version}`,
    vantages: [...listWays(host, places, waysOf(backend)), ...six],
    dockerHost: undefined,
    ports: [...Object.values(PUBLISHED), ...(six.length > 0 ? [SIX] : [])],
  };
}

export function listPodman(suite: Engine['suite'], backends: readonly Backend[]): Engine[] {
  const plain = backends.map((backend) => ({
    name: `podman-${suite}-${backend}`,
    title: `Podman, rootful, ${backend === 'cni' ? 'CNI' : 'netavark'}`,
    suite,
    prepare: async (host: EngineHost) => prepare(host, backend, suite),
  }));
  const pod: Engine = {
    name: `podman-${suite}-pod`,
    title: 'Podman, rootful, a pod of two',
    suite,
    prepare: async (host) => preparePod(host, suite),
  };
  return [...plain, pod];
}
