/**
 * Takes the captures in samples/captures from the lab anew, as root: `node dist/test/lab/take-captures.js FOLDER [NAME…]`.
 * `explain` is the name of what `trace-flow explain --json` says of their host.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { REDIS, up, type Lab, type LabContainer, type Where } from '../../src/lab/index.js';

const PROGRAM = new URL('../../../bin/run.js', import.meta.url).pathname;
const CLIENTS = new URL('echo-clients.js', import.meta.url).pathname;

interface Places {
  readonly lab: Lab;
  readonly redis: LabContainer;
  readonly app: LabContainer;
}

/** What a file is taken of: every device, one, several with their names, or the container's own. */
type Taken = 'any' | 'ext0' | 'docker0' | 'devices' | 'container';

interface Sample {
  readonly files: Readonly<Record<string, Taken>>;
  /** Without the userland proxy. */
  readonly hairpin?: true;
  /** Traffic that is older than the capture: it goes on until what it returns is called. */
  readonly begin?: (places: Places) => Promise<() => Promise<unknown>>;
  readonly send: (places: Places) => Promise<unknown>;
}

const run = async (
  { lab }: Places,
  where: Where,
  command: readonly string[],
  timeoutMs = 5_000,
): Promise<unknown> => lab.exec(where, command, { allowFailure: true, timeoutMs });

const ping =
  (choose: (places: Places) => [Where, string], port: number, timeoutMs?: number) =>
  async (places: Places): Promise<unknown> => {
    const [where, address] = choose(places);
    const command = ['redis-cli', '-h', address, '-p', String(port), 'ping'];
    return run(places, where, command, timeoutMs);
  };

const datagram =
  (choose: (places: Places) => [Where, string]) =>
  async (places: Places): Promise<unknown> => {
    const [where, address] = choose(places);
    const send = `printf 'datagram-1' | socat -t 0.3 - UDP:${address}:5300`;
    return run(places, where, ['sh', '-c', send]);
  };

const echoes = async (
  places: Places,
  where: Where,
  address: string,
  port: string,
  name: string,
): Promise<unknown> =>
  run(places, where, [process.execPath, CLIENTS, address, port, '5', name, 'together'], 20_000);

const mixed = async (places: Places): Promise<unknown> =>
  Promise.all([
    echoes(places, 'client', places.lab.host.ipv4, '6380', 'outside'),
    echoes(places, 'host', '127.0.0.1', '6380', 'loopback'),
    echoes(places, places.app, places.app.gateway, '6380', 'gateway'),
    echoes(places, places.app, places.redis.ipv4, '6379', 'bridged'),
  ]);

/** Two clients that have been connected for a while send four SETs each. */
async function beginOld(places: Places): Promise<() => Promise<unknown>> {
  const old = (where: Where, address: string, name: string): [string, ...string[]] => {
    const sets = `sleep 2; for i in 1 2 3 4; do echo SET ${name} value-$i-of-${name}; sleep 0.1; done`;
    const talk = `(echo PING; ${sets}) | redis-cli -h ${address} -p 6380`;
    return places.lab.commandIn(where, ['sh', '-c', talk]);
  };
  const ends = [
    old('client', places.lab.host.ipv4, 'outside'),
    old('host', '127.0.0.1', 'loopback'),
  ].map(async ([file, ...args]) => {
    const child = spawn(file, args, { stdio: 'ignore' });
    return new Promise((resolve) => child.on('exit', resolve));
  });
  await pause(800);
  return async () => Promise.all(ends);
}

async function bulk(places: Places): Promise<void> {
  const set = (where: Where, address: string): Promise<unknown> => {
    const send = `head -c 300000 /dev/zero | tr '\\0' x | redis-cli -h ${address} -p 6380 -x SET bulk`;
    return run(places, where, ['sh', '-c', send]);
  };
  await set('client', places.lab.host.ipv4);
  await set('host', '127.0.0.1');
  await run(places, 'host', ['redis-cli', '-p', '6380', 'GET', 'bulk']);
}

