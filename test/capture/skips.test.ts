/** Reads from /proc how many runs of programs the kernel skipped. */
import * as assert from 'uvu/assert';
import { SkipReader, sumMisses } from '../../src/capture/bpftrace/skips.js';
import { suite } from '../support/suite.js';

const test = suite('skips');

const program = (id: number, misses: number): string =>
  `pos:\t0\nflags:\t02000002\nprog_type:\t5\nprog_jited:\t1\nprog_id:\t${id}\nrun_cnt:\t0\nrecursion_misses:\t${misses}\nverified_insns:\t40\n`;

test('the misses of all programs, each counted once', () => {
  assert.is(
    sumMisses([program(7, 12), 'pos:\t0\nflags:\t02\n', program(8, 30), program(7, 12)]),
    42,
  );
  assert.is(sumMisses([program(7, 0)]), 0);
});

test('a kernel that does not count them: not known, which is not none', () => {
  assert.is(sumMisses(['prog_id:\t7\nrun_cnt:\t0\n', '']), null);
  assert.is(sumMisses([]), null);
});

test('a process without programs, and none at all', async () => {
  assert.is(await new SkipReader(process.pid).read(), null);
  assert.is(await new SkipReader(undefined).read(), null);
});

test.run();
