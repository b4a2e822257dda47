/** Takes the recordings in samples/ from the lab anew: `node dist/test/lab/take-samples.js [NAME…]`, as root. */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatRecording } from '../../src/capture/recording.js';
import { REDIS, up, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';
import { SNAPPING } from '../matrix/failing.js';
import { DEAD_ADDRESS } from '../matrix/scenarios/failures.js';
import { startRelays } from '../matrix/scenarios/relays.js';
import { traceWhile } from '../support/tracing.js';

const FOLDER = fileURLToPath(new URL('../../../samples', import.meta.url));
const CLIENTS = fileURLToPath(new URL('echo-clients.js', import.meta.url));
const SERVERS = fileURLToPath(new URL('server-kinds.js', import.meta.url));
const DATAGRAMS = fileURLToPath(new URL('udp-clients.js', import.meta.url));

interface Places {
  readonly lab: Lab;
  readonly redis: LabContainer;
  readonly app: LabContainer;
  /** Has IPv6 too. */
  readonly dual: LabContainer;
}

interface Sample {
  readonly name: string;
  readonly port: number;
  /** Taken on an engine without its userland proxy. */
  readonly withoutProxy?: true;
  readonly send: (places: Places) => Promise<unknown>;
}

const ping =
  (choose: (places: Places) => [Where, string], port: number, timeoutMs = 5_000, message = '') =>
  async (places: Places): Promise<unknown> => {
    const [where, address] = choose(places);
    const command = ['redis-cli', '-h', address, '-p', String(port), 'ping'];
    if (message !== '') command.push(message);
    return places.lab.exec(where, command, { allowFailure: true, timeoutMs });
  };

const echo = async (
  lab: Lab,
  where: Where,
  address: string,
  name: string,
  port = 8080,
  count = 10,
): Promise<unknown> => {
  const command = [CLIENTS, address, String(port), String(count), name, 'together'];
  return lab.exec(where, [process.execPath, ...command]);
};

const datagrams =
  (choose: (places: Places) => [Where, string], port: number, count: number, patience = 3_000) =>
  async (places: Places): Promise<unknown> => {
    const [where, address] = choose(places);
    const command = [DATAGRAMS, address, port, count, 'datagram', patience].map(String);
    return places.lab.exec(where, [process.execPath, ...command]);
  };

/** Asks a server of the host (see startServers) from outside. */
const ask =
  (port: number, ...more: string[]) =>
  async ({ lab }: Places): Promise<unknown> =>
    lab.exec('client', [process.execPath, SERVERS, 'ask', lab.host.ipv4, String(port), ...more]);

const SAMPLES: readonly Sample[] = [
  { name: 'dnat-outside', port: 8080, send: ping(({ lab }) => ['client', lab.host.ipv4], 8080) },
  { name: 'dnat-own-address', port: 8080, send: ping(({ lab }) => ['host', lab.host.ipv4], 8080) },
  { name: 'proxy-loopback', port: 8080, send: ping(() => ['host', '127.0.0.1'], 8080) },
  { name: 'proxy-loopback6', port: 8080, send: ping(() => ['host', '::1'], 8080) },
  { name: 'proxy-same-bridge', port: 8080, send: ping(({ app }) => [app, app.gateway], 8080) },
  { name: 'proxy-self', port: 8080, send: ping(({ redis }) => [redis, redis.gateway], 8080) },
  { name: 'direct', port: 8080, send: ping(({ app, redis }) => [app, redis.ipv4], 6379) },
  { name: 'host', port: 7777, send: ping(({ lab }) => ['client', lab.host.ipv4], 7777) },
  { name: 'refused-dnat', port: 9090, send: ping(({ lab }) => ['client', lab.host.ipv4], 9090) },
  { name: 'reset-proxy', port: 9090, send: ping(() => ['host', '127.0.0.1'], 9090) },
  { name: 'dropped', port: 9191, send: ping(({ lab }) => ['client', lab.host.ipv4], 9191, 500) },
  { name: 'paused', port: 9292, send: ping(({ lab }) => ['client', lab.host.ipv4], 9292, 700) },
  {
    name: 'too-big',
    port: 9393,
    send: ping(({ lab }) => ['client', lab.host.ipv4], 9393, 700, 'x'.repeat(3_000)),
  },
  { name: 'reset-beyond', port: 9494, send: ping(() => ['host', '127.0.0.1'], 9494) },
  {
    name: 'no-neighbour',
    port: 9595,
    // Dials once, where redis-cli dials again.
    send: async ({ lab }) => {
      const command = ['socat', '-u', 'OPEN:/dev/null', `TCP:${lab.host.ipv4}:9595`];
      return lab.exec('client', command, { allowFailure: true, timeoutMs: 5_000 });
    },
  },
  {
    name: 'hairpin-self',
    port: 8080,
    withoutProxy: true,
    send: ping(({ redis }) => [redis, redis.gateway], 8080),
  },
  {
    name: 'answer-dropped',
    port: 8086,
    withoutProxy: true,
    send: ping(() => ['host', '::1'], 8086, 500),
  },
  {
    name: 'udp-dnat',
    port: 5353,
    send: datagrams(({ lab }) => ['client', lab.host.ipv4], 5353, 1),
  },
  { name: 'udp-proxy', port: 5353, send: datagrams(() => ['host', '127.0.0.1'], 5353, 3) },
  {
    name: 'udp-refused-dnat',
    port: 5454,
    send: datagrams(({ lab }) => ['client', lab.host.ipv4], 5454, 1, 200),
  },
  {
    name: 'udp-unanswered-proxy',
    port: 5454,
    send: datagrams(() => ['host', '127.0.0.1'], 5454, 1, 200),
  },
  {
    name: 'relay-socat',
    port: 7000,
    send: async ({ lab }) => echo(lab, 'client', lab.host.ipv4, 'socat', 7000, 3),
  },
  {
    name: 'relay-chain',
    port: 7001,
    send: async ({ lab }) => echo(lab, 'client', lab.host.ipv4, 'chain', 7001, 1),
  },
  {
    name: 'relay-haproxy',
    port: 7002,
    send: async ({ lab }) => echo(lab, 'client', lab.host.ipv4, 'haproxy', 7002, 3),
  },
  { name: 'asks-database', port: 7200, send: ask(7200) },
  { name: 'relay-encrypts', port: 7201, send: ask(7201, 'tls') },
  {
    name: 'host-chat',
    port: 7202,
    send: async (places) => Promise.all([ask(7202)(places), ask(7202)(places)]),
  },
  { name: 'redirect-proxy', port: 7203, send: ask(7203) },
  {
    name: 'mixed-20',
    port: 8080,
    send: async ({ lab }) =>
      Promise.all([
        echo(lab, 'client', lab.host.ipv4, 'outside'),
        echo(lab, 'host', '127.0.0.1', 'loopback'),
      ]),
  },
];

async function main(names: readonly string[]): Promise<void> {
  for (const userlandProxy of [true, false]) {
    const samples = SAMPLES.filter(
      ({ name, withoutProxy }) =>
        (names.length === 0 || names.includes(name)) && (withoutProxy === true) !== userlandProxy,
    );
    if (samples.length > 0) await takeAll(samples, userlandProxy);
  }
}

async function takeAll(samples: readonly Sample[], userlandProxy: boolean): Promise<void> {
  // Docker 20.10 writes rules for IPv6 only when asked to.
  const dockerdArguments = userlandProxy ? [] : ['--experimental', '--ip6tables'];
  const lab = await up({ userlandProxy, dockerdArguments });
  try {
    const redis = await lab.run({
      name: 'redis',
      command: REDIS,
      publish: ['8080:6379', '9090:9999', '9191:6380'],
      waitFor: [{ protocol: 'tcp', port: 6379 }],
    });
    const app = await lab.run({ name: 'app', command: ['sleep', '1000'] });
    await lab.run({ name: 'on-host', command: [...REDIS, '--port', '7777'], network: 'host' });
    await lab.docker(['network', 'create', '--ipv6', '--subnet', 'fd00:d0c:6::/64', 'six']);
    const publish = ['8086:6379'];
    const dual = await lab.run({ name: 'dual', command: REDIS, publish, network: 'six' });
    await lab.run({
      name: 'echo',
      command: ['socat', 'UDP4-RECVFROM:53,fork', 'EXEC:cat'],
      publish: ['5353:53/udp', '5454:9999/udp'],
      waitFor: [{ protocol: 'udp', port: 53 }],
    });
    await failInOtherWays(lab, samples);
    const drop = ['-p', 'tcp', '--dport', '6380', '-j', 'DROP'];
    await lab.exec('host', ['iptables', '-I', 'DOCKER-USER', ...drop]);
    await mkdir(FOLDER, { recursive: true });
    if (samples.some(({ name }) => name.startsWith('relay-'))) await startRelays(lab, redis);
    await startServers(lab, redis);
    for (const { name, port, send } of samples) {
      const { trace } = await traceWhile(
        lab,
        [port],
        async () => void (await send({ lab, redis, app, dual })),
      );
      await writeFile(join(FOLDER, `${name}.ndjson`), formatRecording(trace));
      process.stderr.write(`${name}: ${trace.events.length} events\n`);
    }
  } finally {
    await lab.down();
  }
}

const DATABASE = 7290;

/** Servers of the host, to end with the lab, and a redirection. */
async function startServers(lab: Lab, redis: LabContainer): Promise<void> {
  const servers = [
    ['plain', DATABASE],
    ['asks', 7200, `127.0.0.1:${DATABASE}`],
    ['encrypts', 7201, `${redis.ipv4}:6379`],
    ['chat', 7202],
  ] as const;
  for (const words of servers) {
    const [file, ...args] = lab.commandIn('host', [
      process.execPath,
      SERVERS,
      ...words.map(String),
    ]);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.stdout.destroy();
    child.unref();
  }
  const match = ['-i', 'ext0', '-p', 'tcp', '--dport', '7203'];
  const rule = ['PREROUTING', ...match, '-j', 'REDIRECT', '--to-ports', '8080'];
  await lab.exec('host', ['iptables', '-w', '-t', 'nat', '-I', ...rule]);
}

/** Containers and rules of the samples that need their own. */
async function failInOtherWays(lab: Lab, samples: readonly Sample[]): Promise<void> {
  const wanted = (sample: string): boolean => samples.some(({ name }) => name === sample);
  const rule = async (...words: string[]): Promise<unknown> =>
    lab.exec('host', ['iptables', '-w', ...words]);
  if (wanted('paused')) {
    await lab.run({ name: 'paused', command: REDIS, publish: ['9292:6379'] });
    await lab.docker(['pause', 'paused']);
  }
  if (wanted('too-big')) {
    const { ipv4 } = await lab.run({ name: 'narrow', command: REDIS, publish: ['9393:6379'] });
    await lab.exec('host', ['ip', 'route', 'add', ipv4, 'dev', 'docker0', 'mtu', '900']);
    const unreachable = ['-p', 'icmp', '--icmp-type', 'fragmentation-needed'];
    await rule('-I', 'OUTPUT', ...unreachable, '-j', 'DROP');
  }
  if (wanted('reset-beyond')) {
    await lab.run({ name: 'snapping', command: SNAPPING, publish: ['9494:6379'] });
  }
  if (wanted('no-neighbour')) {
    await rule('-I', 'DOCKER-USER', '-d', DEAD_ADDRESS, '-j', 'ACCEPT');
    const port = ['-p', 'tcp', '--dport', '9595'];
    const to = ['-j', 'DNAT', '--to-destination', `${DEAD_ADDRESS}:6379`];
    await rule('-t', 'nat', '-I', 'DOCKER', ...port, ...to);
  }
}

await main(process.argv.slice(2));
