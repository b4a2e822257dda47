/** Real servers and relays of the host: none that may forward is proven to answer itself. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { traceWhile } from '../support/tracing.js';

const test = suite('servers of the host, live');
test.skipUnless(findLiveObstacle('nginx', 'haproxy', 'socat', 'perl'));

/** Rounds of the whole list; five by TRACE_FLOW_RUNS=5. */
const RUNS = Number(process.env['TRACE_FLOW_RUNS'] ?? 1);

const SERVERS = fileURLToPath(new URL('server-kinds.js', import.meta.url));

/** A process of the host that is asked, and what is true of it. */
interface Served {
  readonly name: string;
  readonly port: number;
  /** Empty where another entry's process serves this port too. */
  readonly command: readonly string[];
  /** Null where a trace may take it for one thing or another, as long as it proves nothing. */
  readonly path: Connection['path'] | null;
  /** `likely` where nothing that is watched can show more; `either` where it depends on the version of the program. */
  readonly proof: 'proven' | 'likely' | 'either';
  /** What the reason says. */
  readonly says?: RegExp;
  /** Begins with TLS. */
  readonly tls?: true;
  readonly http?: true;
  /** Of two that ask at once, either may be the one that is answered from what was kept. */
  readonly races?: true;
  readonly from?: 'container';
  readonly protocol?: 'udp';
}

const DATABASE = 7190;
const BACKEND = 7191;
const WEB = 7192;

let lab: Lab;
let redis: LabContainer;
const children: ChildProcess[] = [];

const node = (...words: string[]): string[] => [process.execPath, SERVERS, ...words];

/** Answers one datagram after another, and blocks in recvfrom in between. */
const WAITING = `use Socket; socket(my $s, PF_INET, SOCK_DGRAM, 17); bind($s, sockaddr_in(7112, INADDR_ANY));
  print "listening\\n"; while (my $peer = recv($s, my $text, 999, 0)) { send($s, "pong", 0, $peer) }`;

function listServed(folder: string): Served[] {
  const own = { path: 'host', proof: 'proven' } as const;
  const open = { path: 'host', proof: 'likely' } as const;
  const relay = { path: 'relay', proof: 'proven' } as const;
  const backend = join(folder, 'backend.sock');
  return [
    { name: 'plain', port: 7100, command: node('plain', '7100'), ...own },
    { name: 'logs', port: 7101, command: node('logs', '7101'), ...own },
    { name: 'echo', port: 7102, command: node('echo', '7102'), ...own },
    { name: 'chat', port: 7103, command: node('chat', '7103'), ...own },
    { name: 'a container in the host’s network', port: 7104, command: [], ...own },
    {
      name: 'the same, for another container',
      port: 7104,
      command: [],
      ...own,
      from: 'container',
    },
    {
      name: 'nginx, a file',
      port: 7105,
      command: ['nginx', '-c', join(folder, 'nginx.conf')],
      ...own,
    },
    { name: 'for a container', port: 7100, command: [], ...own, from: 'container' },
    {
      name: 'asks a database',
      port: 7106,
      ...open,
      command: node('asks', '7106', `127.0.0.1:${DATABASE}`),
      says: /it also dialled 127\.0\.0\.1:7190/,
    },
    {
      name: 'asks over a unix socket',
      port: 7107,
      ...open,
      says: /a unix socket/,
      command: node('asks', '7107', backend),
    },
    {
      name: 'over an older connection',
      port: 7108,
      ...open,
      says: /a connection to .*:7191 that is not traced/,
      command: node('forwards', '7108', `127.0.0.1:${BACKEND}`),
    },
    {
      // Node of newer versions copies what it reads to another place.
      name: 'relays',
      port: 7109,
      path: 'relay',
      proof: 'either',
      command: node('relays', '7109', `${redis.ipv4}:6379`),
    },
    {
      name: 'socat',
      port: 7110,
      ...relay,
      command: ['socat', 'TCP-LISTEN:7110,fork,reuseaddr', `TCP:${redis.ipv4}:6379`],
    },
    // It writes headers of its own, and keeps connections and answers for others.
    {
      name: 'nginx, a proxy',
      port: 7115,
      path: null,
      proof: 'likely',
      http: true,
      command: [],
    },
    {
      name: 'nginx, the same for another client',
      port: 7115,
      path: null,
      proof: 'likely',
      command: [],
      http: true,
    },
    {
      name: 'nginx, not kept yet',
      port: 7116,
      path: null,
      proof: 'likely',
      http: true,
      command: [],
      races: true,
    },
    {
      name: 'nginx, perhaps from its cache',
      port: 7116,
      path: 'host',
      proof: 'either',
      command: [],
      http: true,
    },
    {
      name: 'haproxy, bytes as they are',
      port: 7117,
      path: 'relay',
      proof: 'either',
      command: ['haproxy', '-f', join(folder, 'haproxy.cfg')],
    },
    {
      name: 'haproxy, HTTP over kept connections',
      port: 7118,
      path: null,
      proof: 'likely',
      command: [],
      http: true,
    },
    {
      name: 'one accepts, another serves',
      port: 7119,
      ...open,
      says: /a unix socket|also used its socket/,
      command: node('cluster', 'plain', '7119'),
    },
    {
      name: 'one accepts, another relays',
      port: 7120,
      path: null,
      proof: 'likely',
      command: node('cluster', 'relays', '7120', `${redis.ipv4}:6379`),
    },
    {
      name: 'encrypts',
      port: 7111,
      path: 'relay',
      proof: 'likely',
      tls: true,
      says: /TLS/,
      command: node('encrypts', '7111', `${redis.ipv4}:6379`),
    },
    {
      name: 'a server that waits for its first datagram',
      port: 7112,
      ...own,
      protocol: 'udp',
      command: ['perl', '-e', `$| = 1; ${WAITING}`],
    },
    {
      name: 'redirected to docker-proxy',
      port: 7113,
      command: [],
      path: 'docker-proxy',
      proof: 'proven',
      says: /redirected .*:7113 to .*:8080/,
    },
    {
      name: 'redirected to a server',
      port: 7114,
      command: [],
      ...own,
      says: /redirected .*:7114 to .*:7100/,
    },
    {
      name: 'docker-proxy',
      port: 8080,
      command: [],
      path: 'docker-proxy',
      proof: 'proven',
      from: 'container',
    },
  ];
}

