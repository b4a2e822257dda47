/** What stands in the lab of the failures: containers that each fail in one way, and the rules that make them. */
import { REDIS, type Lab, type LabContainer } from '../../src/lab/index.js';
import type { Group } from './scenario.js';
import {
  DEAD_ADDRESS,
  FAILURES,
  FLUSHED,
  FORWARD_OFF,
  LEAVING,
  PORTS,
  TOLD,
  TOO_BIG,
} from './scenarios/failures.js';
import { Stage } from './stage.js';

const SLEEP = ['sleep', '1000'];
/** Resets whoever sends it a line. */
export const SNAPPING = [
  'socat',
  'TCP-LISTEN:6379,fork,reuseaddr,shut-close,linger=0',
  'SYSTEM:read line',
];
/** Has room for two connections that it has not accepted, and accepts none once it is paused. */
const FULL = ['socat', 'TCP-LISTEN:6379,backlog=1,fork,reuseaddr', 'EXEC:cat'];

async function prepare(lab: Lab): Promise<LabContainer[]> {
  const run = async (
    name: keyof typeof PORTS,
    command: string[],
    more: { waitFor?: false } = {},
  ): Promise<LabContainer> => lab.run({ name, command, publish: [`${PORTS[name]}:6379`], ...more });
  const containers = await Promise.all([
    run('fine', REDIS),
    run('silent', SLEEP, { waitFor: false }),
    run('inside', [...REDIS, '--bind', '127.0.0.1']),
    run('barred', REDIS),
    run('refusing', REDIS),
    run('resetting', REDIS),
    run('lost', REDIS),
    run('unproxied', REDIS),
    run('stopped', REDIS),
    run('raw', REDIS),
    run('paused', REDIS),
    run('full', FULL),
    run('snapping', SNAPPING),
    run('narrow', REDIS),
    run('wide', REDIS),
  ]);
  await breakThem(lab, new Stage(lab, containers));
  return containers;
}

async function breakThem(lab: Lab, stage: Stage): Promise<void> {
  const rule = async (...words: string[]): Promise<unknown> =>
    lab.exec('host', ['iptables', '-w', ...words]);
  const user = async (name: string, ...target: string[]): Promise<unknown> =>
    rule('-I', 'DOCKER-USER', '-p', 'tcp', '-d', stage.container(name).ipv4, '-j', ...target);
  await user('barred', 'DROP');
  await user('refusing', 'REJECT', '--reject-with', 'icmp-port-unreachable');
  await user('resetting', 'REJECT', '--reject-with', 'tcp-reset');
  const port = ['-p', 'tcp', '--dport'];
  await rule('-t', 'raw', '-A', 'PREROUTING', ...port, String(PORTS.raw), '-j', 'DROP');
  await lab.exec(stage.container('lost'), ['ip', 'route', 'del', 'default']);
  await lab.docker(['stop', '--time', '1', 'stopped']);
  await lab.docker(['pause', 'paused', 'full']);
  await rule('-I', 'DOCKER-USER', '-d', DEAD_ADDRESS, '-j', 'ACCEPT');
  const astray = ['-j', 'DNAT', '--to-destination', `${DEAD_ADDRESS}:6379`];
  await rule('-t', 'nat', '-I', 'DOCKER', ...port, String(PORTS.dead), ...astray);
  // Started by this lab's own engine.
  for (const pid of await stage.findRelays(PORTS.unproxied)) process.kill(pid, 'SIGKILL');
}

export const FAILING: Group = {
  name: 'Failures, Docker 20.10, userland proxy on (iptables-nft)',
  userlandProxy: true,
  prepare,
  ports: [...Object.values(PORTS), 6379],
  traces: [FAILURES, LEAVING, TOO_BIG, TOLD, FORWARD_OFF, FLUSHED],
};
