/** Which times the statistics show: those that most connections have, and never two kinds under one name. */
import * as assert from 'uvu/assert';
import type { Quantiles, StatisticsRow } from '../../src/model/statistics.js';
import { chooseTimes } from '../../src/render/layout/times.js';
import { createPaint } from '../../src/render/terminal/paint.js';
import { drawTimes } from '../../src/render/terminal/times.js';
import { suite } from '../support/suite.js';

const test = suite('render: times');

const among = (count: number, ns = 1_000): Quantiles => ({
  p50: ns,
  p95: ns,
  p99: ns,
  max: ns,
  count,
});

const row = (change: Partial<StatisticsRow>): StatisticsRow => ({
  path: 'dnat',
  outcome: 'answered',
  container: 'redis',
  count: 100,
  connect: among(100, 2_000),
  firstReply: among(100),
  duration: among(100, 3_000),
  relay: null,
  bytes: { fromClient: 1, fromServer: 1 },
  retransmits: 0,
  slowest: [],
  clients: [],
  ...change,
});

const draw = (...rows: StatisticsRow[]): string[] =>
  drawTimes(rows, { columns: 100, paint: createPaint(false) });

test('the first reply where most connections have one', () => {
  assert.is(chooseTimes(row({}))?.measure, 'firstReply');
  assert.is(chooseTimes(row({ firstReply: among(51) }))?.measure, 'firstReply');
  assert.is(chooseTimes(row({ firstReply: among(50) }))?.measure, 'connect');
  assert.is(chooseTimes(row({ firstReply: among(50), connect: among(50) }))?.measure, 'duration');
  const none = { firstReply: null, connect: null, duration: null };
  assert.is(chooseTimes(row(none)), null);
});

test('the heading names the time; a row of another kind has a mark and a note', () => {
  const lines = draw(
    row({}),
    row({ path: 'docker-proxy', firstReply: among(2) }),
    row({ outcome: 'refused', firstReply: null, connect: null }),
  );
  assert.is(lines[0], 'time to the first reply');
  assert.match(lines[2] ?? '', /^ {2}dnat +answered +redis +1\.00 µs/);
  assert.match(lines[3] ?? '', /^ {2}docker-proxy +answered\* +redis +2\.00 µs/);
  assert.match(lines[4] ?? '', /^ {2}dnat +refused\+ +redis +3\.00 µs/);
  assert.equal(lines.slice(5, 7), ['  * time to connect', '  + time in all']);
});

test('rows of one kind need no note', () => {
  const lines = draw(row({ firstReply: null }), row({ path: 'relay', firstReply: null }));
  assert.is(lines[0], 'time to connect');
  assert.is(lines.length, 4);
  assert.not.match(lines.join('\n'), /[*+]/);
  assert.equal(draw(row({ firstReply: null, connect: null, duration: null })), []);
});

test.run();
