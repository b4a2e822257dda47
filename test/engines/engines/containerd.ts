/** containerd alone, told by its own client, with CNI's bridge and portmap; nerdctl, which does the same, is in no suite of Debian. */
import { poll } from '../../../src/lab/poll.js';
import { INNER, PUBLISHED, type Engine, type Prepared } from '../engine.js';
import type { EngineHost } from '../host.js';
import { IMAGE_FILE, writeImage } from '../image.js';
import { answerDatagrams, awaitListener } from '../servers.js';
import { listWays, onlyRules, type Place } from '../ways.js';
import { BRIDGE, MAPPINGS, PLUGINS, RANGE } from './cni.js';
import { SERVER, SLEEP } from './docker.js';

/** Where containerd's client looks for both, whatever Debian does. */
const SETTINGS = '/etc/cni/net.d/10-web.conflist';
const USUAL_PLUGINS = '/opt/cni/bin';

/** Without a share of the processor, for which the control groups here have no controller. */
const RUN = [
  ...['ctr', 'run', '--detach', '--cpu-shares', '0', '--env', 'PATH=/usr/bin:/bin'],
  ...['--cni', '--rootfs'],
];

/** The client passes no ports to the plugins: they stand in the settings while this container is started. */
async function run(
  host: EngineHost,
  name: string,
  { ports, command }: { ports: readonly object[]; command: readonly string[] },
): Promise<Place> {
  const portmap = { type: 'portmap', snat: true, runtimeConfig: { portMappings: ports } };
  const plugins = [BRIDGE, ...(ports.length > 0 ? [portmap] : [])];
  const input = JSON.stringify({ cniVersion: '1.0.0', name: 'web', plugins });
  await host.exec(['sh', '-c', 'cat > "$0"', SETTINGS], { input });
  await host.exec([...RUN, '/image', name, ...command]);
  const tasks = await host.shell('ctr task ls');
  const pid = new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(tasks)?.[1];
  const inside = await host.shell(`nsenter --target ${pid} --net ip -4 -o addr show eth0`);
  const ipv4 = /inet ([\d.]+)/.exec(inside)?.[1] ?? '';
  return { from: host.namespaceOf(Number(pid)), ipv4, gateway: RANGE.gateway };
}

async function prepare(host: EngineHost): Promise<Prepared> {
  await writeImage(host);
  await host.shell(`
    mkdir -p /image ${USUAL_PLUGINS} && tar -C /image -xf ${IMAGE_FILE}
    ln -s ${PLUGINS}/* ${USUAL_PLUGINS}/`);
  host.start('containerd', ['containerd']);
  const version = await poll(
    async () => {
      const ran = await host.exec(['ctr', 'version'], { allowFailure: true });
      return ran.exitCode === 0 ? (/Version:\s+(\S+)/.exec(ran.stdout)?.[1] ?? null) : null;
    },
    { timeoutMs: 30_000, what: 'containerd to answer', intervalMs: 200 },
  );
  const redis = await run(host, 'redis', { ports: MAPPINGS, command: SERVER });
  const near = await run(host, 'near', { ports: [], command: SLEEP });
  await awaitListener(host, redis.from, INNER.tcp);
  await answerDatagrams(host, redis.from, INNER.udp);
  return {
    version: `containerd ${version.replace(/[-+~].*/, '')}`,
    vantages: listWays(host, { redis, near, name: 'redis' }, onlyRules('redis')),
    dockerHost: undefined,
    ports: Object.values(PUBLISHED),
  };
}

export function listContainerd(suite: Engine['suite']): Engine[] {
  const title = 'containerd, CNI bridge and portmap';
  return [{ name: `containerd-${suite}`, title, suite, prepare }];
}
