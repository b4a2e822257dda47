// Every way into a container, five traces each: the verdicts are proven and right, told by how the traffic was sent.

import * as assert from 'uvu/assert';
import { REDIS, up, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { connectionsTo, traceWhile } from '../support/tracing.js';

const RUNS = 5;

const test = suite('paths');
test.skipUnless(findLiveObstacle());

let lab: Lab;
let redis: LabContainer;
let other: LabContainer;

/** How a connection is made, and what is true of it by construction. */
interface Scenario {
  readonly name: string;
  readonly where: Where;
  readonly client: string;
  readonly address: string;
  readonly port: number;
  readonly path: Connection['path'];
  readonly outcome: Connection['outcome'];
  readonly hook?: 'PREROUTING' | 'OUTPUT';
  readonly container?: string;
  /** Address that the container sees; only relayed connections have another. */
  readonly relayed?: string;
  readonly drop?: string;
}

function listScenarios(): Scenario[] {
  const outside = { where: 'client' as const, client: lab.client.ipv4 };
  const host = { where: 'host' as const };
  const answered = { outcome: 'answered' as const, container: 'redis' };
  const proxy = { path: 'docker-proxy' as const, relayed: redis.gateway };
  const dnat = { path: 'dnat' as const };
  const loopback = { client: '127.0.0.1', address: '127.0.0.1' };
  return [
    {
      name: 'outside',
      ...outside,
      address: lab.host.ipv4,
      port: 8080,
      ...dnat,
      hook: 'PREROUTING',
      ...answered,
    },
    { name: 'loopback', ...host, ...loopback, port: 8080, ...proxy, ...answered },
    {
      name: 'own address',
      ...host,
      client: lab.host.ipv4,
      address: lab.host.ipv4,
      port: 8080,
      ...dnat,
      hook: 'OUTPUT',
      ...answered,
    },
    {
      name: 'IPv6 loopback',
      ...host,
      client: '::1',
      address: '::1',
      port: 8080,
      ...proxy,
      ...answered,
    },
    {
      name: 'IPv6 outside',
      where: 'client',
      client: lab.client.ipv6,
      address: lab.host.ipv6,
      port: 8080,
      ...proxy,
      ...answered,
    },
    {
      name: 'container to gateway',
      where: other,
      client: other.ipv4,
      address: other.gateway,
      port: 8080,
      ...proxy,
      ...answered,
    },
    {
      name: 'container to its own port',
      where: redis,
      client: redis.ipv4,
      address: redis.gateway,
      port: 8080,
      ...proxy,
      ...answered,
    },
    {
      name: 'container to container',
      where: other,
      client: other.ipv4,
      address: redis.ipv4,
      port: 6379,
      path: 'direct',
      ...answered,
    },
    {
      name: 'host to container',
      ...host,
      client: redis.gateway,
      address: redis.ipv4,
      port: 6379,
      path: 'direct',
      ...answered,
    },
    {
      name: 'nothing listens, DNAT',
      ...outside,
      address: lab.host.ipv4,
      port: 9090,
      ...dnat,
      hook: 'PREROUTING',
      outcome: 'refused',
      container: 'redis',
    },
    {
      name: 'nothing listens, docker-proxy',
      ...host,
      ...loopback,
      port: 9090,
      ...proxy,
      outcome: 'reset',
      container: 'redis',
    },
    {
      name: 'host network',
      ...outside,
      address: lab.host.ipv4,
      port: 7777,
      path: 'host',
      outcome: 'answered',
    },
    {
      name: 'dropped',
      ...outside,
      address: lab.host.ipv4,
      port: 9191,
      ...dnat,
      hook: 'PREROUTING',
      outcome: 'dropped',
      drop: 'NETFILTER_DROP',
    },
  ];
}

test.before(async () => {
  lab = await up();
  redis = await lab.run({
    name: 'redis',
    command: REDIS,
    publish: ['8080:6379', '9090:9999', '9191:6380'],
    waitFor: [{ protocol: 'tcp', port: 6379 }],
  });
  other = await lab.run({ name: 'other', command: ['sleep', '1000'] });
  await lab.run({
    name: 'hostnet',
    command: [...REDIS, '--port', '7777'],
    network: 'host',
  });
  await lab.exec('host', [
    'iptables',
    '-I',
    'DOCKER-USER',
    '-p',
    'tcp',
    '--dport',
    '6380',
    '-j',
    'DROP',
  ]);
});

test.after(() => lab.down());

async function send({ where, address, port, outcome }: Scenario): Promise<string> {
  const { stdout } = await lab.exec(
    where,
    ['redis-cli', '-h', address, '-p', String(port), 'ping'],
    {
      allowFailure: outcome !== 'answered',
      timeoutMs: outcome === 'dropped' ? 500 : 5_000,
    },
  );
  return stdout.trim();
}

function check(scenario: Scenario, one: Connection): void {
  const { name, path, outcome, hook, container, relayed, drop } = scenario;
  assert.is(one.path, path, `${name}: path, ${one.reason}`);
  assert.is(one.proof, 'proven', `${name}: proof, ${one.reason}`);
  assert.is(one.outcome, outcome, `${name}: outcome`);
  assert.is(one.nat?.hook ?? undefined, hook, `${name}: hook`);
  if (container !== undefined) assert.is(one.container?.name, container, `${name}: container`);
  assert.is(one.relay?.command ?? undefined, relayed && 'docker-proxy', `${name}: relay`);
  assert.is(
    one.relay?.client?.address ?? undefined,
    relayed,
    `${name}: source that the container sees`,
  );
  assert.is(one.drop?.reason ?? undefined, drop, `${name}: drop`);
  if (outcome === 'answered') {
    // PING by RESP: *1\r\n$4\r\nPING\r\n is 14 bytes, +PONG\r\n is 7; redis-cli writes the word as typed.
    assert.equal(one.bytes, { fromClient: 14, fromServer: 7 }, `${name}: bytes`);
  }
}

for (let run = 1; run <= RUNS; run += 1) {
  test(`trace ${run} of ${RUNS}`, async () => {
    const scenarios = listScenarios();
    const { report } = await traceWhile(lab, [8080, 9090, 9191, 7777], async () => {
      await Promise.all(
        scenarios.map(async (scenario) => {
          const answer = await send(scenario);
          if (scenario.outcome === 'answered') assert.is(answer, 'PONG', scenario.name);
        }),
      );
    });
    assert.ok(report.coverage.sealed, report.coverage.notes.join());
    for (const scenario of scenarios) {
      const { client, address, port, name } = scenario;
      const [one, ...more] = connectionsTo(report.connections, client, address, port);
      assert.ok(one, `${name}: not seen`);
      // redis-cli dials a second time when the first attempt is refused.
      if (scenario.outcome === 'answered') assert.is(more.length, 0, `${name}: seen once`);
      for (const each of [one, ...more]) check(scenario, each);
    }
    const expected = scenarios.filter(({ outcome }) => outcome === 'answered').length;
    const answered = report.connections.filter(({ outcome }) => outcome === 'answered').length;
    assert.is(answered, expected, 'nothing else was taken for traffic');
  });
}

test.run();
