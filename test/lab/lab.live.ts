/** A running lab: traffic reaches the container from every side, and the engine cannot reach the machine. */
import { execa } from 'execa';
import { readFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { findLeftovers, REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { describeMachine } from './machine.js';

const test = suite('lab');
test.skipUnless(findLiveObstacle('busybox'));

let machine: string;
let lab: Lab;
let redis: LabContainer;
let other: LabContainer;

test.before(async () => {
  machine = await describeMachine();
  lab = await up();
  redis = await lab.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
  other = await lab.run({ name: 'other', command: ['sleep', '1000'] });
});

test.after(() => lab.down());

async function ping(
  where: Parameters<Lab['exec']>[0],
  address: string,
  port = 6380,
): Promise<string> {
  const command = ['redis-cli', '-h', address, '-p', String(port), 'ping'];
  return (await lab.exec(where, command, { timeoutMs: 5000 })).stdout.trim();
}

async function failureOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(() => 'no failure', String);
}

test('the published port answers from every vantage', async () => {
  assert.is(await ping('client', lab.host.ipv4), 'PONG', 'outside');
  assert.is(await ping('client', lab.host.ipv6), 'PONG', 'outside, IPv6');
  assert.is(await ping('host', '127.0.0.1'), 'PONG', 'loopback');
  assert.is(await ping('host', '::1'), 'PONG', 'loopback, IPv6');
  assert.is(await ping('host', lab.host.ipv4), 'PONG', 'own address');
  assert.is(await ping(other, other.gateway), 'PONG', 'a container to the gateway');
  assert.is(await ping(redis, redis.gateway), 'PONG', 'the container itself');
});

test('the container’s address answers, routed and bridged', async () => {
  assert.is(await ping('client', redis.ipv4, 6379), 'PONG', 'outside');
  assert.is(await ping('host', redis.ipv4, 6379), 'PONG', 'host');
  assert.is(await ping(other, redis.ipv4, 6379), 'PONG', 'container');
});

test('rules and relays of the engine are in the lab', async () => {
  const { stdout: rules } = await lab.exec('host', ['iptables-save', '-t', 'nat']);
  assert.match(
    rules,
    `-A DOCKER ! -i docker0 -p tcp -m tcp --dport 6380 -j DNAT --to-destination ${redis.ipv4}:6379`,
  );
  const { stdout: sockets } = await lab.exec('host', ['ss', '-Hltnp', 'sport = :6380']);
  const relays = sockets.split('\n').filter((line) => line.includes('docker-proxy'));
  assert.is(relays.length, 2, 'one for IPv4 and one for IPv6');
});

test('a container is known by what a tracer needs', async () => {
  assert.match(redis.ipv4, /^172\.17\.0\.\d+$/);
  assert.is(redis.gateway, '172.17.0.1');
  assert.match(redis.mac, /^02:42:/);
  assert.is(redis.id.length, 64);
  assert.match(await readFile(`/proc/${String(redis.pid)}/cmdline`, 'utf8'), /^redis-server/);
  const { stdout } = await lab.exec(redis, ['ip', '-br', 'address', 'show', 'eth0']);
  assert.match(stdout, redis.ipv4);
});

test('a restarted container is looked at again', async () => {
  await lab.run({ name: 'again', command: ['sleep', '1000'] });
  const { pid } = await lab.inspect('again');
  await lab.docker(['restart', '--time', '0', 'again']);
  const after = await lab.inspect('again');
  assert.is.not(after.pid, pid);
  assert.is(after.netns, `/proc/${String(after.pid)}/ns/net`);
  await lab.docker(['rm', '--force', 'again']);
});

test('containers have a shell, nc and socat', async () => {
  assert.is(
    await lab.docker(['exec', 'other', 'sh', '-c', 'which nc socat']),
    '/bin/nc\n/usr/bin/socat\n',
  );
});

test('both docker clients work', async () => {
  for (const docker of ['/usr/bin/docker', '/usr/local/bin/docker']) {
    const { stdout, exitCode } = await execa(docker, ['ps', '--format', '{{.Names}}'], {
      env: { DOCKER_HOST: lab.dockerHost, DOCKER_CONFIG: `${lab.folder}/client` },
      reject: false,
    });
    if (exitCode === undefined) continue; // not installed
    assert.equal(stdout.split('\n').sort(), ['other', 'redis'], docker);
  }
});

test('exec: input, exit code, time limit, and a failure that says what failed', async () => {
  assert.is((await lab.exec('client', ['cat'], { input: 'a\nb' })).stdout, 'a\nb');
  assert.is((await lab.exec('client', ['false'], { allowFailure: true })).exitCode, 1);
  const slow = await lab.exec('client', ['sleep', '9'], { timeoutMs: 50, allowFailure: true });
  assert.is(slow.exitCode, 124);
  const failing = lab.exec('host', ['ip', 'link', 'show', 'nowhere']);
  assert.match(
    await failureOf(failing),
    /ip link show nowhere: exit code 1: Device "nowhere" does not exist/,
  );
});

test('docker and run: failures carry what the engine said', async () => {
  assert.match(await failureOf(lab.docker(['inspect', 'nobody'])), /[Nn]o such object/);
  const ended = lab.run({
    name: 'ended',
    command: ['sh', '-c', 'echo gone wrong; exit 3'],
    publish: ['6390:6379'],
  });
  assert.match(await failureOf(ended), /ended ended with exit code 3: gone wrong/);
  const busy = lab.run({ name: 'busy', command: REDIS, publish: ['6380:6379'] });
  assert.match(await failureOf(busy), /port is already allocated/);
  const deaf = await lab.run({
    name: 'deaf',
    command: ['sleep', '1000'],
    publish: ['6391:6379'],
    waitFor: false,
  });
  assert.match(await failureOf(ping('client', lab.host.ipv4, 6391)), /refused/);
  await lab.docker(['rm', '--force', deaf.name]);
});

test('the engine cannot write to the machine, nor see its sockets', async () => {
  const holder = lab.state.processes.find(({ role }) => role === 'host');
  const inside = async (...command: string[]): Promise<string> => {
    const args = [`--target=${String(holder?.pid)}`, '--mount', '--net', ...command];
    return (await execa('nsenter', args, { reject: false, all: true })).all;
  };
  assert.match(await inside('touch', '/etc/trace-flow-was-here'), /Read-only file system/);
  assert.match(await inside('touch', '/var/lib/trace-flow-was-here'), /Read-only file system/);
  assert.match(
    await inside('sysctl', '-w', 'kernel.keys.root_maxkeys=200'),
    /Read-only|permission/i,
  );
  assert.not.match(await inside('ls', '/run'), /docker\.sock|dbus|containerd\.sock/);
  assert.match(await inside('ls', '/sys/class/net'), /docker0/);
});

test('the machine’s own network, rules, mounts and files are as before', async () => {
  assert.is(await describeMachine(), machine);
});

test('without userland-proxy there is none, and 127.0.0.1 is translated', async () => {
  const plain = await up({ userlandProxy: false });
  try {
    await plain.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
    const command = ['redis-cli', '-p', '6380', 'ping'];
    assert.is((await plain.exec('host', command)).stdout, 'PONG\n');
    const { stdout } = await plain.exec('host', ['ss', '-Hltnp']);
    assert.not.match(stdout, 'docker-proxy');
  } finally {
    await plain.down();
  }
  assert.equal(await findLeftovers(plain.state), []);
});

test('a lab with a paused container ends too', async () => {
  const paused = await up();
  await paused.run({ name: 'paused', command: ['sleep', '1000'] });
  await paused.docker(['pause', 'paused']);
  await paused.down();
  assert.equal(await findLeftovers(paused.state), []);
});

test('two labs at once do not know of each other', async () => {
  const second = await up();
  try {
    assert.is.not(second.id, lab.id);
    const twin = await second.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
    assert.is(twin.ipv4, redis.ipv4);
    await lab.exec('client', [
      'redis-cli',
      '-h',
      lab.host.ipv4,
      '-p',
      '6380',
      'set',
      'lab',
      lab.id,
    ]);
    const get = ['redis-cli', '-h', second.host.ipv4, '-p', '6380', 'get', 'lab'];
    assert.is((await second.exec('client', get)).stdout.trim(), '');
  } finally {
    await second.down();
  }
  assert.equal(await findLeftovers(second.state), []);
  assert.is(await ping('client', lab.host.ipv4), 'PONG');
});

test.run();