/** Starts a process of the host; settles when it says that it listens, or at once when it has nothing to say. */
async function start(command: readonly string[], speaks: boolean): Promise<void> {
  const [file, ...args] = lab.commandIn('host', command);
  const child = spawn(file, args, { stdio: ['ignore', speaks ? 'pipe' : 'ignore', 'inherit'] });
  children.push(child);
  if (!speaks) return;
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', () => reject(new Error(`${command.join(' ')} ended`)));
  });
  child.stdout?.resume();
}

async function awaitPort(port: number): Promise<void> {
  const listens = `until ss -Hltn sport = :${port} | grep -q .; do sleep 0.1; done`;
  await lab.exec('host', ['sh', '-c', listens], { timeoutMs: 60_000 });
}

async function writeNginx(folder: string): Promise<void> {
  await mkdir(join(folder, 'www'), { recursive: true });
  await writeFile(join(folder, 'www', 'index.html'), 'hello\n');
  const lines = [
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;`,
    'events { worker_connections 64; }',
    `http { access_log ${folder}/access.log; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;`,
    `  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;`,
    `  server { listen 7105; root ${folder}/www; }`,
    `  upstream pool { server 127.0.0.1:${WEB}; keepalive 4; }`,
    '  proxy_http_version 1.1; proxy_set_header Connection "";',
    '  server { listen 7115; location / { proxy_pass http://pool; } }',
    `  proxy_cache_path ${folder}/cache keys_zone=kept:1m;`,
    '  server { listen 7116; location / { proxy_pass http://pool; proxy_cache kept; proxy_cache_valid any 1h; } }',
    `  server { listen ${WEB}; root ${folder}/www; } }`,
  ];
  await writeFile(join(folder, 'nginx.conf'), lines.join('\n'));
}

async function writeHaproxy(folder: string): Promise<void> {
  const lines = [
    'defaults',
    '  timeout connect 5s',
    '  timeout client 20s',
    '  timeout server 20s',
    'listen bytes',
    '  mode tcp',
    '  bind 0.0.0.0:7117',
    `  server redis ${redis.ipv4}:6379`,
    'listen web',
    '  mode http',
    '  bind 0.0.0.0:7118',
    '  http-reuse always',
    `  server web 127.0.0.1:${WEB}`,
    '',
  ];
  await writeFile(join(folder, 'haproxy.cfg'), lines.join('\n'));
}

test.before(async () => {
  lab = await up();
  redis = await lab.run({
    name: 'redis',
    command: REDIS,
    publish: ['8080:6379'],
    waitFor: [{ protocol: 'tcp', port: 6379 }],
  });
  await lab.run({ name: 'on-host', command: [...REDIS, '--port', '7104'], network: 'host' });
  await awaitPort(7104);
  const { folder } = lab;
  await writeNginx(folder);
  await writeHaproxy(folder);
  await start(node('plain', String(DATABASE)), true);
  await start(node('plain', String(BACKEND)), true);
  await start(node('plain', join(folder, 'backend.sock')), true);
  for (const { command, port, protocol } of listServed(folder)) {
    if (command.length === 0) continue;
    const speaks = command[0] === process.execPath || command[0] === 'perl';
    await start(command, speaks);
    if (!speaks && protocol !== 'udp') await awaitPort(port);
  }
  const redirect = ['-t', 'nat', '-I', 'PREROUTING', '-i', 'ext0', '-p', 'tcp'];
  for (const [from, to] of [
    ['7113', '8080'],
    ['7114', '7100'],
  ] as const) {
    const rule = [...redirect, '--dport', from, '-j', 'REDIRECT', '--to-ports', to];
    await lab.exec('host', ['iptables', '-w', ...rule]);
  }
});

test.after(async () => {
  for (const child of children) child.kill();
  await lab?.down();
});

/** @returns the client's port */
async function ask(
  { port, tls, http, from, protocol, name }: Served,
  page: number,
): Promise<number> {
  const where: Where = from === 'container' ? redis : 'client';
  const address = from === 'container' ? redis.gateway : lab.host.ipv4;
  if (protocol === 'udp') {
    const client = 20_000 + port;
    const to = `UDP:${address}:${port},sourceport=${client}`;
    const { stdout } = await lab.exec(where, ['sh', '-c', `echo ping | socat -t 5 - ${to}`]);
    assert.is(stdout, 'pong', name);
    return client;
  }
  const how = tls ? 'tls' : http ? 'http' : '';
  const { stdout } = await lab.exec(where, node('ask', address, String(port), how, String(page)), {
    timeoutMs: 60_000,
  });
  return (JSON.parse(stdout) as { port: number }).port;
}

for (const round of Array.from({ length: 2 * RUNS }, (_, index) => index)) {
  const together = round % 2 === 1;
  const times = RUNS > 1 ? `, round ${(round >> 1) + 1}` : '';
  test(`${together ? 'all at once' : 'one after the other'}${times}`, async () => {
    const served = listServed(lab.folder);
    const ports = [...new Set(served.map(({ port }) => port))];
    const clients = new Map<Served, number>();
    const { report } = await traceWhile(lab, ports, async () => {
      const asked = served.map((one) => async () => void clients.set(one, await ask(one, round)));
      if (together) await Promise.all(asked.map(async (one) => one()));
      else for (const one of asked) await one();
    });
    const wrong: string[] = [];
    for (const one of served) {
      const found = report.connections.filter(({ client }) => client.port === clients.get(one));
      const told = found
        .map(({ path, proof, reason }) => `${path}, ${proof}: ${reason}`)
        .join(' | ');
      const [only] = found;
      const fits =
        found.length === 1 &&
        only !== undefined &&
        (one.path === null || only.path === one.path) &&
        (one.proof === 'either' || (together && one.races) || only.proof === one.proof) &&
        (one.says?.test(only.reason) ?? true);
      if (!fits) wrong.push(`${one.name} is ${one.path}, ${one.proof}; told: ${told || 'nothing'}`);
    }
    // Each round asks for a page of its own, which nobody has kept yet.
    const cached = report.connections.filter(({ server }) => server?.port === 7116);
    const asked = cached.filter(({ proof }) => proof !== 'proven');
    if (asked.length === 0) wrong.push('nginx has kept what it never asked for');
    assert.equal(wrong, [], report.coverage.notes.join());
  });
}

test.run();
