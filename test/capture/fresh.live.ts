/** Captures that tcpdump takes now, of ports and places drawn anew each run: on one device, on all, and through a pipe while it runs. */
import { execa } from 'execa';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';
import type { Connection, Report } from '../../src/model/report.js';
import type { Path, Proof } from '../../src/model/verdict.js';
import { namePeers } from '../lab/name-peers.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const [PROGRAM, ECHOES, DATAGRAMS] = [
  '../../../bin/run.js',
  '../lab/echo-clients.js',
  '../lab/udp-clients.js',
].map((path) => fileURLToPath(new URL(path, import.meta.url)));
const EACH = 3;
const TAKES = 4;
/** Milliseconds: longer than the kernel keeps a block of packets to itself. */
const BLOCK = 1_500;

interface Stage {
  lab: Lab;
  web: LabContainer;
  app: LabContainer;
  /** What was dialled, by protocol. */
  ports: { tcp: number; udp: number; inner: number };
  folder: string;
}

/** The way of a client's connection, by its protocol, address and port. */
type Truths = ReadonlyMap<string, Path>;

const test = suite<Partial<Stage>>('captures taken now', {});
test.skipUnless(findLiveObstacle());

test.before(async (context) => {
  const tcp = randomInt(1024, 30_000);
  const inner = tcp + randomInt(1, 1_000);
  const lab = await up();
  Object.assign(context, { lab, folder: await mkdtemp(join(tmpdir(), 'trace-flow-fresh-')) });
  const redis = [...REDIS, '--port', String(inner)];
  const web = await lab.run({
    name: 'web',
    command: redis,
    publish: [`${tcp}:${inner}`, '53:53/udp'],
    waitFor: [{ protocol: 'tcp', port: inner }],
  });
  await namePeers(lab, web, 53);
  const app = await lab.run({ name: 'app', command: ['sleep', '1000'] });
  Object.assign(context, { web, app, ports: { tcp, inner, udp: 53 } });
});

test.after(async ({ lab, folder }) => {
  await lab?.down();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

/** From where, what is dialled, and by which way it goes. */
interface Dial {
  readonly where: Where;
  readonly source: string;
  readonly address: string;
  readonly port: number;
  readonly path: Path;
}

/** Every client at once. */
async function send({ lab, web, app, ports }: Stage): Promise<Truths> {
  const truths = new Map<string, Path>();
  const talk = async (
    program: string | undefined,
    { where, source, address, port, path }: Dial,
    more: readonly string[],
  ): Promise<void> => {
    const name = `${path}-${address}`;
    const words = [program ?? '', address, String(port), String(EACH), name, ...more];
    const { stdout } = await lab.exec(where, [process.execPath, ...words]);
    const protocol = program === ECHOES ? 'tcp' : 'udp';
    for (const line of stdout.trim().split('\n')) {
      const { port: own } = JSON.parse(line) as { port: number };
      truths.set(`${protocol} ${source} ${own}`, path);
    }
  };
  const { client, host } = lab;
  const outside = { where: 'client', source: client.ipv4, address: host.ipv4 } as const;
  const loopback = { where: 'host', source: '127.0.0.1', address: '127.0.0.1' } as const;
  const port = ports.tcp;
  const tcp: Dial[] = [
    { ...outside, port, path: 'dnat' },
    { where: 'host', source: host.ipv4, address: host.ipv4, port, path: 'dnat' },
    { ...loopback, port, path: 'relay' },
    { where: 'host', source: '::1', address: '::1', port, path: 'relay' },
    { where: app, source: app.ipv4, address: app.gateway, port, path: 'relay' },
    { where: app, source: app.ipv4, address: web.ipv4, port: ports.inner, path: 'direct' },
  ];
  const udp: Dial[] = [
    { ...outside, port: ports.udp, path: 'dnat' },
    { ...loopback, port: ports.udp, path: 'relay' },
  ];
  await Promise.all([
    ...tcp.map((way) => talk(ECHOES, way, ['together'])),
    ...udp.map((way) => talk(DATAGRAMS, way, ['2000'])),
  ]);
  assert.is(truths.size, (tcp.length + udp.length) * EACH, 'each client has an end of its own');
  return truths;
}

/** With room for what a busy machine does not write at once. */
const tcpdump = (device: string, file: string): string[] => [
  ...['tcpdump', '-Z', 'root', '-B', '16384', '-U', '-n', '-i', device, '-w', file],
];

/** Starts it and waits until it listens. */
async function begin(command: readonly string[], output: 'ignore' | 'pipe'): Promise<Taking> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', output, 'pipe'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('listening on')) resolve();
    });
    child.on('exit', () => reject(new Error(`${command.join(' ')}: ${said}`)));
  });
  return {
    stdout: child.stdout,
    end: async () => {
      child.kill('SIGINT');
      await ended;
      return !/\b[1-9]\d* packets dropped by kernel/.test(said);
    },
  };
}