const outside = ({ lab }: Places): [Where, string] => ['client', lab.host.ipv4];
const loopback = (): [Where, string] => ['host', '127.0.0.1'];
const gateway = ({ app }: Places): [Where, string] => [app, app.gateway];

const SAMPLES: Readonly<Record<string, Sample>> = {
  'dnat-outside': { files: { 'dnat-outside.pcap': 'any' }, send: ping(outside, 6380) },
  'dnat-docker0-only': {
    files: { 'dnat-docker0-only.pcap': 'docker0' },
    send: ping(outside, 6380),
  },
  'dnat-two-files': {
    files: { 'dnat-host-side.pcap': 'ext0', 'dnat-container-side.pcap': 'container' },
    send: ping(outside, 6380),
  },
  'dnat-own-address': {
    files: { 'dnat-own-address.pcap': 'any' },
    send: ping(({ lab }) => ['host', lab.host.ipv4], 6380),
  },
  'relay-loopback': { files: { 'relay-loopback.pcap': 'any' }, send: ping(loopback, 6380) },
  'relay-docker0-only': {
    files: { 'relay-docker0-only.pcap': 'docker0' },
    send: ping(loopback, 6380),
  },
  'relay-loopback6': {
    files: { 'relay-loopback6.pcap': 'any' },
    send: ping(() => ['host', '::1'], 6380),
  },
  'relay-outside6': {
    files: { 'relay-outside6.pcapng': 'devices' },
    send: ping(({ lab }) => ['client', lab.host.ipv6], 6380),
  },
  'relay-same-bridge': {
    files: { 'relay-same-bridge.pcap': 'docker0' },
    send: ping(gateway, 6380),
  },
  'relay-self': {
    files: { 'relay-self.pcapng': 'devices' },
    send: ping(({ redis }) => [redis, redis.gateway], 6380),
  },
  'direct-bridged': {
    files: { 'direct-bridged.pcap': 'any' },
    send: ping(({ app, redis }) => [app, redis.ipv4], 6379),
  },
  'direct-routed': {
    files: { 'direct-routed.pcapng': 'devices' },
    send: ping(({ redis }) => ['client', redis.ipv4], 6379),
  },
  'direct-from-host': {
    files: { 'direct-from-host.pcap': 'any' },
    send: ping(({ redis }) => ['host', redis.ipv4], 6379),
  },
  'refused-dnat': { files: { 'refused-dnat.pcap': 'any' }, send: ping(outside, 6390) },
  'reset-relay': { files: { 'reset-relay.pcap': 'any' }, send: ping(loopback, 6390) },
  'refused-host': { files: { 'refused-host.pcap': 'any' }, send: ping(outside, 6391) },
  dropped: { files: { 'dropped.pcap': 'any' }, send: ping(outside, 6399, 2_500) },
  'udp-dnat': { files: { 'udp-dnat.pcap': 'any' }, send: datagram(outside) },
  'udp-relay': { files: { 'udp-relay.pcapng': 'devices' }, send: datagram(loopback) },
  midstream: {
    files: { 'midstream.pcap': 'any' },
    begin: beginOld,
    send: async () => pause(0),
  },
  'bulk-gso': { files: { 'bulk-gso.pcapng.gz': 'devices' }, send: bulk },
  'mixed-20': {
    files: { 'mixed-20.pcap': 'any', 'mixed-20-devices.pcapng': 'devices' },
    send: mixed,
  },
  hairpin: { hairpin: true, files: { 'hairpin.pcap': 'any' }, send: ping(gateway, 6380) },
  'hairpin-self': {
    hairpin: true,
    files: { 'hairpin-self.pcap': 'any' },
    send: ping(({ redis }) => [redis, redis.gateway], 6380),
  },
  'hairpin-docker0-only': {
    hairpin: true,
    files: { 'hairpin-docker0-only.pcap': 'docker0' },
    send: ping(gateway, 6380),
  },
};

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Starts a capture and waits until it says that it listens; what it returns ends it and waits until it has written. */
async function capture(
  { lab, redis }: Places,
  taken: Taken,
  file: string,
): Promise<() => Promise<void>> {
  const devices = ['ext0', 'docker0', 'lo'].flatMap((name) => ['-i', name]);
  const tcpdump = (device: string): string[] => [
    ...['tcpdump', '-Z', 'root', '-U', '-n', '-i', device, '-w', file],
  ];
  const [program, ...args] =
    taken === 'container'
      ? lab.commandIn(redis, tcpdump('eth0'))
      : lab.commandIn(
          'host',
          taken === 'devices' ? ['dumpcap', '-q', '-w', file, ...devices] : tcpdump(taken),
        );
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/listening on|File:/.test(said)) resolve();
    });
    child.on('exit', () => reject(new Error(`${taken}: ${said}`)));
  });
  return async () => {
    child.kill('SIGINT');
    await ended;
  };
}

