/** Events of several processors come out in order of time, as long as none is later than one tick. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { restoreOrder, Sequencer } from '../../src/capture/sequencer.js';
import type { TraceEvent, Unnumbered } from '../../src/model/event.js';
import { suite } from '../support/suite.js';

const test = suite('sequencer');

function eventAt(time: number): Unnumbered {
  return {
    kind: 'counter',
    time,
    namespace: 1,
    ifindex: 1,
    direction: 'in',
    protocol: 'tcp',
    source: { address: '127.0.0.1', port: 1 },
    destination: { address: '127.0.0.1', port: 2 },
    packets: 1,
    bytes: 1,
  };
}

test('any interleaving of buffers, each in order and at most one tick late, comes out sorted', () => {
  const buffer = fc.array(fc.nat(30), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(buffer, { minLength: 1, maxLength: 4 }), fc.nat(), (gaps, seed) => {
      const out: TraceEvent[] = [];
      const sequencer = new Sequencer((event) => out.push(event));
      const queues = gaps.map((steps) => {
        let time = 0;
        return steps.map((step) => (time += step));
      });
      const total = queues.flat().length;
      // Each round is a tick: it delivers all events before its horizon and, of some buffers, a few after it.
      let random = seed;
      for (let horizon = 50; queues.some((queue) => queue.length > 0); horizon += 50) {
        for (const queue of queues) {
          random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
          const reach = horizon + (random % 50);
          while (queue[0] !== undefined && queue[0] < reach) {
            sequencer.push(eventAt(queue.shift() ?? 0));
          }
        }
        sequencer.tick();
      }
      sequencer.flush();
      assert.is(out.length, total);
      for (const [at, event] of out.entries()) {
        assert.is(event.id, at + 1);
        assert.ok(event.time >= (out[at - 1]?.time ?? 0));
      }
    }),
    { numRuns: 500 },
  );
});

test('holds an event back for one tick, and keeps equal times in order of arrival', () => {
  const out: TraceEvent[] = [];
  const sequencer = new Sequencer((event) => out.push(event));
  const first = { ...eventAt(5), packets: 1 } as Unnumbered;
  const second = { ...eventAt(5), packets: 2 } as Unnumbered;
  sequencer.push(first);
  sequencer.push(second);
  assert.is(out.length, 0);
  sequencer.tick();
  assert.is(out.length, 0);
  sequencer.push(eventAt(4));
  sequencer.tick();
  assert.equal(
    out.map((event) => [event.id, event.time, event.kind === 'counter' && event.packets]),
    [
      [1, 4, 1],
      [2, 5, 1],
      [3, 5, 2],
    ],
  );
});

test('a flush leaves nothing, twice nothing', () => {
  const out: number[] = [];
  const sequencer = new Sequencer((event) => out.push(event.time));
  for (const time of [3, 1, 2]) sequencer.push(eventAt(time));
  sequencer.flush();
  sequencer.flush();
  sequencer.tick();
  assert.equal(out, [1, 2, 3]);
});

test('a whole that is out of order is put in order, each with its number; one in order stays as it is', () => {
  const late = [4, 5, 2].map((time, index) => ({ ...eventAt(time), id: index + 1 }));
  assert.equal(
    restoreOrder(late).map(({ id, time }) => [id, time]),
    [
      [3, 2],
      [1, 4],
      [2, 5],
    ],
  );
  const fine = late.slice(0, 2);
  assert.is(restoreOrder(fine), fine);
});

test.run();
