/** What the clocks say of a trace: a sleep, a clock that was set, both, neither. */
import * as assert from 'uvu/assert';
import { compareClocks, readClocks } from '../../src/host/clocks.js';
import { suite } from '../support/suite.js';

const test = suite('clocks');
const before = { wall: 1_700_000_000_000, awake: 5_000_000, up: 6_000_000 };
const after = (wall: number, awake: number, up: number) => ({
  wall: before.wall + wall,
  awake: before.awake + awake,
  up: before.up + up,
});

test('a usual trace says nothing, also where the kernel tells little', () => {
  assert.equal(compareClocks(before, after(10_000, 10_000, 10_000)), []);
  assert.equal(compareClocks(before, after(10_300, 10_000, 10_000)), [], 'slewed by a time server');
  const [start, end] = [before, after(10_000, 10_000, 0)].map((one) => ({ ...one, up: null }));
  assert.equal(compareClocks(start!, end!), []);
});

test('a machine that slept: wall and boot clock went on, the probes did not', () => {
  const [note, ...more] = compareClocks(before, after(70_000, 10_000, 70_000));
  assert.match(note ?? '', /slept for 60\.0 s/);
  assert.equal(more, []);
});

test('a clock that was set, either way', () => {
  assert.match(
    compareClocks(before, after(3_610_000, 10_000, 10_000))[0] ?? '',
    /forward by 3600\.0/,
  );
  assert.match(compareClocks(before, after(-50_000, 10_000, 10_000))[0] ?? '', /back by 60\.0 s/);
});

test('asleep, and set on waking: both are told', () => {
  assert.is(compareClocks(before, after(100_000, 10_000, 70_000)).length, 2);
});

test('the real clocks go on together', () => {
  assert.equal(compareClocks(readClocks(), readClocks()), []);
});

test.run();
