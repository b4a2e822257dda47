/** The command line on the lab: exit codes, files, streams, and hosts with no engine or one that does not answer. */
import { execa } from 'execa';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import { reportSchema } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

const test = suite('command line');
test.skipUnless(findLiveObstacle());

let lab: Lab;
let redis: LabContainer;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-cli-'));
  lab = await up();
  redis = await lab.run({ name: 'redis', command: REDIS, publish: ['6379:6379'] });
});

test.after(async () => {
  await lab.down();
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
}

async function run(args: readonly string[], dockerHost = lab.dockerHost): Promise<Ended> {
  const { stdout, stderr, exitCode } = await execa(process.execPath, [RUN, ...args], {
    reject: false,
    env: { DOCKER_HOST: dockerHost, NO_COLOR: '1' },
  });
  return { stdout, stderr, exitCode };
}

const ping = (address: string): string[] => ['--', 'redis-cli', '-h', address, 'ping'];
const here = (): string[] => ['--port', '6379', '--netns', lab.host.netns];

async function listTracers(): Promise<string> {
  return (await execa('pgrep', ['-ax', 'bpftrace'], { reject: false })).stdout;
}

test('--expect that is not met exits 4 and says why; the first line is the verdict', async () => {
  const { stdout, stderr, exitCode } = await run([
    ...here(),
    '--expect',
    'dnat',
    ...ping('127.0.0.1'),
  ]);
  assert.is(exitCode, 4, stderr);
  assert.match(stdout.split('\n')[0] ?? '', /^6379: answered, through docker-proxy \(proven\)/);
  assert.match(
    stderr,
    /expected dnat\/answered, saw docker-proxy\/answered: docker-proxy \(pid \d+\) accepted/,
  );
  assert.ok(stdout.split('\n').every((line) => line.length <= 80));
});

test('--expect relay is met by docker-proxy', async () => {
  const { exitCode, stderr } = await run([...here(), '--expect', 'relay', ...ping('127.0.0.1')]);
  assert.is(exitCode, 0, stderr);
});

test('--watch shows connections in place on a terminal, and pcapng and Perfetto files are written', async () => {
  const [packets, viewer] = [join(folder, 'redis.pcapng'), join(folder, 'redis.json')];
  const files = ['--pcapng', packets, '--perfetto', viewer];
  const traffic = ['--', 'sh', '-c', 'redis-cli -h 127.0.0.1 ping; sleep 1'];
  const args = [RUN, ...here(), '--watch', ...files, ...traffic].map((word) => `'${word}'`);
  // A terminal of 100 columns, made by script(1).
  const { stdout, exitCode } = await execa(
    'script',
    ['-qec', `stty cols 100 rows 30; ${process.execPath} ${args.join(' ')}`, '/dev/null'],
    { reject: false, env: { DOCKER_HOST: lab.dockerHost, NO_COLOR: '1' } },
  );
  assert.is(exitCode, 0, stdout);
  assert.match(stdout, / {4}#1 {2}docker-proxy {2}proven {8}answered .*(?:µs|ms)/);
  assert.match(stdout, /\u001b\[2A\u001b\[J/); // above the connection's line stands the table's head
  assert.match((await readFile(packets)).subarray(0, 4).toString('hex'), '0a0d0d0a');
  assert.ok('traceEvents' in (JSON.parse(await readFile(viewer, 'utf8')) as object));
});

test('no matching traffic exits 3', async () => {
  const { exitCode, stdout } = await run([...here(), '-d', '0.3']);
  assert.is(exitCode, 3);
  assert.match(stdout, /^6379: no matching traffic was seen\n/);
});

test('--json is the document of the schema and nothing else', async () => {
  const { stdout, exitCode } = await run([...here(), '--json', ...ping(lab.host.ipv4)]);
  assert.is(exitCode, 0);
  const report = reportSchema.parse(JSON.parse(stdout));
  assert.is(report.verdict.path, 'dnat');
  assert.is(report.connections[0]?.nat?.hook, 'OUTPUT');
  assert.is(report.source, 'live');
});

test('--ndjson streams events, the connection, then the summary', async () => {
  const { stdout } = await run([...here(), '--ndjson', ...ping(lab.host.ipv4)]);
  const types = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  assert.is(types.at(-1), 'summary');
  assert.is(types.filter((type) => type === 'connection').length, 1);
  assert.ok(types.indexOf('event') < types.indexOf('connection'));
});

test('a recording read back gives the same document', async () => {
  const file = join(folder, 'redis.tflow');
  const svg = join(folder, 'redis.svg');
  const live = await run([
    ...here(),
    '--json',
    '--record',
    file,
    '--svg',
    svg,
    ...ping('127.0.0.1'),
  ]);
  assert.is(live.exitCode, 0, live.stderr);
  assert.match(await readFile(svg, 'utf8'), /^<svg|^<\?xml/);
  const read = await run(['read', file, '--json']);
  const document = JSON.parse(read.stdout) as object;
  assert.equal(document, { ...(JSON.parse(live.stdout) as object), source: 'recording' });
});

test('-n ends the trace when so many connections have ended', async () => {
  const trace = run([...here(), '-n', '2', '--json']);
  const done = trace.then(() => true);
  let over = false;
  void done.then(() => (over = true));
  while (!over) {
    await lab.exec('client', ['redis-cli', '-h', lab.host.ipv4, 'ping']);
  }
  const report = reportSchema.parse(JSON.parse((await trace).stdout));
  assert.ok(report.connections.length >= 2);
  assert.is(report.verdict.path, 'dnat');
});

test('--container and --client narrow it', async () => {
  const args = [
    '--container',
    'redis',
    '--netns',
    lab.host.netns,
    '--client',
    '192.0.2.77',
    '--json',
  ];
  const { exitCode } = await run([...args, ...ping('127.0.0.1')]);
  assert.is(exitCode, 3);
  const unknown = await run(['--container', 'nginx', '--netns', lab.host.netns, '-d', '1']);
  assert.is(unknown.exitCode, 2);
  assert.match(unknown.stderr, /redis/);
});

test('without an engine: namespaces and devices by name, the path proven all the same', async () => {
  const nowhere = `unix://${join(folder, 'no.sock')}`;
  const { stdout, stderr, exitCode } = await run(
    [...here(), '--json', ...ping('127.0.0.1')],
    nowhere,
  );
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /warning: .*engine|Engine/);
  const report = reportSchema.parse(JSON.parse(stdout));
  assert.is(report.verdict.path, 'docker-proxy');
  assert.is(report.verdict.proof, 'proven');
  const [one] = report.connections;
  assert.is(one?.container?.address, redis.ipv4);
  assert.ok(one?.hops.some((hop) => hop.interface === 'docker0'));
});

test('beside an engine that does not answer', async () => {
  const socket = join(folder, 'deaf.sock');
  const server = createServer(() => undefined).listen(socket);
  const { stdout, exitCode, stderr } = await run(
    [...here(), '--json', ...ping(lab.host.ipv4)],
    `unix://${socket}`,
  );
  server.close();
  assert.is(exitCode, 0, stderr);
  assert.is(reportSchema.parse(JSON.parse(stdout)).verdict.path, 'dnat');
});

test('a tracer killed in mid-trace: exit 1, the message says so, and nothing is proven', async () => {
  const before = await listTracers();
  const trace = execa(process.execPath, [RUN, ...here(), '--json', '-d', '20'], {
    reject: false,
    env: { DOCKER_HOST: lab.dockerHost },
  });
  await new Promise<void>((resolve) => {
    trace.stderr.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) resolve();
    });
  });
  await lab.exec('client', ['redis-cli', '-h', lab.host.ipv4, 'ping']);
  const tracer = (await listTracers()).split('\n').find((line) => !before.includes(line));
  process.kill(Number.parseInt(tracer ?? '', 10), 'SIGKILL');
  const { exitCode, stderr, stdout } = await trace;
  assert.is(exitCode, 1);
  assert.match(stderr, /bpftrace was killed by SIGKILL while tracing/);
  const report = reportSchema.parse(JSON.parse(stdout));
  assert.not(report.coverage.sealed);
  assert.ok(report.connections.every(({ proof }) => proof !== 'proven'));
});

