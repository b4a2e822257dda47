/** All groups of scenarios, in the table's order, and what stands in each lab. */
import { readFileSync } from 'node:fs';
import { REDIS, type Lab, type LabContainer } from '../../src/lab/index.js';
import { namePeers } from '../lab/name-peers.js';
import { findLiveObstacle } from '../support/live.js';
import { FAILING } from './failing.js';
import type { Group } from './scenario.js';
import { CHANGES, RESTART } from './scenarios/changes.js';
import { AT_ONCE, BULK, IN_ROW, LOSSES, SHAPES } from './scenarios/load.js';
import { PUBLISH_FORMS, UDP } from './scenarios/forms.js';
import {
  findRelayObstacle,
  listRelays,
  PORT_DRIVER,
  PUBLISHED,
  RELAY_PORTS,
  ROOTLESS_PORT,
  startRelays,
  startRootless,
} from './scenarios/relays.js';
import { DATAGRAMS } from './scenarios/udp.js';
import {
  listDualVantages,
  listNetworkVantages,
  listIpv6Vantages,
  listVantages,
} from './scenarios/vantages.js';
import { direct, dnat, dropped, relayed } from './truths.js';

const ROOTLESS_TOOLS = ['rootlesskit', 'slirp4netns', 'newuidmap'];

/** What these scenarios lack here; null when nothing. */
export function findObstacle(): string | null {
  return (
    findLiveObstacle('busybox', 'socat', 'haproxy', 'nginx', ...ROOTLESS_TOOLS) ??
    findRelayObstacle()
  );
}

const FIXTURES = new URL('../../../test/rules/fixtures/', import.meta.url);
const SLEEP = ['sleep', '1000'];
/** Sends a gigabyte to whoever connects. */
const BULK_SERVER =
  "exec socat -U -b 262144 TCP-LISTEN:7100,fork,reuseaddr SYSTEM:'dd if=/dev/zero bs=262144 count=4096'";
/** A Redis as a shell starts it. */
const REDIS_LINE = REDIS.map((word) => `'${word}'`).join(' ');
/** Docker 20.10 writes rules for IPv6 only when asked to. */
const IPV6 = ['--experimental', '--ip6tables'];

async function prepareVantages(lab: Lab): Promise<LabContainer[]> {
  await lab.docker(['network', 'create', '--ipv6', '--subnet', 'fd00:d0c:6::/64', 'six']);
  await lab.docker(['network', 'create', 'far']);
  return Promise.all([
    lab.run({ name: 'redis', command: REDIS, publish: ['8080:6379'] }),
    lab.run({ name: 'near', command: SLEEP }),
    lab.run({ name: 'far', command: SLEEP, network: 'far' }),
    lab.run({
      name: 'dual',
      command: REDIS,
      publish: ['8086:6379'],
      network: 'six',
    }),
  ]);
}

async function prepareForms(lab: Lab): Promise<LabContainer[]> {
  await lab.docker(['network', 'create', '--internal', 'inner']);
  const single = ['127.0.0.1:8081:6379', `${lab.host.ipv4}:8082:6379`];
  const two = `${REDIS_LINE} --port 7000 & exec ${REDIS_LINE} --port 7001`;
  const containers = await Promise.all([
    lab.run({ name: 'forms', command: REDIS, publish: single }),
    lab.run({
      name: 'range',
      command: ['sh', '-c', two],
      publish: ['7000-7001:7000-7001'],
    }),
    lab.run({ name: 'second', command: REDIS, publish: ['8083:6379'] }),
    lab.run({ name: 'moving', command: REDIS, publish: ['8090:6379'] }),
    lab.run({
      name: 'bulk',
      command: ['sh', '-c', BULK_SERVER],
      publish: ['7100:7100'],
    }),
    lab.run({
      name: 'inner',
      command: [...REDIS, '--port', '6390'],
      network: 'inner',
    }),
    lab.run({
      name: 'hostnet',
      command: [...REDIS, '--port', '7777'],
      network: 'host',
    }),
    lab.run({
      name: 'udp',
      command: ['socat', '-u', 'UDP4-RECV:5301,reuseaddr', 'OPEN:/dev/null'],
      publish: ['5300:5300/udp', '5301:5301/udp', '5302:5302/udp'],
      waitFor: [{ protocol: 'udp', port: 5301 }],
    }),
  ]);
  const udp = containers.find(({ name }) => name === 'udp');
  if (udp) await namePeers(lab, udp, 5300);
  return containers;
}

const FAR_BRIDGE = 'br-112233445566';