interface Taking {
  readonly stdout: Readable | null;
  /** False where packets were lost. */
  readonly end: () => Promise<boolean>;
}

async function read(
  files: readonly string[],
  ports: readonly number[],
  input?: Taking,
): Promise<Report> {
  const asked = ports.flatMap((port) => ['--port', String(port)]);
  const reading = execa(process.execPath, [PROGRAM ?? '', 'read', ...files, ...asked, '--json'], {
    stdin: input ? 'pipe' : 'ignore',
    reject: false,
  });
  if (input && reading.stdin) input.stdout?.pipe(reading.stdin);
  const { stdout, stderr } = await reading;
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Report;
}

type Told = Pick<Connection, 'path' | 'proof'>;

/** What was told of whom; nothing but the truth, or that it cannot be told. */
function check(name: string, report: Report, truths: Truths): ReadonlyMap<string, Told> {
  const told = new Map<string, Told>();
  for (const { protocol, client, path, proof, reason } of report.connections) {
    const key = `${protocol} ${client.address} ${client.port}`;
    const truth = truths.get(key);
    if (truth === undefined) continue; // the leg of a relay whose other one was not captured
    if (path !== 'unknown') assert.is(path, truth, `${name}: ${key}: ${reason}`);
    told.set(key, { path, proof });
  }
  return told;
}

/** By name of file: what was told of whom. */
interface Take {
  readonly whole: boolean;
  readonly told: ReadonlyMap<string, ReadonlyMap<string, Told>>;
}

/** Takes the same traffic in every place at once, and reads each file. */
async function take(stage: Stage): Promise<Take> {
  const { lab, web, folder, ports } = stage;
  const at = (name: string): string => join(folder, `${name}.pcap`);
  const devices = ['any', 'ext0', 'docker0', 'lo'];
  const takings = await Promise.all([
    ...devices.map((name) => begin(lab.commandIn('host', tcpdump(name, at(name))), 'ignore')),
    begin(lab.commandIn(web, tcpdump('eth0', at('web'))), 'ignore'),
    begin(lab.commandIn('host', tcpdump('any', '-')), 'pipe'),
  ]);
  const wanted = [ports.tcp, ports.udp, ports.inner];
  const piped = read(['-'], wanted, takings.at(-1));
  const truths = await send(stage);
  // The kernel hands packets on in blocks, and what is on its way to a tcpdump that is ended is lost.
  await new Promise((resolve) => setTimeout(resolve, BLOCK));
  const ends = await Promise.all(takings.map(({ end }) => end()));
  const told = new Map<string, ReadonlyMap<string, Told>>();
  for (const names of [...devices.map((name) => [name]), ['web'], ['ext0', 'web']]) {
    const name = names.join(' and ');
    told.set(name, check(name, await read(names.map(at), wanted), truths));
  }
  told.set('pipe', check('pipe', await piped, truths));
  return { whole: ends.every(Boolean), told };
}

function countTold(
  told: ReadonlyMap<string, Told> | undefined,
  protocol: string,
  path: Told['path'],
  ...proofs: Proof[]
): number {
  return [...(told ?? [])].filter(
    ([key, one]) => key.startsWith(protocol) && one.path === path && proofs.includes(one.proof),
  ).length;
}

test('each tells the truth, or that it cannot tell; where no packet was lost, it can', async (context) => {
  const stage = context as Stage;
  let taken = await take(stage);
  for (let again = 1; !taken.whole && again < TAKES; again += 1) taken = await take(stage);
  assert.ok(taken.whole, `tcpdump lost packets ${TAKES} times`);
  for (const name of ['any', 'pipe']) {
    const told = taken.told.get(name);
    const count = (protocol: string, path: Told['path'], ...proofs: Proof[]): number =>
      countTold(told, protocol, path, ...proofs);
    assert.is(count('tcp', 'dnat', 'proven'), EACH, `${name}: DNAT from outside`);
    assert.is(count('tcp', 'relay', 'proven'), 3 * EACH, `${name}: through docker-proxy`);
    assert.is(count('tcp', 'direct', 'proven'), EACH, `${name}: bridged`);
    // OUTPUT rewrites before any device sees the packet.
    assert.is(count('tcp', 'unknown', 'inconclusive'), EACH, `${name}: the host's own address`);
    assert.is(count('udp', 'dnat', 'proven'), EACH, `${name}: datagrams by DNAT`);
    assert.is(count('udp', 'relay', 'proven', 'likely'), EACH, `${name}: datagrams through it`);
  }
  const apart = taken.told.get('ext0 and web');
  for (const protocol of ['tcp', 'udp']) {
    assert.is(countTold(apart, protocol, 'dnat', 'proven'), EACH, `${protocol}: two files`);
  }
});

test.run();
