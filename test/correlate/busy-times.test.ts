/** When released legs existed: what the judgement of a pair needs once their packets are gone. */
import * as assert from 'uvu/assert';
import { BusyTimes } from '../../src/correlate/capture/busy-times.js';
import { suite } from '../support/suite.js';

const test = suite('busy times');

test('times that overlap become one; those between are free', () => {
  const busy = new BusyTimes();
  busy.add([
    { from: 10, until: 20 },
    { from: 40, until: 50 },
    { from: 15, until: 30 },
  ]);
  const told = (): boolean[] =>
    [
      [0, 9],
      [0, 10],
      [25, 26],
      [31, 39],
      [31, 40],
      [51, 60],
    ].map(([from = 0, until = 0]) => busy.overlaps(from, until));
  assert.equal(told(), [false, true, true, false, true, false]);
  busy.add([{ from: 29, until: 41 }]);
  assert.equal(told(), [false, true, true, true, true, false]);
});

test('what was before is forgotten', () => {
  const busy = new BusyTimes();
  busy.add([
    { from: 10, until: 20 },
    { from: 40, until: 50 },
  ]);
  busy.forget(21);
  assert.equal([busy.overlaps(10, 20), busy.overlaps(45, 45)], [false, true]);
  busy.forget(50);
  assert.is(busy.overlaps(45, 45), true, 'it ends then');
});

test.run();
