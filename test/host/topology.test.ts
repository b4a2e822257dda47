/** The topology where reads fail: missing programs, missing rights, time-outs; the rest is still reported. */
import { readlinkSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { RunCommand, RunResult } from '../../src/host/command.js';
import { readTopology, type TopologyOptions } from '../../src/host/topology.js';
import type { Topology } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc } from './fake-proc.js';
import { readSample } from './samples.js';

const test = suite('topology');

const OWN = Number(/\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0]);
const FAKE = 100;
const HEADER = '  sl  local_address rem_address   st\n';
const TCP = `${HEADER}  0: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 7 1 0\n`;

function fail(failure: RunResult['failure'], message: string): RunResult {
  return { ok: false, stdout: '', stderr: '', failure, message };
}

async function read(run: RunCommand, options: TopologyOptions = {}): Promise<Topology> {
  const dockerHost = 'unix:///nowhere/docker.sock';
  return readTopology({ run, folders: [], dockerHost, env: {}, ...options });
}

const denied: RunCommand = (command) =>
  Promise.resolve(
    command === 'ip'
      ? { ...fail(null, ''), ok: true, stdout: readSample('links-host.json') }
      : fail('exit', 'unshare ended with 1: unshare failed: Operation not permitted'),
  );

test('without root: its own namespace, and what that leaves unknown', async () => {
  const topology = await read(denied);
  assert.equal([topology.host, topology.engine], [OWN, null]);
  const [host] = topology.namespaces;
  assert.equal([host?.name, host?.role, host?.devices.length], ['host', 'host', 7]);
  assert.ok(host?.devices.every(({ peerNamespace }) => peerNamespace === null));
  assert.is(topology.problems.length, 2);
  assert.match(topology.problems[0] ?? '', /no Docker Engine at \/nowhere\/docker\.sock; start it/);
  assert.match(topology.problems[1] ?? '', /could not be entered.*run trace-flow as root/);
});

test('listeners are read all the same', async () => {
  const proc = makeFakeProc([
    { pid: 'self', namespace: FAKE },
    { pid: 1, namespace: FAKE, command: 'nginx', sockets: [7], tables: { tcp: TCP, udp: HEADER } },
  ]);
  try {
    const { listeners, problems } = await read(denied, { proc });
    assert.equal(listeners, [
      {
        namespace: FAKE,
        protocol: 'tcp',
        local: { address: '0.0.0.0', port: 80 },
        pid: 1,
        command: 'nginx',
      },
    ]);
    assert.is(problems.length, 2, 'a namespace that cannot be opened is told');
  } finally {
    removeFakeProc(proc);
  }
});

test('without iproute2', async () => {
  const { namespaces, problems } = await read((command) =>
    Promise.resolve(fail('missing', `${command} is not installed`)),
  );
  assert.equal(namespaces, [{ inode: OWN, name: 'host', role: 'host', devices: [] }]);
  assert.match(problems[1] ?? '', /unshare is not installed.*iproute2 and util-linux/);
});

test('on a machine that is too slow', async () => {
  const { problems } = await read(() => Promise.resolve(fail('timeout', 'too slow')), {
    budget: 50,
  });
  assert.match(problems[1] ?? '', /within 50 ms.*try again/);
});

test('the signal ends it with its own reason', async () => {
  const stop = new AbortController();
  const run: RunCommand = () => {
    stop.abort(new Error('enough'));
    return Promise.resolve(fail('aborted', 'stopped'));
  };
  const ending = await read(run, { signal: stop.signal }).catch((error: unknown) => error);
  assert.match(String(ending), /enough/);
});

test('a namespace that does not exist', async () => {
  const ending = await read(denied, { netns: 'nowhere' }).catch((error: unknown) => error);
  assert.match(String(ending), /no network namespace "nowhere"/);
});

test.run();
