/**
 * A live trace beside its prediction: they agree, the deciding rule is named, its counter is a second witness, and a
 * recording tells the same.
 */
import { execa } from 'execa';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab } from '../../src/lab/index.js';
import { reportSchema, type Report } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('beside, live');
test.skipUnless(findLiveObstacle());

const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

let lab: Lab;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-beside-'));
  lab = await up();
  await lab.run({ name: 'redis', command: REDIS, publish: ['6379:6379'] });
});

test.after(async () => {
  await lab.down();
  await rm(folder, { recursive: true, force: true });
});

async function trace(script: string, ...more: string[]): Promise<Report> {
  const port = more.includes('--port') ? [] : ['--port', '6379'];
  const here = [...port, '--netns', lab.host.netns, '--json', ...more];
  const { stdout } = await execa('node', [PROGRAM, 'trace', ...here, '--', 'sh', '-c', script], {
    env: { DOCKER_HOST: lab.dockerHost },
  });
  return reportSchema.parse(JSON.parse(stdout));
}

const ping = (address: string): string => `redis-cli -h ${address} ping`;

test('docker-proxy and OUTPUT DNAT: predicted and seen alike, with the rule that decides', async () => {
  const file = join(folder, 'both.ndjson');
  const report = await trace(`${ping('127.0.0.1')}; ${ping(lab.host.ipv4)}`, '--record', file);
  assert.equal(report.findings, []);
  const told = report.connections.map(({ path, predicted }) => [path, predicted?.agrees]);
  assert.equal(told.sort(), [
    ['dnat', true],
    ['docker-proxy', true],
  ]);
  const dnat = report.connections.find(({ path }) => path === 'dnat');
  assert.match(dnat?.why ?? '', /the rule "-A DOCKER .* -j DNAT .*" \(iptables-nft, table nat\)/);
  const counted = dnat?.evidence.find(({ code }) => code === 'rule-counted');
  assert.is(counted?.holds, true);
  assert.match(counted?.claim ?? '', 'in DOCKER counted 1 packet during');
  const relayed = report.connections.find(({ path }) => path === 'docker-proxy');
  assert.match(relayed?.why ?? '', 'the rule "-A OUTPUT ! -d 127.0.0.0/8');
  const { stdout } = await execa('node', [PROGRAM, 'read', file, '--json']);
  const replayed = reportSchema.parse(JSON.parse(stdout));
  assert.equal({ ...replayed, source: 'live' }, report);
  assert.match(await readFile(file, 'utf8'), '"survey"');
});

test('a rule that goes away during the trace is the cause of the difference', async () => {
  const rule = `DOCKER ! -i docker0 -p tcp -m tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6379`;
  const report = await trace(`iptables -t nat -D ${rule}; ${ping(lab.host.ipv4)}`);
  await lab.exec('host', ['iptables', '-t', 'nat', '-A', ...rule.split(' ')]);
  const [one] = report.connections;
  assert.is(one?.path, 'docker-proxy');
  assert.is(one?.predicted?.path, 'dnat');
  assert.is(one?.predicted?.agrees, false);
  const [finding] = report.findings ?? [];
  assert.is(finding?.code, 'prediction-differs');
  assert.match(finding?.remedy ?? '', `removed "-A ${rule}"`);
});

test('a rule of a firewall that drops it is named', async () => {
  const rule = ['DOCKER-USER', '-s', `${lab.client.ipv4}/32`, '-j', 'DROP'];
  await lab.exec('host', ['iptables', '-I', ...rule]);
  const knock = `nsenter --net=${lab.client.netns} timeout 1 redis-cli -h ${lab.host.ipv4} ping`;
  const report = await trace(`${knock} || true`);
  await lab.exec('host', ['iptables', '-D', ...rule]);
  const [one] = report.connections;
  assert.is(one?.outcome, 'dropped');
  assert.is(one?.predicted?.agrees, true);
  assert.match(one?.why ?? '', 'the rule "-A DOCKER-USER -s ');
});

test('REDIRECT to a port of docker-proxy: one chain, which is not predicted', async () => {
  const rule = ['OUTPUT', '-p', 'tcp', '--dport', '6399', '-j', 'REDIRECT', '--to-ports', '6379'];
  await lab.exec('host', ['iptables', '-t', 'nat', '-I', ...rule]);
  try {
    const report = await trace('redis-cli -p 6399 ping', '--port', '6399');
    const [one] = report.connections;
    assert.is(report.connections.length, 1);
    assert.is(one?.path, 'docker-proxy');
    assert.match(
      one?.reason ?? '',
      /^a rule redirected 127\.0\.0\.1:6399 to 127\.0\.0\.1:6379 .*then docker-proxy/,
    );
    assert.is(one?.predicted?.path, 'unknown');
    assert.match(
      one?.predicted?.why ?? '',
      /a rule sends it to 127\.0\.0\.1 port 6379 of this host/,
    );
    assert.is.not(one?.predicted?.agrees, false);
  } finally {
    await lab.exec('host', ['iptables', '-t', 'nat', '-D', ...rule]);
  }
});

test('a DNAT rule made by hand: its target is traced too, into the container', async () => {
  const redis = await lab.inspect('redis');
  const match = ['OUTPUT', '-p', 'tcp', '-d', lab.host.ipv4, '--dport', '9600'];
  const rule = [...match, '-j', 'DNAT', '--to-destination', `${redis.ipv4}:6379`];
  await lab.exec('host', ['iptables', '-t', 'nat', '-A', ...rule]);
  const report = await trace(`redis-cli -h ${lab.host.ipv4} -p 9600 ping`, '--port', '9600');
  await lab.exec('host', ['iptables', '-t', 'nat', '-D', ...rule]);
  const one = report.connections.find(({ server }) => server?.port === 9600);
  assert.is(one?.path, 'dnat');
  assert.is(one?.proof, 'proven');
  assert.is(one?.container?.name, 'redis');
  assert.ok(one?.hops.some(({ namespace }) => namespace === 'redis'));
});

test.run();
