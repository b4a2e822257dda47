/** Which process stands in for which: children and grandchildren, and sockets that the parent had accepted. */
import * as assert from 'uvu/assert';
import { Kinship } from '../../src/correlate/kinship.js';
import type { AcceptEvent, ForkEvent } from '../../src/model/event.js';
import { suite } from '../support/suite.js';
import { at, Story } from '../support/story.js';

const test = suite('kinship');
const story = new Story();

function fork(pid: number, child: number): ForkEvent {
  return { ...story.stamp(), kind: 'fork', pid, child, command: 'x' };
}

function accept(pid: number, port: number): AcceptEvent {
  const ends = { local: at('10.0.0.1#80'), remote: at(`10.0.0.2#${port}`) };
  const process = { namespace: 1, pid, tid: pid, command: 'x' };
  return { ...story.stamp(), kind: 'accept', ...process, socket: `s${port}`, ...ends, fd: 4 };
}

test('a process descends from itself, its parent and its parent’s parent', () => {
  const kin = new Kinship([fork(1, 2), fork(2, 3)]);
  assert.equal([kin.descends(3, 3), kin.descends(3, 2), kin.descends(3, 1)], [true, true, true]);
  assert.equal([kin.descends(1, 3), kin.descends(2, 3), kin.descends(3, 9)], [false, false, false]);
});

test('a number that is used again is the last process’s, and a circle of numbers ends', () => {
  const again = new Kinship([fork(1, 3), fork(2, 3)]);
  assert.equal([again.descends(3, 2), again.descends(3, 1)], [true, false]);
  const circle = new Kinship([fork(1, 2), fork(2, 1)]);
  assert.equal([circle.descends(1, 2), circle.descends(1, 9)], [true, false]);
});

test('a child serves what its parent had accepted last before the fork', () => {
  const [first, second, late] = [accept(1, 1), accept(1, 2), accept(1, 3)];
  const kin = new Kinship([first, second, fork(1, 2), late, fork(2, 3)]);
  assert.is(kin.servedBy(2), second);
  // A child that forks again hands its client on.
  assert.is(kin.servedBy(3), second);
  assert.is(kin.servedBy(1), null);
  assert.is(new Kinship([fork(1, 2)]).servedBy(2), null);
});

test('a child that accepts for itself serves that in the children of its own', () => {
  const [parents, own] = [accept(1, 1), accept(2, 2)];
  const kin = new Kinship([parents, fork(1, 2), own, fork(2, 3)]);
  assert.is(kin.servedBy(3), own);
});

test('a family is a process with all that it forked, and those that forked it', () => {
  const kin = new Kinship([fork(1, 2), fork(2, 3), fork(7, 8)]);
  const family = [...kin.family(2)].sort();
  assert.ok(family.includes(2) && family.includes(3));
  assert.not.ok(family.includes(7) || family.includes(8));
});

test.run();
