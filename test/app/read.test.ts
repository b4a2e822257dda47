/** `read` on captures, as a user runs it: names from a map, ports that are not there, standard input, expectations. */
import { execa } from 'execa';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { Report } from '../../src/model/report.js';
import { captureFile } from '../support/captures.js';
import { suite } from '../support/suite.js';

const test = suite('read, captures');
const program = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

interface Result {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

async function read(args: readonly string[], input?: Buffer): Promise<Result> {
  const options = { reject: false, stripFinalNewline: false, ...(input ? { input } : {}) } as const;
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [program, 'read', ...args],
    options,
  );
  return { exitCode, stdout, stderr };
}

const map = {
  schema: 'trace-flow/explain/1',
  engine: null,
  bridges: [],
  sockets: [],
  rules: [],
  predictions: [],
  findings: [],
  problems: [],
  host: { devices: [], routes: [], settings: {} },
  containers: [
    {
      name: 'redis',
      namespace: null,
      places: [{ bridge: 'docker0', address: '172.17.0.2' }],
      published: [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 6380, containerPort: 6379 }],
    },
  ],
  relays: [
    {
      pid: 77,
      command: 'docker-proxy',
      arguments: [],
      listens: '0.0.0.0:6380',
      target: '172.17.0.2:6379',
    },
  ],
};

test('without a map a relay has no name, and docker-proxy is not met', async () => {
  const file = captureFile('relay-loopback.pcap');
  assert.is((await read([file, '-p', '6380', '--expect', 'relay'])).exitCode, 0);
  const { exitCode, stderr } = await read([file, '-p', '6380', '--expect', 'docker-proxy']);
  assert.is(exitCode, 4);
  assert.match(stderr, /expected docker-proxy\/answered, saw relay\/answered/);
});

test('with a map containers and relays have their names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-flow-test-'));
  const topology = join(folder, 'map.json');
  writeFileSync(topology, JSON.stringify(map));
  try {
    const named = ['--topology', topology, '--container', 'redis', '--json'];
    const relay = await read([captureFile('relay-loopback.pcap'), ...named]);
    const [one] = (JSON.parse(relay.stdout) as Report).connections;
    assert.is(one?.path, 'docker-proxy');
    assert.equal([one?.relay?.pid, one?.container?.name], [77, 'redis']);
    const dnat = await read([captureFile('dnat-outside.pcap'), ...named]);
    assert.is((JSON.parse(dnat.stdout) as Report).connections[0]?.container?.name, 'redis');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('with what explain said of the very host, TCP and UDP', async () => {
  const topology = ['--topology', captureFile('explain.json'), '--json'];
  for (const [file, port, path, name] of [
    ['relay-loopback.pcap', '6380', 'docker-proxy', 'redis'],
    ['udp-relay.pcapng', '5300', 'docker-proxy', 'echo'],
    ['udp-dnat.pcap', '5300', 'dnat', 'echo'],
    ['direct-bridged.pcap', '6379', 'direct', 'redis'],
  ] as const) {
    const { stdout } = await read([captureFile(file), '-p', port, ...topology]);
    const [one] = (JSON.parse(stdout) as Report).connections;
    assert.equal([one?.path, one?.container?.name], [path, name], file);
    if (path === 'docker-proxy') assert.is(one?.relay?.command, 'docker-proxy');
  }
});

test('containers cannot be asked for by name without a map', async () => {
  const { exitCode, stderr } = await read([captureFile('dnat-outside.pcap'), '--container', 'x']);
  assert.is(exitCode, 2);
  assert.match(stderr, /--topology FILE/);
});

test('a port that is not there: exit 3, and the ports that are', async () => {
  const { exitCode, stderr } = await read([captureFile('dnat-outside.pcap'), '-p', '7777']);
  assert.is(exitCode, 3);
  assert.match(stderr, /ports in the capture: 6380\/tcp, 6379\/tcp/);
});

test('without a port it lists what is there', async () => {
  const { exitCode, stdout } = await read([captureFile('mixed-20.pcap')]);
  assert.is(exitCode, 0);
  assert.match(stdout, /tcp +198\.51\.100\.1:6380 +5 +105 +dnat +172\.17\.0\.2:6379/);
});

test('standard input, and a document longer than a pipe holds', async () => {
  const input = readFileSync(captureFile('mixed-20.pcap'));
  const { exitCode, stdout } = await read(['-', '-p', '6380', '--json'], input);
  assert.is(exitCode, 0);
  assert.ok(stdout.length > 200_000);
  assert.is((JSON.parse(stdout) as Report).connections.length, 15);
});

test('a stream: every packet, every connection, the summary last', async () => {
  const { stdout } = await read([captureFile('relay-loopback.pcap'), '-p', '6380', '--ndjson']);
  const lines = stdout.trimEnd().split('\n');
  const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
  const count = (type: string): number => types.filter((one) => one === type).length;
  assert.ok(count('event') > 20);
  assert.equal([count('connection'), count('summary'), types.at(-1)], [1, 1, 'summary']);
});

test('a file that is not there, and one that is none', async () => {
  assert.match((await read(['nowhere.pcap'])).stderr, /nowhere\.pcap cannot be read \(ENOENT\)/);
  const { exitCode, stderr } = await read([program]);
  assert.is(exitCode, 1);
  assert.match(stderr, /neither a capture/);
});

test.run();
