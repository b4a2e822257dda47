/** Which silences of a trace are believed, also in recordings that do not name their witnesses. */
import * as assert from 'uvu/assert';
import { isComplete, isLossless } from '../../../src/prove/coverage/coverage.js';
import { readWitnesses } from '../../../src/prove/coverage/witnesses.js';
import { suite } from '../../support/suite.js';

const test = suite('coverage');

test('witnesses are those that are named; of older recordings those whose probes were attached', () => {
  const read = (attached: string[], witnesses?: ('accepts' | 'copies' | 'asides')[]): string[] =>
    [...readWitnesses({ attached, missing: [], ...(witnesses && { witnesses }) })].sort();
  const accepts = 'tracepoint:syscalls:sys_exit_accept4';
  const copies = 'tracepoint:syscalls:sys_enter_recvfrom';
  assert.equal(read([accepts, copies], []), []);
  assert.equal(read([], ['asides', 'copies']), ['asides', 'copies']);
  assert.equal(read([accepts, copies]), ['accepts', 'copies']);
  assert.equal(read([accepts]), ['accepts']);
  assert.equal(read([copies, 'tracepoint:other']), ['copies']);
  assert.equal(read([]), []);
});

test('complete: sealed, nothing lost, not cut off; lossless: and no run was skipped', () => {
  const whole = { sealed: true, lostEvents: 0, truncated: false, unparsedPackets: 0, notes: [] };
  const both = (change: object): boolean[] => {
    const tail = { ...whole, ...change };
    return [isComplete(tail), isLossless(tail)];
  };
  assert.equal(both({}), [true, true]);
  assert.equal(both({ skippedRuns: 1 }), [true, false]);
  assert.equal(both({ skippedRuns: 0 }), [true, false], 'skipped, and how often is not known');
  for (const change of [{ sealed: false }, { lostEvents: 1 }, { truncated: true }]) {
    assert.equal(both(change), [false, false], JSON.stringify(change));
  }
});

test.run();
