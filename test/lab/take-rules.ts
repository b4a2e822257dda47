/**
 * Takes the rule sets of another Debian's engine anew, as root: `node dist/test/lab/take-rules.js ROOT FOLDER`, where ROOT
 * was made, in a folder below /opt, by
 * `debootstrap --variant=minbase --include=docker.io,iptables,nftables,procps,kmod trixie ROOT`.
 * For each configuration it writes into FOLDER what iptables-save, ip6tables-save and nft of that Debian print, the map of
 * the host, and what real connections did from every vantage.
 */

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../../src/app/explain.js';
import { REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import type { Explanation, Prediction } from '../../src/model/explain.js';
import { attempt } from '../support/attempts.js';
import type { Truth } from './truth.js';

/** The bridge's name is fixed, so that files taken twice are alike. */
const FAR = 'br-112233445566';
const INNER = 'br-665544332211';

interface Configuration {
  readonly name: string;
  readonly proxy: boolean;
  readonly ipv6: boolean;
}

const CONFIGURATIONS: readonly Configuration[] = [true, false].flatMap((proxy) =>
  [false, true].map((ipv6) => ({
    name: `docker-26.1-${proxy ? 'proxy' : 'no-proxy'}${ipv6 ? '-ipv6' : ''}`,
    proxy,
    ipv6,
  })),
);

/** Puts a `dockerd` in front that is the other Debian's, in a view of files of its own that goes with the lab. */
async function makeWrapper(root: string): Promise<string> {
  const folder = await mkdtemp('/opt/take-rules-');
  const lines = [
    '#!/bin/sh',
    `[ "$1" = --version ] && exec chroot '${root}' dockerd --version`,
    // The engine makes the mounts of its root private: it must be one.
    `mount --no-mtab --bind '${root}' '${root}'`,
    `for each in proc dev sys run tmp; do mount --no-mtab --rbind /$each '${root}'/$each; done`,
    `exec chroot '${root}' dockerd "$@"`,
  ];
  await writeFile(join(folder, 'dockerd'), `${lines.join('\n')}\n`);
  await chmod(join(folder, 'dockerd'), 0o755);
  return folder;
}

async function prepare(lab: Lab, ipv6: boolean): Promise<Map<string, LabContainer>> {
  const network = (name: string, bridge: string, subnet: string, subnet6: string): string[] => [
    ...['network', 'create', '--subnet', subnet, ...(ipv6 ? ['--ipv6', '--subnet', subnet6] : [])],
    ...[
      '-o',
      `com.docker.network.bridge.name=${bridge}`,
      ...(name === 'inner' ? ['--internal'] : []),
    ],
    name,
  ];
  await lab.docker(network('far', FAR, '172.30.0.0/16', 'fd00:30::/64'));
  await lab.docker(network('inner', INNER, '172.31.0.0/16', 'fd00:31::/64'));
  const family = ipv6 ? 'UDP6-RECVFROM:5300,ipv6only=0,fork' : 'UDP4-RECVFROM:5300,fork';
  const sleep = ['sleep', '1000'];
  const specs = [
    { name: 'redis', command: REDIS, publish: ['6379:6379'] },
    { name: 'shut', command: REDIS, publish: ['127.0.0.1:6390:6379'] },
    { name: 'one', command: REDIS, publish: ['198.51.100.1:6391:6379'] },
    { name: 'range', command: [...REDIS, '--port', '7001'], publish: ['7000-7002:7000-7002'] },
    {
      name: 'udp',
      publish: ['5300:5300/udp'],
      waitFor: [{ protocol: 'udp', port: 5300 }] as const,
      command: ['socat', family, 'SYSTEM:read x; echo $SOCAT_PEERADDR'],
    },
    { name: 'other', command: sleep },
    { name: 'remote', command: REDIS, publish: ['6392:6379'], network: 'far' },
    { name: 'far', command: sleep, network: 'far' },
    { name: 'closed', command: REDIS, publish: ['6393:6379'], network: 'inner' },
    { name: 'free', command: [...REDIS, '--port', '7777'], network: 'host' },
  ];
  const containers = new Map<string, LabContainer>();
  // One after the other: their addresses are in the rules.
  for (const { waitFor, ...spec } of specs.map((each) => ({ waitFor: undefined, ...each }))) {
    const wait = waitFor === undefined ? {} : { waitFor: [...waitFor] };
    containers.set(spec.name, await lab.run({ ...spec, ...wait }));
  }
  return containers;
}

const PORTS = [6379, 6390, 6391, 6392, 6393, 7001, 7002, 5300, 7777];

async function findTruth(
  lab: Lab,
  containers: Map<string, LabContainer>,
  predictions: readonly Prediction[],
): Promise<Truth[]> {
  let sockets = '';
  const outcomes = await attempt({ lab, containers }, predictions, async () => {
    for (let i = 0; i < 2; i += 1) {
      sockets += (await lab.exec('host', ['ss', '-Htnp', 'state', 'established'])).stdout;
    }
  });
  return predictions.map(({ vantage, from, to, protocol }, i) => {
    const outcome = outcomes[i];
    if (!outcome) throw new Error(`no outcome for ${to}`);
    const port = String(outcome.localPort);
    const held = sockets
      .split('\n')
      .some((line) => line.includes('"docker-proxy"') && new RegExp(`:${port}\\s`).test(line));
    const relayed = protocol === 'udp' || outcome.end !== 'answered' ? null : held;
    const { end, seen, translated } = outcome;
    return { vantage, protocol, from, to, end, seen, translated, relayed };
  });
}

/** The map without what rules say: that is what the rule sets are for. */
function keepMap(explanation: Explanation): Explanation {
  return { ...explanation, rules: [], predictions: [], findings: [] };
}

async function take(root: string, folder: string, configuration: Configuration): Promise<void> {
  const { name, proxy, ipv6 } = configuration;
  const more = ['--ipv6', '--fixed-cidr-v6', 'fd00:17::/64', '--experimental', '--ip6tables'];
  const lab = await up({ userlandProxy: proxy, dockerdArguments: ipv6 ? more : [] });
  try {
    const containers = await prepare(lab, ipv6);
    const netns = lab.host.netns;
    const query = { ports: PORTS };
    const explanation = await explain({ query, netns, dockerHost: lab.dockerHost });
    const truth = await findTruth(lab, containers, explanation.predictions);
    await mkdir(join(folder, name), { recursive: true });
    const save = async (file: string, commands: readonly (readonly string[])[]): Promise<void> => {
      const texts: string[] = [];
      for (const command of commands) {
        texts.push((await lab.exec('host', ['chroot', root, ...command])).stdout);
      }
      await writeFile(join(folder, name, file), texts.join(''));
    };
    await save('rules.iptables', [
      ['iptables-save', '-c'],
      ['ip6tables-save', '-c'],
    ]);
    if (ipv6) {
      await save('rules.nft', [['nft', 'list', 'ruleset']]);
      await save('rules.nft.json', [['nft', '-j', 'list', 'ruleset']]);
    }
    await writeFile(join(folder, name, 'map.json'), `${JSON.stringify(keepMap(explanation))}\n`);
    const lines = truth.map((each) => JSON.stringify(each)).join(',\n');
    await writeFile(join(folder, name, 'truth.json'), `[\n${lines}\n]\n`);
    process.stderr.write(`${name}: ${String(truth.length)} vantages\n`);
  } finally {
    await lab.down();
  }
}

async function main([root, folder, ...names]: readonly string[]): Promise<void> {
  if (root === undefined || folder === undefined) throw new Error('take-rules ROOT FOLDER [NAME…]');
  const wrapper = await makeWrapper(root);
  process.env['PATH'] = `${wrapper}:${process.env['PATH'] ?? ''}`;
  try {
    for (const configuration of CONFIGURATIONS) {
      if (names.length > 0 && !names.includes(configuration.name)) continue;
      await take(root, folder, configuration);
    }
  } finally {
    await rm(wrapper, { recursive: true });
  }
}

await main(process.argv.slice(2));
