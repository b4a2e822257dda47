/** doctor on a machine that can trace, beside an engine, without rights, and with things left behind. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { up, REDIS } from '../../src/lab/index.js';
import { listLabs } from '../../src/lab/state.js';
import { doctorSchema, type DoctorReport } from '../../src/model/doctor.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const OWNER = fileURLToPath(new URL('../lab/owner.js', import.meta.url));

const test = suite('doctor');
test.skipUnless(findLiveObstacle('setpriv'));

async function run(
  args: string[],
  options: { dockerHost?: string; drop?: boolean } = {},
): Promise<{ stdout: string; stderr: string; exitCode: number | undefined }> {
  const command = [process.execPath, RUN, 'doctor', ...args];
  const drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const [file = '', ...words] = options.drop ? [...drop, ...command] : command;
  const env = { NO_COLOR: '1', DOCKER_HOST: options.dockerHost ?? 'unix:///nowhere/docker.sock' };
  const { stdout, stderr, exitCode } = await execa(file, words, { reject: false, env });
  return { stdout, stderr, exitCode };
}

function parse(stdout: string): DoctorReport {
  return doctorSchema.strict().parse(JSON.parse(stdout));
}

test('beside an engine: it can trace, names the engine and its relays', async () => {
  const lab = await up();
  try {
    await lab.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
    const { stdout, exitCode } = await run(['--json', '--netns', lab.host.netns], lab);
    const report = parse(stdout);
    assert.equal([exitCode, report.canTrace], [0, true], report.summary);
    assert.match(
      report.summary,
      /^This machine can trace live: Linux .*, bpftrace .*Docker Engine/,
    );
    assert.equal([report.engine?.userlandProxy, report.engine?.relays.length], [true, 2]);
    assert.ok(report.checks.some(({ code, status }) => code === 'trial' && status === 'ok'));
    assert.equal(report.machine.missingTracepoints, []);
  } finally {
    await lab.down();
  }
});

test('without an engine: it can trace, and says what that leaves unknown', async () => {
  const { stdout, exitCode } = await run([]);
  assert.is(exitCode, 0);
  const [first, blank, ...lines] = stdout.split('\n');
  assert.match(first ?? '', /^This machine can trace live: /);
  assert.is(blank, '');
  const at = lines.findIndex((line) => /^! Containers are unknown/.test(line));
  assert.match(lines[at + 1] ?? '', /^ {4}→ start it, or set DOCKER_HOST/);
});

test('without root: it cannot, and says why first', async () => {
  const { stdout, exitCode } = await run([], { drop: true });
  assert.is(exitCode, 1);
  assert.match(stdout, /^This machine cannot trace live, because live tracing needs root/);
  assert.match(stdout, /✘ live tracing needs root\n {4}→ run it with sudo/);
  assert.not.match(stdout, /trial/);
});

test('without bpftrace, and with one that does not work', async () => {
  const none = await run(['--bpftrace', '/nowhere/bpftrace', '--json']);
  assert.is(none.exitCode, 1);
  assert.match(parse(none.stdout).summary, /because \/nowhere\/bpftrace is not installed/);
  const broken = await run(['--bpftrace', 'false']);
  assert.is(broken.exitCode, 1);
  assert.match(broken.stdout, /because false ended with 1/);
});

test('a network namespace that does not exist', async () => {
  const { stderr, exitCode } = await run(['--netns', 'nowhere']);
  assert.is(exitCode, 2);
  assert.match(stderr, /no network namespace "nowhere"/);
});

test('names a lab whose owner was killed, and removes it when asked', async () => {
  const owner = execa(process.execPath, [OWNER], { reject: false });
  const id = await new Promise<string>((resolve) => {
    let text = '';
    owner.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /^up ([0-9a-f]{8})$/m.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  assert.not.ok(parse((await run(['--json'])).stdout).staleLabs.includes(id), 'its owner lives');
  owner.kill('SIGKILL');
  await owner;
  const seen = parse((await run(['--json'])).stdout);
  // Whoever starts a lab on this machine meanwhile removes stale ones too.
  if ((await listLabs()).ids.includes(id)) {
    assert.ok(seen.staleLabs.includes(id));
    assert.ok(seen.checks.some(({ code }) => code === 'stale-labs'));
  }
  const { staleLabs, cleaned } = parse((await run(['--json', '--clean'])).stdout);
  assert.equal(cleaned.labs.includes(id), staleLabs.includes(id));
  assert.not.ok((await listLabs()).ids.includes(id));
});

test.run();
