/** The kernel's buffers: large where memory is, small where it is not or may not be locked. */
import * as assert from 'uvu/assert';
import {
  countPages,
  maySurpass,
  readBufferFacts,
  readPageSize,
  type BufferFacts,
} from '../../src/capture/bpftrace/buffers.js';
import { suite } from '../support/suite.js';

const test = suite('buffers');

const MIB = 1024 * 1024;

const bytes = (facts: Partial<BufferFacts>): number => {
  const page = facts.page ?? 4096;
  const usual = { version: 'bpftrace v0.17.0', processors: 2, available: 8192 * MIB, locks: true };
  return countPages({ ...usual, ...facts, page }) * page;
};

test('one buffer for each processor, up to 64 MiB each and 256 MiB in all', () => {
  assert.is(bytes({}), 64 * MIB);
  assert.is(bytes({ processors: 8 }), 32 * MIB);
  assert.is(bytes({ processors: 64 }), 4 * MIB);
  assert.is(bytes({ processors: 1024 }), 2 * MIB);
});

test('a newer bpftrace has one for all processors', () => {
  assert.is(bytes({ version: 'bpftrace v0.23.2' }), 128 * MIB);
  assert.is(bytes({ version: 'bpftrace v0.27.1', processors: 64 }), 256 * MIB);
  assert.is(bytes({ version: '' }), 64 * MIB);
});

test('a sixteenth of the free memory at most, and 2 MiB at least', () => {
  assert.is(bytes({ available: 1024 * MIB }), 32 * MIB);
  assert.is(bytes({ available: 1000 * MIB }), 16 * MIB);
  assert.is(bytes({ available: 10 * MIB }), 2 * MIB);
});

test('little where memory may not be locked, and as many bytes with larger pages', () => {
  assert.is(bytes({ locks: false }), 2 * MIB);
  assert.is(bytes({ page: 65_536 }), 64 * MIB);
});

test('who may lock memory', () => {
  const limited =
    'Max locked memory         8388608              8388608              bytes     \n';
  assert.ok(maySurpass('CapEff:\t000001ffffffffff\n', limited));
  assert.ok(maySurpass('CapEff:\t0000000000004000\n', limited));
  assert.ok(maySurpass('CapEff:\t0000000001000000\n', limited));
  assert.not.ok(maySurpass('CapEff:\t000000c000201000\n', limited));
  assert.ok(
    maySurpass(
      '',
      'Max locked memory         unlimited            unlimited            bytes     \n',
    ),
  );
  assert.not.ok(maySurpass('', ''));
});

test('the facts of this machine', () => {
  assert.is(readPageSize('KernelPageSize:       64 kB\n'), 65_536);
  assert.is(readPageSize(''), 4096);
  const facts = readBufferFacts('bpftrace v0.17.0');
  assert.ok(Number.isInteger(Math.log2(countPages(facts))));
});

test.run();
