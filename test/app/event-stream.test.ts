/** A slow reader of the stream costs bounded memory: events are left out and counted, and go on when he has caught up. */
import * as assert from 'uvu/assert';
import { EventStream } from '../../src/app/event-stream.js';
import { suite } from '../support/suite.js';

const test = suite('stream of events');

const MEBI = 1024 * 1024;

function open() {
  const written: object[] = [];
  const warnings: string[] = [];
  const reader = { waiting: 0 };
  const stream = new EventStream({
    write: (event) => written.push(event),
    waiting: () => reader.waiting,
    warn: (text) => warnings.push(text),
  });
  return { stream, written, warnings, reader };
}

test('a reader who keeps up gets every event', () => {
  const { stream, written, warnings, reader } = open();
  for (const id of [1, 2, 3]) {
    reader.waiting = id * 20 * MEBI;
    stream.add({ id });
  }
  stream.end();
  assert.equal([written.length, warnings], [3, []]);
});

test('one who does not: what waits is bounded, he is told once, and how many at the end', () => {
  const { stream, written, warnings, reader } = open();
  stream.add({ id: 1 });
  reader.waiting = 64 * MEBI + 1;
  for (const id of [2, 3, 4]) stream.add({ id });
  assert.is(warnings.length, 1);
  reader.waiting = 0;
  stream.add({ id: 5 });
  stream.end();
  assert.equal(written, [{ id: 1 }, { id: 5 }]);
  assert.is(warnings.length, 2);
  assert.match(warnings[1] ?? '', /^3 events were left out/);
});

test.run();