test('Ctrl-C ends the trace and still reports; nothing is left behind', async () => {
  const trace = execa(process.execPath, [RUN, ...here()], {
    reject: false,
    env: { DOCKER_HOST: lab.dockerHost },
  });
  await new Promise<void>((resolve) => {
    trace.stderr.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) resolve();
    });
  });
  await lab.exec('client', ['redis-cli', '-h', lab.host.ipv4, 'ping']);
  trace.kill('SIGINT');
  const { exitCode, stdout } = await trace;
  assert.is(exitCode, 0);
  assert.match(stdout.split('\n')[0] ?? '', /^6379: answered, by DNAT in PREROUTING \(proven\)/);
  const own = (await listTracers()).split('\n').filter((line) => line.includes(String(trace.pid)));
  assert.equal(own, []);
});

test('wrong usage exits 2 with the remedy', async () => {
  for (const args of [
    ['--port', '70000'],
    ['--port', 'http'],
    ['--client', 'nobody'],
    ['--netns', 'no-such-namespace', '--port', '6379'],
    ['--port', '6379', '--'],
    ['--expect', 'magic'],
    ['--no-such-flag'],
  ]) {
    const { exitCode, stderr } = await run(args);
    assert.is(exitCode, 2, `${args.join(' ')}: ${stderr}`);
    assert.not.match(stderr, /\n\s+at /, 'no stack trace');
  }
});

test('a command that is not there, and a file that cannot be written', async () => {
  const missing = await run([...here(), '--', 'no-such-program-here']);
  assert.is(missing.exitCode, 1);
  assert.match(missing.stderr, /was not found/);
  const unwritable = await run([...here(), '--svg', join(folder, 'no', 'such', 'folder.svg')]);
  assert.is(unwritable.exitCode, 1);
  assert.match(unwritable.stderr, /cannot be written/);
});

test.run();
