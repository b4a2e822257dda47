/** Documents with every event: how hops are shared out, and that the rest of the report stays the same. */
import * as assert from 'uvu/assert';
import { listEveryHop, shareOut } from '../../src/app/every-hop.js';
import { analyse } from '../../src/prove/analyse.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('every hop');

test('hops are shared out so that those with few keep theirs', () => {
  assert.is(shareOut([], 10), null);
  assert.is(shareOut([3, 7], 10), null);
  assert.is(shareOut([3, 8], 10), 7);
  assert.is(shareOut([3, 100, 100], 43), 20);
  assert.is(shareOut([5, 5, 5], 2), 1);
});

test('a shortened report gets its hops back, and keeps what else is in it', () => {
  const trace = readSample('mixed-20');
  const short = { ...analyse(trace, { hops: 5 }), source: 'live' as const };
  const whole = analyse(trace, { hops: null });
  const full = listEveryHop(short, trace);
  assert.equal(full, { ...whole, source: 'live' });
  const part = listEveryHop(short, trace, 400);
  const listed = part.connections.map(({ hops, hopsOmitted }) => [hops.length, hopsOmitted]);
  assert.ok(
    listed.every(([kept = 0, omitted = 0]) => kept >= 20 && omitted > 0),
    String(listed),
  );
});

test('a trace whose events were let go is not analysed again: the report is all that there is', () => {
  const trace = readSample('mixed-20');
  const short = analyse(trace, { hops: 5 });
  assert.is(listEveryHop(short, { ...trace, events: [], partial: true }), short);
});

test.run();
