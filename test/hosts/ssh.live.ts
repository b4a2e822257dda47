/**
 * Two hosts traced at once over ssh, the clock of one three seconds ahead: live with a command, cut off for five seconds, one killed, one that cannot be
 * traced; and nothing stays behind on either. Each host has an engine and a server of OpenSSH; the watching machine is
 * the first lab's client.
 */

import { execa } from 'execa';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS } from '../../src/lab/index.js';
import { reportSchema, type Report } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { AHEAD, openLogins, type Logins } from './logins.js';
import { pidOf, upPair, type Swarm } from './swarm.js';

const test = suite('several hosts over ssh');
test.skipUnless(findLiveObstacle('sshd', 'ssh'));

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
/** Addresses of the watching machine and of the second host, on a wire that ssh alone uses. */
const WIRE = { client: '198.19.0.1', b: '198.19.0.2' };

let pair: Swarm;
let logins: Logins;
let folder: string;

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trace-flow-ssh-'));
  pair = await upPair();
  const { a, b } = pair;
  await b.lab.run({ name: 'web', command: REDIS, publish: ['16379:6379'] });
  const peer = ['peer', 'name', 'ssh0', 'netns', pidOf(b.lab.host.netns)];
  await a.lab.exec('client', ['ip', 'link', 'add', 'ssh0', 'type', 'veth', ...peer]);
  for (const [lab, place, address] of [
    [a.lab, 'client', WIRE.client],
    [b.lab, 'host', WIRE.b],
  ] as const) {
    await lab.exec(place, ['ip', 'address', 'add', `${address}/24`, 'dev', 'ssh0']);
    await lab.exec(place, ['ip', 'link', 'set', 'ssh0', 'up']);
  }
  logins = await openLogins(folder, [
    { alias: 'alpha', lab: a.lab, address: a.lab.host.ipv4 },
    { alias: 'beta', lab: b.lab, address: WIRE.b },
  ]);
});

test.after(async () => {
  logins.down();
  await pair.down();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts trace-flow on the watching machine. */
function start(...args: string[]) {
  const hosts = ['--ssh-config', logins.config, '--host', 'ssh://alpha', '--host', 'ssh://beta'];
  const own = [RUN, ...hosts, '--port', '16379', '--port', '6379', '--json', ...args];
  const [file, ...rest] = pair.a.lab.commandIn('client', [process.execPath, ...own]);
  const running = execa(file, rest, { reject: false, env: { NO_COLOR: '1' } });
  const ready = waitFor(running.stderr, /^ready: /m);
  // Not every test waits for it.
  ready.catch(() => undefined);
  return Object.assign(running, { ready });
}

async function waitFor(stream: NodeJS.ReadableStream, sign: RegExp): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (chunk) => {
      text += String(chunk);
      if (sign.test(text)) resolve();
    });
    stream.on('end', () => reject(new Error(`ended without ${sign}: ${text}`)));
  });
}

const parse = (text: string): Report => reportSchema.parse(JSON.parse(text));

/** Asks the second host's container from the first host. */
const ASK = ['redis-cli', '-h', '198.18.0.2', '-p', '16379', 'ping'];

/** The processes of traces on a host. */
function listTraces({ lab }: Swarm['a']): { pid: number; words: string }[] {
  const inHost = statSync(lab.host.netns).ino;
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const isTrace = words.includes('--lifeline') || words.startsWith('bpftrace\0');
      return isTrace && statSync(`/proc/${pid}/ns/net`).ino === inHost ? [{ pid, words }] : [];
    } catch {
      return []; // it has just ended
    }
  });
}

/** Waits until no trace is left on either host. A host notices a broken connection within a moment. */
async function waitUntilGone(): Promise<void> {
  const left = (): object[] => [...listTraces(pair.a), ...listTraces(pair.b)];
  const until = performance.now() + 20_000;
  while (left().length > 0) {
    if (performance.now() > until) assert.equal(left(), []);
    await sleep(50);
  }
}

