/** The index of pairs and the table of packets keep what was not removed, whatever was removed before. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { PairIndex } from '../../src/capture/conversations/pair-index.js';
import { PacketTable } from '../../src/model/packet-table.js';
import { suite } from '../support/suite.js';

const test = suite('pair index');

test('a pair is found until it is removed, however many share its slot', () => {
  const number = fc.constantFrom(0, 1, 2, 65_536, 2 ** 20, 2 ** 32, 2 ** 33 + 1, 2 ** 36);
  const step = fc.tuple(number, fc.nat(600), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3_000, minLength: 1_000 }), (steps) => {
      const index = new PairIndex<number>();
      const model = new Map<string, number>();
      for (const [at, [lower, higher, removes]] of steps.entries()) {
        const key = `${lower}|${higher}`;
        const record = index.find(lower, higher);
        assert.is(index.valueOf(record), model.get(key));
        if (record < 0) index.add(lower, higher, at);
        else if (removes) index.remove(record);
        else index.replace(record, at);
        if (record >= 0 && removes) model.delete(key);
        else model.set(key, at);
      }
      assert.is(index.size, model.size);
      for (const [key, value] of model) {
        const [lower = 0, higher = 0] = key.split('|').map(Number);
        assert.is(index.valueOf(index.find(lower, higher)), value);
      }
    }),
    { numRuns: 20 },
  );
});

test('rows of other conversations stay as they are, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(6)), fc.uniqueArray(fc.nat(6)), (conversations, gone) => {
      const table = new PacketTable();
      const end = { address: '192.0.2.1', port: 1 };
      for (let id = 0; id <= 6; id++) table.announce(id, [end, end]);
      for (const [at, conversation] of conversations.entries()) {
        const row = table.claimRow();
        table.conversation[row] = conversation;
        table.seq[row] = at;
        table.time[row] = at / 2;
        table.flags[row] = at % 256;
      }
      table.dropRows(new Set(gone));
      const kept = conversations.flatMap((one, at) => (gone.includes(one) ? [] : [at]));
      assert.is(table.size, kept.length);
      for (const [row, at] of kept.entries()) {
        assert.equal(
          [table.conversation[row], table.seq[row], table.time[row], table.flags[row]],
          [conversations[at], at, at / 2, at % 256],
        );
      }
    }),
  );
});

test.run();
