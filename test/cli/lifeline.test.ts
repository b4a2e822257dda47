/** A trace that another program holds ends when that program is gone. */

import { mock } from 'node:test';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { watchLifeline } from '../../src/cli/lifeline.js';
import { suite } from '../support/suite.js';

const test = suite('lifeline');

test.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.after.each(() => mock.timers.reset());

function watch(): { input: PassThrough; calls: () => number } {
  const input = new PassThrough();
  let calls = 0;
  watchLifeline(input, () => (calls += 1));
  return { input, calls: () => calls };
}

test('the end of the input ends it, once', async () => {
  const { input, calls } = watch();
  input.write('\n');
  await setImmediate();
  assert.is(calls(), 0);
  input.end();
  await setImmediate();
  await setImmediate();
  assert.is(calls(), 1);
});

test('an input that was paused, or read to its end before, is no exception', async () => {
  const paused = new PassThrough();
  paused.pause();
  let calls = 0;
  watchLifeline(paused, () => (calls += 1));
  paused.end();
  await setImmediate();
  await setImmediate();
  assert.is(calls, 1);
  const over = new PassThrough();
  over.end();
  await over.toArray();
  watchLifeline(over, () => (calls += 1));
  assert.is(calls, 2);
});

test('silence ends it after half a minute, and a sign of life puts that off', async () => {
  const { input, calls } = watch();
  mock.timers.tick(29_000);
  input.write('\n');
  await setImmediate();
  mock.timers.tick(29_000);
  assert.is(calls(), 0);
  mock.timers.tick(1_000);
  assert.is(calls(), 1);
  input.end();
  await setImmediate();
  assert.is(calls(), 1);
});

test.run();
