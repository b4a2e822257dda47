/**
 * --trace-rules in the lab: the rules that first packets met by name, and its table is removed however the trace ends.
 */
import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab } from '../../src/lab/index.js';
import { reportSchema, type Report } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
/** Milliseconds until a table must have gone with its owner. */
const PATIENCE = 5_000;

const test = suite('rule tracing');
test.skipUnless(findLiveObstacle('setpriv'));

let lab: Lab;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-rules-'));
  lab = await up();
  await lab.run({ name: 'redis', command: REDIS, publish: ['8080:6379'] });
});

test.after(async () => {
  await lab.down();
  await rm(folder, { recursive: true, force: true });
});

const here = (): string[] => ['--port', '8080', '--netns', lab.host.netns, '--trace-rules'];

/** Tables of trace-flow's in the host. */
async function listTables(): Promise<string> {
  const { stdout } = await lab.exec('host', ['nft', 'list', 'tables']);
  return stdout
    .split('\n')
    .filter((line) => line.includes('trace-flow'))
    .join();
}

async function awaitNone(): Promise<string> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const tables = await listTables();
    if (tables === '' || performance.now() > deadline) return tables;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function trace(...more: string[]): Promise<Report> {
  const { stdout, stderr, exitCode } = await execa(
    process.execPath,
    [RUN, ...here(), '--json', ...more],
    { reject: false, env: { DOCKER_HOST: lab.dockerHost } },
  );
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /a table of its own here: inet trace-flow-\d+/, 'it says what it changes');
  return reportSchema.parse(JSON.parse(stdout));
}

function tell(report: Report, leg: 'client' | 'container'): string {
  const [one] = report.connections;
  return (one?.rules ?? [])
    .filter((met) => met.leg === leg)
    .map(({ table, chain, rule, verdict }) => `${table} ${chain}: ${rule ?? verdict}`)
    .join('\n');
}

test('DNAT: from the jump to the rule that rewrote, then through the firewall; a replay says the same', async () => {
  const file = join(folder, 'rules.ndjson');
  const inside = ['nsenter', `--net=${lab.client.netns}`, 'redis-cli'];
  const command = [...inside, '-h', lab.host.ipv4, '-p', '8080', 'ping'];
  const report = await trace('--record', file, '--', ...command);
  assert.is(report.verdict.path, 'dnat', report.verdict.reason);
  assert.is(report.verdict.proof, 'proven', report.verdict.reason);
  const told = tell(report, 'client');
  assert.match(
    told,
    /^nat PREROUTING: .*jump DOCKER\nnat DOCKER: .*dport 8080 .*dnat to 172\.17\./i,
  );
  assert.match(told, /filter FORWARD: .*jump DOCKER-USER/);
  assert.not.match(told, /trace-flow/);
  assert.is(await listTables(), '', 'the table is gone');
  const replay = await execa(process.execPath, [RUN, 'read', '--json', file]);
  const again = reportSchema.parse(JSON.parse(replay.stdout));
  assert.equal(again.connections, report.connections);
});

test('docker-proxy: no rule takes the client’s packet, and its own leg has rules of its own', async () => {
  const report = await trace('--', 'redis-cli', '-h', '127.0.0.1', '-p', '8080', 'ping');
  assert.is(report.verdict.path, 'docker-proxy', report.verdict.reason);
  assert.not.match(tell(report, 'client'), /dnat/i);
  assert.match(tell(report, 'container'), /policy|accept|: /);
});

test('Ctrl-C ends the trace, reports, and takes the table away', async () => {
  const { stderr } = await endBy('SIGINT');
  assert.match(stderr, /no matching traffic/);
});

test('a trace that is killed leaves no table and no nft behind', async () => {
  await endBy('SIGKILL');
});

/** Starts a trace, ends it by this signal once its table is there, and sees that the table goes. */
async function endBy(signal: 'SIGINT' | 'SIGKILL'): Promise<{ stderr: string }> {
  const traced = execa(process.execPath, [RUN, ...here()], {
    reject: false,
    env: { DOCKER_HOST: lab.dockerHost },
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    traced.stderr.on('data', (text: Buffer) => {
      said += String(text);
      if (said.includes('ready:')) resolve();
    });
    traced.then(() => reject(new Error(`it ended: ${said}`)), reject);
  });
  assert.match(await listTables(), `inet trace-flow-${traced.pid}`, 'while it runs, it is there');
  const children = (await execa('pgrep', ['-P', String(traced.pid)])).stdout.split('\n');
  traced.kill(signal);
  const { stderr } = await traced;
  assert.is(await awaitNone(), '', `after ${signal}`);
  assert.equal(children.filter(isNft), []);
  return { stderr };
}

/** Whether this process is an nft that has not ended. */
function isNft(pid: string): boolean {
  try {
    return /\(nft\) [^ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test.run();
