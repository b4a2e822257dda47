/** The waterfall: bars at their times, strips that count all, failures first; unknown times are not invented. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import { BUCKETS, layOutWaterfall } from '../../src/render/layout/waterfall.js';
import type { Shape } from '../../src/render/svg/shapes.js';
import { drawWaterfall } from '../../src/render/svg/waterfall.js';
import { suite } from '../support/suite.js';
import { connection } from './fixtures/build.js';

const test = suite('render: waterfall');

/** Starts `begin` nanoseconds into a second. */
function timed(id: number, begin: number, given: Partial<Connection> = {}): Connection {
  const fraction = String(begin).padStart(9, '0');
  const start = `2026-11-24T12:00:07.${fraction}Z`;
  const timing = { start, connect: 100, firstReply: 200, duration: 1_000_000, relay: null };
  return connection({ id, hops: [], timing, ...given });
}

function many(count: number): Connection[] {
  return Array.from({ length: count }, (_, i) =>
    timed(i + 1, i * 10_000, i % 100 === 7 ? { outcome: 'dropped' } : {}),
  );
}

function listShapes(shapes: readonly Shape[]): Shape[] {
  return shapes.flatMap((shape) => [shape, ...listShapes(shape.children)]);
}

test('bars begin and end at their nanoseconds, in order of time', () => {
  const later = timed(1, 2_000_000);
  const waterfall = layOutWaterfall([later, timed(2, 1)]);
  assert.equal(
    waterfall?.bars.map(({ id, begin, end, connected }) => [id, begin, end, connected]),
    [
      [2, 0, 1_000_000, 100],
      [1, 1_999_999, 2_999_999, 2_000_099],
    ],
  );
  assert.is(waterfall?.span, 2_999_999);
  assert.equal(waterfall?.strips, []);
});

test('what is not known is not drawn as zero: no start no bar, no duration no length', () => {
  const { timing } = timed(1, 0);
  const endless = timed(1, 5, { timing: { ...timing, duration: null } });
  const without = timed(2, 0, { timing: { ...timing, start: null } });
  const unreadable = timed(2, 0, { timing: { ...timing, start: 'yesterday' } });
  const waterfall = layOutWaterfall([endless, without]);
  assert.equal([waterfall?.bars.length, waterfall?.bars[0]?.end], [1, null]);
  assert.is(waterfall?.untimed, 1);
  const texts = listShapes(drawWaterfall(waterfall, { left: 0, width: 800 })(0).shapes).map(
    ({ text }) => text,
  );
  assert.ok(texts.includes('?'), texts.join(' '));
  assert.ok(texts.includes('1 connection without a known start'), texts.join(' '));
  assert.is(layOutWaterfall([without, unreadable]), null);
  assert.equal(drawWaterfall(null, { left: 0, width: 800 })(7), { shapes: [], bottom: 7 });
});

test('5,000 connections: strips count every one, what failed comes first, odd ones have bars', () => {
  const waterfall = layOutWaterfall(many(5000));
  assert.equal(
    waterfall?.strips.map(({ path, outcome, count }) => [path, outcome, count]),
    [
      ['dnat', 'dropped', 50],
      ['dnat', 'answered', 4950],
    ],
  );
  for (const { begun, count } of waterfall?.strips ?? []) {
    assert.is(begun.length, BUCKETS);
    assert.is(
      begun.reduce((sum, one) => sum + one, 0),
      count,
    );
  }
  assert.is(waterfall?.bars.filter(({ outcome }) => outcome === 'dropped').length, 10);
  assert.is(waterfall?.bars.length, 20);
  assert.ok(listShapes(drawWaterfall(waterfall, { left: 0, width: 832 })(0).shapes).length < 700);
});

test('as many as have a bar each, and one more', () => {
  assert.equal(
    [layOutWaterfall(many(40))?.bars.length, layOutWaterfall(many(40))?.strips],
    [40, []],
  );
  assert.is(layOutWaterfall(many(41))?.strips.length, 2);
});

test('paths differ in shape and colour, and failures have a mark', () => {
  const draw = (given: Partial<Connection>): Shape[] =>
    listShapes(
      drawWaterfall(layOutWaterfall([timed(1, 0, given)]), { left: 0, width: 800 })(0).shapes,
    );
  const barOf = (shapes: Shape[]): string =>
    JSON.stringify(shapes.find(({ tag }) => tag === 'rect')?.attributes);
  const [dnat, relay] = [barOf(draw({ path: 'dnat' })), barOf(draw({ path: 'docker-proxy' }))];
  assert.match(dnat, 'f-nat');
  assert.match(relay, 's-relay');
  assert.not.match(dnat, '"rx"');
  assert.match(relay, '"rx"');
  const marks = (['dropped', 'refused', 'reset', 'unanswered', 'stalled'] as const).map((outcome) =>
    JSON.stringify(draw({ outcome }).slice(draw({}).length - 1)),
  );
  assert.is(new Set(marks).size, 5);
});

test('the scale has round moments with units, from nanoseconds to seconds', () => {
  const ticksOf = (duration: number): string[] => {
    const { timing } = timed(1, 0);
    const waterfall = layOutWaterfall([timed(1, 0, { timing: { ...timing, duration } })]);
    return waterfall?.ticks.map(({ text }) => text) ?? [];
  };
  assert.equal(ticksOf(1), ['0', '1 ns']);
  assert.equal(ticksOf(3_000_000), [
    '0',
    '500 µs',
    '1000 µs',
    '1500 µs',
    '2000 µs',
    '2500 µs',
    '3000 µs',
  ]);
  assert.equal(ticksOf(60e9), ['0', '10 s', '20 s', '30 s', '40 s', '50 s', '60 s']);
});

test.run();
