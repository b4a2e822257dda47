/** What ICMP errors are called, of both versions, and those that have no name here. */
import * as assert from 'uvu/assert';
import type { IcmpError } from '../../src/model/conversation.js';
import { writeReported } from '../../src/words/icmp.js';
import { suite } from '../support/suite.js';

const test = suite('words: ICMP');

function reason(version: 4 | 6, type: number, code: number): string {
  return writeReported({ from: '172.17.0.2', message: { version, type, code } } as IcmpError)
    .reason;
}

test('an error is named by version, type and code, and by who reported it', () => {
  const error = { from: '172.17.0.2', message: { version: 4, type: 3, code: 3 } } as IcmpError;
  assert.equal(writeReported(error), {
    reason: 'ICMP port unreachable',
    function: 'reported by 172.17.0.2',
  });
  assert.is(reason(4, 3, 1), 'ICMP host unreachable');
  assert.is(reason(4, 3, 4), 'ICMP packet too big');
  assert.is(reason(4, 11, 0), 'ICMP time exceeded');
  assert.is(reason(6, 1, 4), 'ICMP port unreachable');
  assert.is(reason(6, 1, 3), 'ICMP host unreachable');
  assert.is(reason(6, 2, 0), 'ICMP packet too big');
  assert.is(reason(6, 3, 0), 'ICMP time exceeded');
});

test('one without a name is told by its numbers', () => {
  assert.is(reason(4, 3, 99), 'ICMP unreachable, code 99');
  assert.is(reason(4, 12, 1), 'ICMP type 12, code 1');
  assert.is(reason(6, 1, 99), 'ICMP unreachable, code 99');
  assert.is(reason(6, 4, 2), 'ICMP version 6, type 4, code 2');
});

test.run();
