/** Relays of other kinds, each with clients at once: every pair of a relay's sockets against what Redis itself saw. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REDIS, type Lab, type LabContainer } from '../../../src/lab/index.js';
import type { Play, Truth } from '../scenario.js';

const PASSED_ON = fileURLToPath(new URL('../../lab/relay-passed-on.js', import.meta.url));
const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';
const CLIENTS = 7;
/** Of the container, published. */
export const PUBLISHED = 8080;

/** A relay on the host. */
interface Relay {
  readonly name: string;
  readonly port: number;
  /** Empty where the same process serves another relay's port too. */
  readonly command: (redis: string, folder: string) => readonly string[];
  /** Names of the relays on the way, the client's first. */
  readonly chain: readonly [string, ...string[]];
  /** What Redis sees. */
  readonly source: string;
  /** Why its bytes may be no more than alike. */
  readonly copies?: string;
}

const listen = (port: number): string => `TCP-LISTEN:${port},fork,reuseaddr,backlog=64`;
const gateway = '{redis.gateway}';

const RELAYS: readonly Relay[] = [
  {
    name: 'socat',
    port: 7000,
    command: (redis) => ['socat', listen(7000), `TCP:${redis}:6379`],
    chain: ['socat'],
    source: gateway,
  },
  {
    name: 'a chain of two: socat, docker-proxy',
    port: 7001,
    command: () => ['socat', listen(7001), `TCP:127.0.0.1:${PUBLISHED}`],
    chain: ['socat', 'docker-proxy'],
    source: gateway,
  },
  {
    name: 'HAProxy of two threads',
    port: 7002,
    command: (_redis, folder) => ['haproxy', '-db', '-f', join(folder, 'haproxy.conf')],
    chain: ['haproxy'],
    source: gateway,
  },
  {
    name: 'HAProxy, which dials the published port on the host’s address',
    port: 7003,
    command: () => [],
    chain: ['haproxy'],
    source: '{host}',
  },
  {
    name: 'nginx (stream)',
    port: 7004,
    command: (_redis, folder) => ['nginx', '-c', join(folder, 'nginx.conf')],
    chain: ['nginx'],
    source: gateway,
  },
  {
    name: 'Node, whose listening socket another process has opened',
    port: 7005,
    command: (redis) => [process.execPath, PASSED_ON, '7005', redis, '6379'],
    chain: ['node'],
    source: gateway,
    copies: 'newer versions of Node copy what they read to another place',
  },
  {
    name: 'netcat of BusyBox',
    port: 7006,
    command: (redis) => [
      ...['busybox', 'nc', '-ll', '-p', '7006', '-e'],
      ...['busybox', 'nc', redis, '6379'],
    ],
    chain: ['busybox'],
    source: gateway,
  },
];

export const RELAY_PORTS: readonly number[] = RELAYS.map(({ port }) => port);

/** A port driver of a rootless engine, in front of a Redis in a namespace that no engine knows. */
export const ROOTLESS_PORT = 7010;
const INNER_PORT = 6390;
/** Ids for its user namespace, in a mount namespace of its own; $0 is a folder, "$@" what runs inside. */
const ROOTLESS = [
  'echo root:100000:65536 > "$0/subid"',
  'mount --bind "$0/subid" /etc/subuid && mount --bind "$0/subid" /etc/subgid',
  'export XDG_RUNTIME_DIR="$0" PATH="$0:$PATH"',
  // Debian's redis-tools has the server too, under another name.
  'ln -s "$(command -v redis-server || command -v redis-check-rdb)" "$0/redis-server"',
  `exec rootlesskit --state-dir="$0/rootless" --net=slirp4netns --disable-host-loopback --port-driver=builtin \\
    -p 0.0.0.0:${ROOTLESS_PORT}:${INNER_PORT}/tcp "$@"`,
].join('\n');

/** Null when all of these relays are installed. */
export function findRelayObstacle(): string | null {
  if (!existsSync(NGINX_STREAM)) return 'libnginx-mod-stream is not installed';
  return existsSync('/etc/subuid') ? null : 'there is no /etc/subuid, which rootlesskit reads';
}

