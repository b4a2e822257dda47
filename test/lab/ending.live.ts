/** Nothing of a lab remains, whether it ends by down, by an abort or by the death of its owner. */
import { execa } from 'execa';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { cleanStale, findLeftovers, REDIS, up, type LabTraces } from '../../src/lab/index.js';
import { listLabs, readState } from '../../src/lab/state.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const OWNER = fileURLToPath(new URL('owner.js', import.meta.url));
/** What `up` says on its way, and the fixture when it is there. */
const STAGES = ['making control groups', 'making the namespaces', 'starting', 'importing', 'up'];

const test = suite('lab: ending');
test.skipUnless(findLiveObstacle('busybox', 'setpriv'));

test('down removes everything, and may be called again', async () => {
  const lab = await up();
  const redis = await lab.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
  await lab.docker(['network', 'create', 'back']);
  await lab.run({ name: 'other', command: ['sleep', '1000'], network: 'back' });
  const [file, ...args] = lab.commandIn('client', ['sh', '-c', 'sleep 1000 & wait']);
  const running = execa(file, args, { reject: false });
  await lab.exec(redis, ['true']);

  const present = (await findLeftovers(lab.state)).join('\n');
  for (const kind of [
    'names the lab',
    'control group',
    'host.net',
    'client.net',
    'mount',
    'folder',
  ]) {
    assert.match(present, kind, 'while it is up, the search finds it');
  }
  await lab.down();
  await lab.down();
  assert.is((await running).signal, 'SIGKILL', 'commands in the lab end with it');
  assert.equal(await findLeftovers(lab.state), []);
});

test('an abort at any stage of up removes what had been made', async () => {
  for (const stage of STAGES.slice(0, -1)) {
    const interrupt = new AbortController();
    const reason = new Error(`stopped at ${stage}`);
    let traces: Promise<LabTraces[]> = Promise.resolve([]);
    const attempt = up({
      signal: interrupt.signal,
      progress: (line) => {
        if (!line.startsWith(stage)) return;
        traces = findLabsOf(process.pid);
        interrupt.abort(reason);
      },
    });
    assert.is(await attempt.catch((error: unknown) => error), reason);
    const [lab] = await traces;
    assert.ok(lab, `there was a lab at ${stage}`);
    assert.equal(await findLeftovers(lab), [], stage);
  }
  assert.equal(await findLabsOf(process.pid), []);
});

test('an abort before up makes nothing', async () => {
  const reason = new Error('too late');
  assert.is(
    await up({ signal: AbortSignal.abort(reason) }).catch((error: unknown) => error),
    reason,
  );
  assert.equal(await findLabsOf(process.pid), []);
});

test('a lab whose owner was killed at any stage is removed by the next clean-up', async () => {
  for (const stage of STAGES) {
    const owner = execa(process.execPath, [OWNER], { reject: false });
    await awaitLine(owner.stdout, stage);
    const [lab] = await findLabsOf(owner.pid ?? 0);
    owner.kill('SIGKILL');
    await owner;
    assert.ok(lab, `there was a lab at ${stage}`);
    assert.not.equal(await findLeftovers(lab), [], stage);
    await cleanStale();
    assert.equal(await findLeftovers(lab), [], stage);
  }
});

test('a living owner’s lab is left alone', async () => {
  const lab = await up();
  try {
    assert.not.ok((await cleanStale()).includes(lab.id));
    assert.is((await lab.docker(['ps', '--quiet'])).trim(), '');
  } finally {
    await lab.down();
  }
});

test('an engine that does not start says why, and leaves nothing', async () => {
  const failure = await up({ dockerdArguments: ['--no-such-option'] }).catch(
    (error: unknown) => error,
  );
  assert.match(String(failure), /Docker Engine ended with exit code 1:[^]*no-such-option/);
  assert.equal(await findLabsOf(process.pid), []);
});

test('without the right to make namespaces it says so, and leaves nothing', async () => {
  const drop = ['--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
  const owner = execa('setpriv', [...drop, process.execPath, OWNER], { reject: false });
  const result = await owner;
  assert.match(result.stderr, /Cannot make the (host|client)'s namespaces: unshare/);
  assert.match(result.stderr, /no-namespace/);
  assert.equal(await findLabsOf(owner.pid ?? 0), []);
});

test('ten labs one after the other, each up in less than 15 s', async () => {
  const times: number[] = [];
  for (let round = 0; round < 10; round++) {
    const start = performance.now();
    const lab = await up();
    const redis = await lab.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
    times.push(performance.now() - start);
    const command = ['redis-cli', '-h', redis.ipv4, 'ping'];
    assert.is((await lab.exec('host', command)).stdout, 'PONG\n');
    await lab.down();
    assert.equal(await findLeftovers(lab.state), []);
  }
  assert.ok(Math.max(...times) < 15_000, times.join(', '));
});

/** Waits for a line that starts so, or for the end. */
async function awaitLine(output: Readable, start: string): Promise<void> {
  let text = '';
  await new Promise<void>((resolve) => {
    output.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (`\n${text}`.includes(`\n${start}`)) resolve();
    });
    output.once('end', resolve);
  });
}

async function findLabsOf(pid: number): Promise<LabTraces[]> {
  const states = await Promise.all((await listLabs()).ids.map(readState));
  return states.filter((state) => state !== null).filter(({ owner }) => owner.pid === pid);
}

test.run();
