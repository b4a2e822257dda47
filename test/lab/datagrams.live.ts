// Datagrams by every way into a container, many clients at once: verdicts and relay pairs against what the container saw.

import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { up, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';
import type { Connection, Report } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { traceWhile } from '../support/tracing.js';
import type { DatagramResult } from './udp-clients.js';

const CLIENTS = fileURLToPath(new URL('udp-clients.js', import.meta.url));
/** Answers with the address and port that it saw, and what it got. */
const TELL_PEER = 'SYSTEM:read -r line; echo $SOCAT_PEERADDR\\:$SOCAT_PEERPORT $line';
const PATIENCE = 3_000;

const test = suite('datagrams');
test.skipUnless(findLiveObstacle('socat', 'conntrack'));

let lab: Lab;
let server: LabContainer;
let app: LabContainer;

test.before(async () => {
  lab = await up();
  const serve = `socat UDP4-RECVFROM:53,fork '${TELL_PEER}' & exec socat -u UDP4-RECV:54 OPEN:/dev/null`;
  server = await lab.run({
    name: 'server',
    command: ['sh', '-c', serve],
    publish: ['5353:53/udp', '5454:54/udp', '5555:55/udp'],
    waitFor: [
      { protocol: 'udp', port: 53 },
      { protocol: 'udp', port: 54 },
    ],
  });
  app = await lab.run({ name: 'app', command: ['sleep', '1000'] });
});

test.after(() => lab.down());

/** How datagrams are sent, and what is true of them by construction. */
interface Scenario {
  readonly name: string;
  readonly where: Where;
  readonly address: string;
  readonly port: number;
  readonly count: number;
  readonly path: Connection['path'];
  readonly hook?: 'PREROUTING' | 'OUTPUT';
  readonly outcome?: Connection['outcome'];
  readonly source?: number;
}

function listScenarios(): Scenario[] {
  const proxy = { path: 'docker-proxy' as const, port: 5353 };
  const dnat = { path: 'dnat' as const, port: 5353, hook: 'PREROUTING' as const };
  const outside = { where: 'client' as const, address: lab.host.ipv4 };
  const loopback = { where: 'host' as const, address: '127.0.0.1' };
  const direct = { path: 'direct' as const, address: server.ipv4, port: 53 };
  return [
    { name: 'loopback', ...loopback, ...proxy, count: 17 },
    { name: 'loopback6', where: 'host', address: '::1', ...proxy, count: 3 },
    { name: 'outside', ...outside, ...dnat, count: 7 },
    { name: 'outside6', where: 'client', address: lab.host.ipv6, ...proxy, count: 2 },
    { name: 'own', where: 'host', address: lab.host.ipv4, ...dnat, hook: 'OUTPUT', count: 2 },
    { name: 'gateway', where: app, address: app.gateway, ...proxy, count: 5 },
    { name: 'beside', where: app, ...direct, count: 2 },
    { name: 'from-host', where: 'host', ...direct, count: 2 },
    { name: 'pinned', ...outside, ...proxy, count: 1, source: 40_001 },
    { name: 'one-way-dnat', ...outside, ...dnat, port: 5454, count: 2, outcome: 'unanswered' },
    { name: 'one-way-proxy', ...loopback, ...proxy, port: 5454, count: 2, outcome: 'unanswered' },
    { name: 'closed-dnat', ...outside, ...dnat, port: 5555, count: 1, outcome: 'refused' },
    { name: 'closed-proxy', ...loopback, ...proxy, port: 5555, count: 1, outcome: 'unanswered' },
  ];
}

async function send({
  name,
  where,
  address,
  port,
  count,
  outcome,
  source,
}: Scenario): Promise<DatagramResult[]> {
  const patience = outcome === undefined ? PATIENCE : 200;
  const command = [CLIENTS, address, port, count, name, patience, source ?? 0].map(String);
  const { stdout } = await lab.exec(where, [process.execPath, ...command], { timeoutMs: 20_000 });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as DatagramResult);
}

function check(
  scenario: Scenario,
  { port, payload, answer, error }: DatagramResult,
  report: Report,
): void {
  const { name, path, outcome = 'answered', hook } = scenario;
  const found = report.connections.filter(
    (one) =>
      one.client.port === port &&
      one.server?.port === scenario.port &&
      one.server.address === scenario.address,
  );
  const [one] = found;
  assert.is(found.length, 1, `${payload}: seen once`);
  if (!one) return;
  assert.is(one.protocol, 'udp');
  assert.is(one.path, path, `${payload}: ${one.reason}`);
  assert.is(one.proof, 'proven', `${payload}: ${one.reason}`);
  assert.is(one.outcome, outcome, payload);
  assert.is(one.nat?.hook ?? undefined, hook, `${payload}: hook`);
  assert.is(one.container?.name, 'server', payload);
  assert.is(one.bytes.fromClient, 2 * (payload.length + 1), `${payload}: bytes`);
  const seen = path === 'docker-proxy' ? one.relay?.client : one.client;
  if (outcome === 'answered') {
    // The pair of the relay's sockets is right: the container itself says whom it saw.
    assert.is(
      answer,
      `${seen?.address}:${seen?.port} ${payload}`,
      `${name}: what the container saw`,
    );
  } else {
    assert.is(answer, null, payload);
    assert.is(error, outcome === 'refused' ? 'ECONNREFUSED' : null, payload);
  }
}

test('every way, many clients at once, each verdict proven and each pair as the container saw it', async () => {
  const rule = ['DOCKER', '!', '-i', 'docker0', '-p', 'udp', '-m', 'udp', '--dport', '5353'];
  const dnat = [...rule, '-j', 'DNAT', '--to-destination', `${server.ipv4}:53`];
  const scenarios = listScenarios();
  const pinned = scenarios.find(({ name }) => name === 'pinned') as Scenario;
  // An entry of conntrack that is older than the rule keeps its flow on the old path.
  await lab.exec('host', ['iptables', '-t', 'nat', '-D', ...dnat]);
  await send({ ...pinned, count: 1 });
  await lab.exec('host', ['iptables', '-t', 'nat', '-A', ...dnat]);
  const results: [Scenario, DatagramResult][] = [];
  const { report } = await traceWhile(lab, [5353, 5454, 5555], async () => {
    await Promise.all(
      scenarios.map(async (scenario) => {
        for (const result of await send(scenario)) results.push([scenario, result]);
      }),
    );
  });
  assert.ok(report.coverage.sealed, report.coverage.notes.join());
  for (const [scenario, result] of results) check(scenario, result, report);
  const expected = scenarios.reduce((sum, { count }) => sum + count, 0);
  assert.is(report.connections.length, expected, 'nothing else was taken for traffic');
});

test.run();