/** Starts them in the lab's host, to end with the lab. */
export async function startRelays(lab: Lab, redis: LabContainer): Promise<void> {
  const { folder } = lab;
  const timeouts = ['client', 'server', 'connect'].map((what) => ` timeout ${what} 5s`);
  const haproxy = [
    ...['global', ' nbthread 2', 'defaults', ' mode tcp', ...timeouts],
    ...['listen a', ' bind 0.0.0.0:7002', ` server a ${redis.ipv4}:6379`],
    ...['listen b', ' bind 0.0.0.0:7003', ` server b ${lab.host.ipv4}:${PUBLISHED}`],
  ];
  const nginx = [
    `load_module ${NGINX_STREAM};`,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;`,
    'events { worker_connections 256; }',
    `stream { server { listen 7004; proxy_pass ${redis.ipv4}:6379; } }`,
  ];
  await writeFile(join(folder, 'haproxy.conf'), `${haproxy.join('\n')}\n`);
  await writeFile(join(folder, 'nginx.conf'), `${nginx.join('\n')}\n`);
  for (const { command } of RELAYS) {
    const words = command(redis.ipv4, folder);
    if (words.length === 0) continue;
    const [file, ...args] = lab.commandIn('host', words);
    spawn(file, args, { stdio: 'ignore', detached: true }).unref();
  }
  await Promise.all(RELAY_PORTS.map(async (port) => awaitListener(lab, port)));
}

/** Starts it in the lab's host, to end with the lab. */
export async function startRootless(lab: Lab): Promise<void> {
  const redis = [...REDIS, '--port', String(INNER_PORT)];
  const words = ['unshare', '--mount', 'sh', '-ec', ROOTLESS, lab.folder, ...redis];
  const [file, ...args] = lab.commandIn('host', words);
  spawn(file, args, { stdio: 'ignore', detached: true }).unref();
  await awaitListener(lab, ROOTLESS_PORT);
  await lab.exec('host', ['redis-cli', '-p', String(ROOTLESS_PORT), 'ping']);
}

const rootless: Truth = {
  path: 'relay',
  outcome: 'answered',
  container: null,
  relay: 'rootlesskit',
  says: /rootlesskit/,
};
export const PORT_DRIVER: Play = {
  name: 'rootlesskit’s port driver, from outside',
  truth: rootless,
  atLeast: { proof: 'likely', because: 'where a port driver hands the bytes on is not followed' },
  play: (stage) => async () => {
    const order = stage.order(stage.lab.host.ipv4, ROOTLESS_PORT, rootless);
    const sent = await stage.send('client', [order]);
    // The Redis inside sees a connection of its own namespace.
    return sent.map((one) => ({ ...one, seen: null }));
  },
};

async function awaitListener(lab: Lab, port: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const { stdout } = await lab.exec('host', ['ss', '-Hltn', `sport = :${port}`]);
    if (stdout.trim() !== '') return;
    if (performance.now() > deadline) throw new Error(`nothing listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @param whole whether the published port, too, is traced */
export function listRelays(whole: boolean): Play[] {
  const traced = whole ? 'the published port in the filter' : 'only its own port in the filter';
  return RELAYS.map(({ name, port, chain, source, copies }) => {
    // What NAT makes of a relay's own dial is seen by that port's packets only.
    const container = whole || source !== '{host}' ? 'redis' : null;
    const truth: Truth = {
      path: 'relay',
      outcome: 'answered',
      container,
      relay: chain[0],
      relays: chain,
      source,
      says: new RegExp(chain[0]),
    };
    return {
      name: `${name}, ${traced}`,
      truth,
      beyondRules: { agrees: false, because: 'a listening socket does not tell that it relays' },
      ...(copies !== undefined && { atLeast: { proof: 'likely', because: copies } }),
      told: `relay by ${chain.join(' and ')}, answered, source ${source.replace(/[{}]/g, '')}`,
      play: (stage) => async () => {
        const order = (): ReturnType<typeof stage.order> =>
          stage.order(stage.lab.host.ipv4, port, truth);
        return stage.send('client', Array.from({ length: CLIENTS }, order));
      },
    };
  });
}
