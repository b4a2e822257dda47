// Every vantage of a host with Docker's own rules: from outside, the host itself, containers near and far.

import { REDIS, type Lab, type LabContainer } from '../../../src/lab/index.js';
import type { Group, Scenario, Truth } from '../scenario.js';

const redis = { outcome: 'answered', container: 'redis' } as const;
const inPrerouting: Truth = { ...redis, path: 'dnat', hook: 'PREROUTING', says: /DNAT/ };
const inOutput: Truth = { ...redis, path: 'dnat', hook: 'OUTPUT', says: /DNAT/ };
const relayed: Truth = {
  ...redis,
  ...{
    path: 'docker-proxy',
    relay: 'docker-proxy',
    source: '{redis.gateway}',
    says: /docker-proxy/,
  },
};
const direct: Truth = { ...redis, path: 'direct', says: /own address/ };
const PORT = 8080;

/** The containers that every engine of this file has. */
async function prepare(lab: Lab): Promise<LabContainer[]> {
  const [six, far] = [
    lab.docker(['network', 'create', '--ipv6', '--subnet', 'fd00:d0c:6::/64', 'six']),
    lab.docker(['network', 'create', 'far']),
  ];
  await Promise.all([six, far]);
  return Promise.all([
    lab.run({ name: 'redis', command: REDIS, publish: [`${PORT}:6379`] }),
    lab.run({ name: 'near', command: ['sleep', '1000'] }),
    lab.run({ name: 'far', command: ['sleep', '1000'], network: 'far' }),
    lab.run({ name: 'dual', command: REDIS, publish: ['8086:6379'], network: 'six' }),
  ]);
}

const proxyOn: Scenario[] = [
  {
    name: 'outside → host',
    from: 'client',
    to: '{host}',
    port: PORT,
    truth: { ...inPrerouting, source: '{client}' },
  },
  {
    name: 'outside → host, IPv6, container without',
    from: 'client',
    to: '{host.ipv6}',
    port: PORT,
    truth: relayed,
  },
  { name: 'host → 127.0.0.1', from: 'host', to: '127.0.0.1', port: PORT, truth: relayed },
  {
    name: 'host → own address',
    from: 'host',
    to: '{host}',
    port: PORT,
    truth: { ...inOutput, source: '{host}' },
  },
  {
    name: 'host → bridge address',
    from: 'host',
    to: '{redis.gateway}',
    port: PORT,
    truth: { ...inOutput, source: '{redis.gateway}' },
  },
  {
    name: 'host → ::1, container without IPv6',
    from: 'host',
    to: '::1',
    port: PORT,
    truth: relayed,
  },
  {
    name: 'host → own IPv6 address, container without',
    from: 'host',
    to: '{host.ipv6}',
    port: PORT,
    truth: relayed,
  },
  { name: 'same bridge → gateway', from: 'near', to: '{near.gateway}', port: PORT, truth: relayed },
  { name: 'same bridge → host address', from: 'near', to: '{host}', port: PORT, truth: relayed },
  {
    name: 'container → its own published port',
    from: 'redis',
    to: '{redis.gateway}',
    port: PORT,
    truth: relayed,
  },
  { name: 'other bridge → host address', from: 'far', to: '{host}', port: PORT, truth: relayed },
  {
    name: 'other bridge → its gateway',
    from: 'far',
    to: '{far.gateway}',
    port: PORT,
    truth: relayed,
  },
  {
    name: 'host → container',
    from: 'host',
    to: '{redis}',
    port: 6379,
    truth: { ...direct, source: '{redis.gateway}' },
  },
  {
    name: 'same bridge → container',
    from: 'near',
    to: '{redis}',
    port: 6379,
    truth: { ...direct, source: '{near}' },
  },
  {
    name: 'other bridge → container',
    from: 'far',
    to: '{redis}',
    port: 6379,
    truth: { ...direct, outcome: 'dropped', drop: { reason: 'NETFILTER_DROP' } },
  },
  {
    name: 'outside → container, routed',
    from: 'client',
    to: '{redis}',
    port: 6379,
    truth: { ...direct, source: '{client}' },
  },
];

export const PROXY_ON: Group = {
  name: 'userland proxy on',
  userlandProxy: true,
  dockerdArguments: ['--experimental', '--ip6tables'],
  prepare,
  ports: [PORT, 8086, 6379],
  traces: [proxyOn],
};