/** What the rule sets that explain is tested with were made for; containers take their addresses in order. */
async function prepareRules(lab: Lab, proxy: boolean, file: string): Promise<LabContainer[]> {
  const bridge = ['-o', `com.docker.network.bridge.name=${FAR_BRIDGE}`];
  await lab.docker(['network', 'create', '--subnet', '172.30.0.0/16', ...bridge, 'far']);
  const containers = [
    await lab.run({ name: 'redis', command: REDIS, publish: ['6379:6379'] }),
    await lab.run({
      name: 'shut',
      command: REDIS,
      publish: ['127.0.0.1:6390:6379'],
    }),
    await lab.run({ name: 'near', command: SLEEP }),
    await lab.run({ name: 'far', command: SLEEP, network: 'far' }),
  ];
  const rules = readFileSync(new URL(file, FIXTURES), 'utf8');
  const load = file.endsWith('.nft')
    ? ['nft', '-f', '-']
    : [file.startsWith('docker-20') ? 'iptables-legacy-restore' : 'iptables-restore'];
  await lab.exec('host', load, { input: rules });
  const settings = proxy
    ? []
    : ['docker0', FAR_BRIDGE].map((name) => `net.ipv4.conf.${name}.route_localnet=1`);
  await lab.exec('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=1', ...settings]);
  return containers;
}

function ruleGroup(name: string, file: string, proxy: boolean): Group {
  const newest = file.startsWith('docker-29');
  return {
    name,
    userlandProxy: proxy,
    dockerdArguments: ['--iptables=false'],
    prepare: async (lab) => prepareRules(lab, proxy, file),
    ports: [6379],
    traces: [
      listVantages({
        proxy,
        port: 6379,
        otherBridge: newest ? dnat('PREROUTING', '{redis.gateway}') : relayed(),
        routed: file.startsWith('docker-20') ? direct('{client}') : dropped(direct('')),
      }),
    ],
  };
}

export const GROUPS: readonly Group[] = [
  {
    name: 'Docker 20.10, userland proxy on (iptables-nft)',
    userlandProxy: true,
    dockerdArguments: IPV6,
    prepare: async (lab) => [...(await prepareVantages(lab)), ...(await prepareForms(lab))],
    ports: [
      8080, 8086, 6379, 8081, 8082, 7000, 7001, 8083, 8090, 6390, 7100, 7777, 5300, 5301, 5302,
    ],
    traces: [
      [
        ...listVantages({
          proxy: true,
          port: 8080,
          otherBridge: relayed(),
          routed: direct('{client}'),
        }),
        ...listIpv6Vantages(true, 8080),
        ...listDualVantages(true, 8086),
        ...listNetworkVantages(true, 8086),
        ...PUBLISH_FORMS,
        ...UDP,
      ],
      DATAGRAMS,
      AT_ONCE,
      BULK,
      SHAPES,
      ...IN_ROW.map((scenario) => [scenario]),
      LOSSES,
      CHANGES,
      RESTART,
    ],
  },
  {
    name: 'Docker 20.10, userland proxy off (iptables-nft)',
    userlandProxy: false,
    dockerdArguments: IPV6,
    prepare: prepareVantages,
    ports: [8080, 8086, 6379],
    traces: [
      [
        ...listVantages({
          proxy: false,
          port: 8080,
          otherBridge: dropped(dnat('PREROUTING', '')),
          routed: direct('{client}'),
        }),
        ...listIpv6Vantages(false, 8080),
        ...listDualVantages(false, 8086),
        ...listNetworkVantages(false, 8086),
      ],
    ],
  },
  {
    name: 'Other relays, Docker 20.10, userland proxy on',
    userlandProxy: true,
    prepare: async (lab) => {
      const publish = [`${PUBLISHED}:6379`];
      const redis = await lab.run({ name: 'redis', command: REDIS, publish });
      await Promise.all([startRelays(lab, redis), startRootless(lab)]);
      return [redis];
    },
    ports: [...RELAY_PORTS, ROOTLESS_PORT, PUBLISHED],
    traces: [[...listRelays(true), PORT_DRIVER]],
    further: [{ ports: RELAY_PORTS, scenarios: listRelays(false) }],
  },
  ruleGroup(
    'Rules of Docker 20.10 in iptables-legacy, userland proxy on',
    'docker-20.10-proxy.iptables',
    true,
  ),
  ruleGroup(
    'Rules of Docker 28 (iptables-nft), userland proxy on',
    'docker-28-proxy.iptables',
    true,
  ),
  ruleGroup('Native nftables of Docker 29, userland proxy on', 'docker-29-proxy.nft', true),
  ruleGroup('Native nftables of Docker 29, userland proxy off', 'docker-29-no-proxy.nft', false),
  FAILING,
];