test('live with a command: one connection over both hosts, proven, and each has its recording', async () => {
  const record = join(folder, 'both.tflow');
  const over = ['ssh', '-F', logins.config, 'alpha', ...ASK];
  const { stdout, stderr, exitCode } = await start('--record', record, '--', ...over);
  assert.is(exitCode, 0, stderr);
  const report = parse(stdout);
  assert.is(report.source, 'live');
  assert.equal(
    report.connections.map(({ path, proof, outcome, parts }) => [
      ...[path, proof, outcome],
      ...(parts ?? []).map(({ host }) => host),
    ]),
    [['dnat', 'proven', 'answered', 'alpha', 'beta']],
  );
  assert.is(report.coverage.sealed, true);
  const { offset = null, error = null } = report.hosts?.[1]?.clock ?? {};
  assert.ok(Math.abs((offset ?? 0) - AHEAD) < 5e6, `${offset}`);
  assert.ok(error !== null && error < 5e6, `${error}`);
  const files = ['alpha', 'beta'].map((name) => join(folder, `both-${name}.tflow`));
  const again = await execa(process.execPath, [RUN, 'read', ...files, '--json']);
  assert.equal(
    parse(again.stdout).connections.map(({ path, proof, parts }) => [path, proof, parts?.length]),
    [['dnat', 'proven', 2]],
  );
  await waitUntilGone();
});

test('ssh that is cut off for five seconds goes on afterwards, and nothing is missing', async () => {
  const trace = start();
  await trace.ready;
  const { a } = pair;
  const nft = async (...words: string[]): Promise<unknown> =>
    a.lab.exec('client', ['nft', words.join(' ')]);
  await nft(
    'add table inet cut;',
    'add chain inet cut in { type filter hook input priority 0; };',
    'add chain inet cut out { type filter hook output priority 0; };',
    'add rule inet cut in iifname ssh0 drop; add rule inet cut out oifname ssh0 drop',
  );
  await a.lab.exec('host', ASK);
  await sleep(5_000); // the length of the cut is what is tested
  await nft('delete table inet cut');
  await a.lab.exec('host', ASK);
  trace.kill('SIGINT');
  const { stdout, stderr, exitCode } = await trace;
  assert.is(exitCode, 0, stderr);
  assert.equal(
    parse(stdout).connections.map(({ path, proof }) => [path, proof]),
    [
      ['dnat', 'proven'],
      ['dnat', 'proven'],
    ],
  );
  await waitUntilGone();
});

test('a host whose trace is killed in the middle is said, and nothing that rests on it is proven', async () => {
  const trace = start();
  await trace.ready;
  await pair.a.lab.exec('host', ASK);
  for (const { pid } of listTraces(pair.b)) process.kill(pid, 'SIGKILL');
  await waitFor(trace.stderr, /beta was not traced to the end/);
  trace.kill('SIGINT');
  const { stdout, stderr, exitCode } = await trace;
  assert.is(exitCode, 1, stderr);
  assert.match(stderr, /^Error: beta was not traced to the end/m);
  const report = parse(stdout);
  assert.equal(
    report.hosts?.map(({ name, coverage }) => [name, coverage.truncated, coverage.sealed]),
    [
      ['alpha', false, true],
      ['beta', true, false],
    ],
  );
  assert.ok(report.connections.every(({ proof }) => proof !== 'proven'));
  await waitUntilGone();
});

test('when this program is killed, no trace stays on any host', async () => {
  const trace = start();
  await trace.ready;
  assert.ok(listTraces(pair.a).length > 0 && listTraces(pair.b).length > 0);
  // The child itself: what starts it has become it.
  process.kill(trace.pid ?? 0, 'SIGKILL');
  await trace;
  await waitUntilGone();
});

test('one host that cannot be traced ends it for all before it begins, with what to do', async () => {
  for (const [more, message, remedy] of [
    [
      ['--host', 'ssh://nobody@beta'],
      /^Error: beta-2 cannot be traced: ssh may not log in there/m,
      /ssh-copy-id/,
    ],
    [
      ['--host-program', 'no-such-trace-flow'],
      /cannot be traced: no-such-trace-flow cannot be run there/,
      /--host-program PATH/,
    ],
  ] as const) {
    const { stdout, stderr, exitCode } = await start(...more, '--', 'true');
    assert.is(exitCode, 1, stderr);
    assert.is(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, remedy);
  }
  await waitUntilGone();
});

test.run();
