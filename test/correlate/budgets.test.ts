/** The smallest budget that held during a time, from its changes. */
import * as assert from 'uvu/assert';
import { Budgets } from '../../src/correlate/budgets.js';
import { suite } from '../support/suite.js';

const test = suite('budgets');

const SECOND = 1_000_000_000;
const change = (second: number, budget: number) => ({
  kind: 'budget' as const,
  id: second,
  time: second * SECOND,
  budget,
});
const budgets = new Budgets(16, [change(10, 1), change(20, 16)]);
const least = (from: number, to: number): number | undefined =>
  budgets.least(from * SECOND, to * SECOND);

test('the smallest one between two times', () => {
  assert.is(least(1, 9), 16, 'before');
  assert.is(least(1, 11), 1, 'it was lowered meanwhile');
  assert.is(least(11, 19), 1, 'within');
  assert.is(least(11, 21), 1, 'it was raised meanwhile');
  assert.is(least(21, 30), 16, 'after');
  assert.is(least(1, 30), 1, 'around');
  assert.is(least(1, Infinity), 1, 'still open');
  assert.is(least(21, Infinity), 16);
});

test('shortly before and after a change both may have held', () => {
  assert.is(budgets.least(0, 10 * SECOND - 999_999), 1);
  assert.is(budgets.least(0, 10 * SECOND - 1_000_001), 16);
  assert.is(budgets.least(20 * SECOND + 999_999, Infinity), 1);
  assert.is(budgets.least(20 * SECOND + 1_000_001, Infinity), 16);
});

test('without changes that of the header; without one there nothing is known', () => {
  assert.is(new Budgets(3).least(0, Infinity), 3);
  assert.is(new Budgets(undefined, [change(1, 1)]).least(0, Infinity), undefined);
});

test.run();