async function take(places: Places, folder: string, { files, begin, send }: Sample): Promise<void> {
  const end = await begin?.(places);
  const plain = (name: string): string => join(folder, name.replace(/\.gz$/, ''));
  const stops = await Promise.all(
    Object.entries(files).map(([name, taken]) => capture(places, taken, plain(name))),
  );
  // The kernel hands packets on in blocks: the first and the last come with a delay.
  await pause(400);
  await send(places);
  await end?.();
  await pause(600);
  for (const stop of stops) await stop();
  for (const name of Object.keys(files).filter((file) => file.endsWith('.gz'))) {
    await writeFile(join(folder, name), gzipSync(await readFile(plain(name))));
    await rm(plain(name));
  }
}

async function takeAll(folder: string, hairpin: boolean, names: readonly string[]): Promise<void> {
  const chosen = Object.entries(SAMPLES).filter(
    ([name, sample]) =>
      (sample.hairpin ?? false) === hairpin && (names.length === 0 || names.includes(name)),
  );
  const explains = !hairpin && (names.length === 0 || names.includes('explain'));
  if (chosen.length === 0 && !explains) return;
  const lab = await up({ userlandProxy: !hairpin });
  try {
    const redis = await lab.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
    const app = await lab.run({ name: 'app', command: ['sleep', '1000'] });
    const idle = { command: ['sleep', '1000'], waitFor: false } as const;
    await lab.run({ name: 'closed', ...idle, command: [...idle.command], publish: ['6390:6379'] });
    const closed = ['-p', 'tcp', '--dport', '6380', '-j', 'DROP'];
    await lab.run({ name: 'walled', ...idle, command: [...idle.command], publish: ['6399:6380'] });
    await lab.exec('host', ['iptables', '-I', 'FORWARD', ...closed]);
    await lab.run({
      name: 'echo',
      command: ['socat', 'UDP-LISTEN:5353,fork,reuseaddr', 'PIPE'],
      publish: ['5300:5353/udp'],
    });
    if (explains) await writeMap(lab, join(folder, 'explain.json'));
    const places = { lab, redis, app };
    for (const [name, sample] of chosen) {
      await take(places, folder, sample);
      process.stderr.write(
        `${name}: ${Object.keys(sample.files)
          .map((file) => basename(file))
          .join(', ')}\n`,
      );
    }
  } finally {
    await lab.down();
  }
}

/** What the program itself says of the lab's host: names for its captures. */
async function writeMap(lab: Lab, file: string): Promise<void> {
  const args = [PROGRAM, 'explain', '--json', '--netns', lab.host.netns];
  const env = { ...process.env, DOCKER_HOST: lab.dockerHost };
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], env });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  await writeFile(file, Buffer.concat(chunks));
}

async function main([folder, ...names]: readonly string[]): Promise<void> {
  if (folder === undefined) throw new Error('give the folder that the captures go to');
  await mkdir(folder, { recursive: true });
  await takeAll(folder, false, names);
  await takeAll(folder, true, names);
}

await main(process.argv.slice(2));
