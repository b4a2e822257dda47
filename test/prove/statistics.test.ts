/** Quantiles and sums over connections: what is not known of one is not made up, and not zero. */
import * as assert from 'uvu/assert';
import { findQuantiles, findStatistics } from '../../src/prove/timing/statistics.js';
import type { Connection } from '../../src/model/report.js';
import { compareRelayed, writeComparison } from '../../src/words/comparison.js';
import { suite } from '../support/suite.js';
import { connection } from '../render/fixtures/build.js';

const test = suite('prove: statistics');

const NOTHING: Connection['timing'] = {
  start: null,
  connect: null,
  firstReply: null,
  duration: null,
  relay: null,
};

const timed = (id: number, given: Partial<Connection['timing']>): Connection =>
  connection({ id, hops: [], timing: { ...NOTHING, ...given } });

test('quantiles are exact, whatever the order', () => {
  const values = Array.from({ length: 101 }, (_, i) => ((i * 37) % 101) * 1000);
  assert.equal(findQuantiles(values), {
    p50: 50_000,
    p95: 95_000,
    p99: 99_000,
    max: 100_000,
    count: 101,
  });
  assert.equal(findQuantiles([7]), { p50: 7, p95: 7, p99: 7, max: 7, count: 1 });
  assert.is(findQuantiles([]), null);
});

test('a row for each path, outcome and container; the most frequent first', () => {
  const rows = findStatistics([
    timed(1, {}),
    { ...timed(2, {}), path: 'docker-proxy' },
    { ...timed(3, {}), path: 'docker-proxy' },
    { ...timed(4, {}), outcome: 'refused' },
    { ...timed(5, {}), container: null },
  ]);
  assert.equal(
    rows.map(({ path, outcome, container, count }) => [path, outcome, container, count]),
    [
      ['docker-proxy', 'answered', 'redis', 2],
      ['dnat', 'answered', 'redis', 1],
      ['dnat', 'refused', 'redis', 1],
      ['dnat', 'answered', null, 1],
    ],
  );
});

test('times that are not known do not count, and a sum of what is not known is not known', () => {
  const [row] = findStatistics([
    { ...timed(1, { connect: 10 }), retransmits: 1 },
    { ...timed(2, { connect: null, firstReply: 5 }), retransmits: null },
  ]);
  assert.is(row?.connect?.count, 1);
  assert.is(row?.relay, null);
  assert.is(row?.retransmits, null);
});

test('the slowest come first, and those of which no time is known are not among them', () => {
  const [row] = findStatistics([
    timed(1, { firstReply: 5, duration: 900 }),
    timed(2, {}),
    timed(3, { firstReply: 50 }),
    timed(4, { duration: 20 }),
  ]);
  assert.equal(row?.slowest, [3, 4, 1]);
});

test('docker-proxy stands beside DNAT only where both led to one container and were answered', () => {
  const fast = timed(1, { firstReply: 100 });
  const relayed = { ...timed(2, { firstReply: 900 }), path: 'docker-proxy' as const };
  const told = (list: Connection[]): string[] =>
    compareRelayed(findStatistics(list)).map((one) => writeComparison(one));
  assert.equal(told([fast, relayed]), [
    'redis: the median of the first replies is 900 ns through docker-proxy (1) and 100 ns by DNAT (1); clients and moments may differ',
  ]);
  const elsewhere = { name: 'web', address: '172.17.0.9', port: 80 };
  assert.equal(told([fast, { ...relayed, container: elsewhere }]), []);
  assert.equal(told([fast, { ...relayed, container: null }]), []);
  assert.equal(told([fast, { ...relayed, outcome: 'reset' }]), []);
  assert.equal(told([fast, { ...relayed, timing: NOTHING }]), []);
  assert.equal(told([fast]), []);
});

test.run();
