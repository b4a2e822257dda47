/** A host's stream: its first line, its end, and hosts that say nothing. */

import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { HostStream } from '../../../src/capture/ssh/host-stream.js';
import { suite } from '../../support/suite.js';

const test = suite('host stream');

function run(script: string): { stream: HostStream; warnings: string[] } {
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  return { stream: new HostStream({ command: ['sh', '-c', script], onWarning }), warnings };
}

async function readAll(stream: HostStream): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream.open().chunks) pieces.push(piece);
  stream.close();
  return Buffer.concat(pieces).toString();
}

test('the first line is there while the trace runs; the rest comes when its input ends', async () => {
  const { stream } = run('echo header; cat >/dev/null; echo end');
  assert.is(await stream.firstLine(), 'header');
  assert.is(stream.isOver, false);
  await stream.stop(60_000);
  const { exitCode } = await stream.ended;
  assert.is(exitCode, 0);
  assert.is(await readAll(stream), 'header\nend\n');
});

test('a command that fails has no first line, and what it said is kept', async () => {
  const { stream, warnings } = run('echo warning: one >&2; echo Error: two >&2; exit 7');
  assert.is(await stream.firstLine(), null);
  const { exitCode, stderr } = await stream.ended;
  assert.is(exitCode, 7);
  assert.match(stderr, /Error: two/);
  assert.equal(warnings, ['one']);
  stream.close();
});

test('a line without its end is no first line', async () => {
  const { stream } = run('printf head');
  assert.is(await stream.firstLine(), null);
  stream.close();
});

test('a command that is not there is told apart from one that fails', async () => {
  const stream = new HostStream({ command: ['/no/such/ssh'], onWarning: () => undefined });
  const { errno } = await stream.ended;
  assert.is(errno, 'ENOENT');
  stream.close();
});

test('one that ends for nobody is killed, and what it sent is kept', async () => {
  const { stream } = run('echo header; exec sleep 1000 <&-');
  await stream.firstLine();
  await stream.stop(50);
  assert.is((await stream.ended).signal, 'SIGKILL');
  assert.is(await readAll(stream), 'header\n');
});

test('one that still sends is waited for', async () => {
  const { stream } = run(
    'echo header; cat >/dev/null; for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done',
  );
  await stream.firstLine();
  await stream.stop(1_000);
  assert.is(await readAll(stream), 'header\n1\n2\n3\n4\n5\n6\n');
});

test('the recording has no name, so that nothing is left of it', async () => {
  const { stream } = run('readlink /proc/self/fd/1 || true; cat >/dev/null');
  const line = await stream.firstLine();
  assert.ok(!existsSync(line ?? '/'), line ?? '');
  await stream.stop(60_000);
  stream.close();
});

test.run();
