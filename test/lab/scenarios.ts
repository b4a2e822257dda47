/** Every way into a container: how each connection of the lab is made, and what is true of it by construction. */
import { REDIS, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';

/** A lab with the containers and the rule that the scenarios need. */
export interface Furnished {
  readonly lab: Lab;
  readonly redis: LabContainer;
  readonly other: LabContainer;
}

/** The ports that the scenarios dial on the host. */
export const SCENARIO_PORTS: readonly number[] = [8080, 9090, 9191, 7777];

/** How a connection is made, and what is true of it by construction. */
export interface Scenario {
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

/** Every way into a container of the furnished lab. */
export function listScenarios({ lab, redis, other }: Furnished): Scenario[] {
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

/** Starts the containers, and drops what goes to one of their ports. */
export async function furnish(lab: Lab): Promise<Furnished> {
  const redis = await lab.run({
    name: 'redis',
    command: REDIS,
    publish: ['8080:6379', '9090:9999', '9191:6380'],
    waitFor: [{ protocol: 'tcp', port: 6379 }],
  });
  const other = await lab.run({ name: 'other', command: ['sleep', '100000'] });
  await lab.run({ name: 'hostnet', command: [...REDIS, '--port', '7777'], network: 'host' });
  const rule = ['-p', 'tcp', '--dport', '6380', '-j', 'DROP'];
  await lab.exec('host', ['iptables', '-I', 'DOCKER-USER', ...rule]);
  return { lab, redis, other };
}

/** Sends a PING; the answer, or nothing. `slowness` stretches the client's patience on a slow machine. */
export async function send(lab: Lab, scenario: Scenario, slowness = 1): Promise<string> {
  const { where, address, port, outcome } = scenario;
  const command = ['redis-cli', '-h', address, '-p', String(port), 'ping'];
  const { stdout } = await lab.exec(where, command, {
    allowFailure: outcome !== 'answered',
    timeoutMs: (outcome === 'dropped' ? 500 : 5_000) * slowness,
  });
  return stdout.trim();
}

/** One thing that a report tells of a connection, beside what is true. */
export interface Fault {
  /** False when it is told otherwise, true when it is left out. */
  readonly lacking: boolean;
  readonly sentence: string;
}

/** What a report says of the connection that is not so, one sentence each. */
export function listFaults(scenario: Scenario, one: Connection): string[] {
  return findFaults(scenario, one).map(({ sentence }) => sentence);
}

/** What a report says of the connection that is not so, or leaves out. */
export function findFaults(scenario: Scenario, one: Connection): Fault[] {
  const { path, outcome, hook, container, relayed, drop } = scenario;
  const faults: Fault[] = [];
  const check = (what: string, told: unknown, truth: unknown): void => {
    if (told === truth) return;
    const sentence = `${what} is ${String(told)}, not ${String(truth)}`;
    faults.push({ lacking: told === undefined, sentence });
  };
  check('path', one.path, path);
  check('outcome', one.outcome, outcome);
  check('hook', one.nat?.hook ?? undefined, hook);
  if (container !== undefined) check('container', one.container?.name, container);
  check('relay', one.relay?.command ?? undefined, relayed && 'docker-proxy');
  check('source that the container sees', one.relay?.client?.address ?? undefined, relayed);
  check('drop', one.drop?.reason ?? undefined, drop);
  if (outcome === 'answered') {
    // redis-cli sends PING as *1\r\n$4\r\nPING\r\n, 14 bytes; +PONG\r\n is 7.
    check('bytes from the client', one.bytes.fromClient, 14);
    check('bytes from the server', one.bytes.fromServer, 7);
  }
  return faults;
}
