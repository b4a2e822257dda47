/** One-to-one matching checked against all possible matchings; packets found by key; streams of bytes compared. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Copies } from '../../src/correlate/capture/copies.js';
import { matchOneToOne, type PossiblePair } from '../../src/correlate/capture/matching.js';
import { compareStreams } from '../../src/correlate/capture/streams.js';
import type { ByteStream } from '../../src/model/conversation.js';
import { suite } from '../support/suite.js';

const test = suite('matching of captures');

type Edge = PossiblePair<string>;

/** Every matching of as many pairs as can be. */
function listBest(edges: readonly Edge[]): Edge[][] {
  const all: Edge[][] = [];
  const extend = (from: number, chosen: readonly Edge[]): void => {
    all.push([...chosen]);
    for (let i = from; i < edges.length; i++) {
      const edge = edges[i] as Edge;
      const free = chosen.every(
        ({ client, upstream }) => client !== edge.client && upstream !== edge.upstream,
      );
      if (free) extend(i + 1, [...chosen, edge]);
    }
  };
  extend(0, []);
  const most = Math.max(...all.map(({ length }) => length));
  return all.filter(({ length }) => length === most);
}

const graphs = fc
  .uniqueArray(fc.tuple(fc.nat(3), fc.nat(3)), { selector: String, maxLength: 10 })
  .map((pairs) => pairs.map(([c, u]): Edge => ({ client: `c${c}`, upstream: `u${u}` })));

test('who is matched in every best matching is matched, and `only` where it is with the same one in each', () => {
  fc.assert(
    fc.property(graphs, (edges) => {
      const best = listBest(edges);
      const found = matchOneToOne(edges);
      const clients = [...new Set(edges.map(({ client }) => client))];
      const always = clients.filter((client) =>
        best.every((matching) => matching.some((edge) => edge.client === client)),
      );
      assert.equal(found.map(({ edge }) => edge.client).sort(), always.sort());
      assert.is(new Set(found.map(({ edge }) => edge.upstream)).size, found.length);
      for (const { edge, only } of found) {
        assert.is(
          only,
          best.every((matching) => matching.includes(edge)),
        );
      }
    }),
    { numRuns: 300 },
  );
});

const edge = (text: string): Edge => ({ client: text[0] ?? '', upstream: text[1] ?? '' });
const matched = (...edges: string[]): string[] =>
  matchOneToOne(edges.map(edge)).map(
    ({ edge: { client, upstream }, only }) => `${client}${upstream}${only ? '' : '?'}`,
  );

test('the earlier of two partners is preferred, unless another needs it', () => {
  assert.equal(matched('ax', 'ay'), ['ax?']);
  assert.equal(matched('ax', 'ay', 'bx').sort(), ['ay', 'bx']);
  assert.equal(matched('ax', 'ay', 'bx', 'by', 'cy', 'cz').sort(), ['ax?', 'by?', 'cz'].sort());
});

test('two that want one partner go without, and so do those that compete with them', () => {
  assert.equal(matched('ax', 'bx'), []);
  assert.equal(matched('ax', 'bx', 'cy'), ['cy']);
  assert.equal(matched('ax', 'ay', 'bx', 'cy'), []);
});

/** A client with a partner of its own, which might as well have any of a block whose clients all need theirs. */
function beside(block: number): boolean | undefined {
  const all = Array.from({ length: block }, (_, i) => i);
  const edges = all.flatMap((c) => all.map((u): Edge => ({ client: `c${c}`, upstream: `u${u}` })));
  edges.push({ client: 'a', upstream: 'x' });
  for (const u of all) edges.push({ client: 'a', upstream: `u${u}` });
  return matchOneToOne(edges).find(({ edge: { client } }) => client === 'a')?.only;
}

test('a search that would take too long leaves the choice open', () => {
  assert.equal([beside(20), beside(140)], [true, true]);
  assert.is(beside(145), false);
});

test('nobody is matched with nobody', () => {
  assert.equal(matched(), []);
});

const never = (): boolean => false;

test('packets are remembered by key, sixteen of each, in the order in which they came', () => {
  // Keys that share slots, and those that look like none.
  const keys = fc.constantFrom(0, 1, -1, 16, 32, 64, 2 ** 15, 2 ** 31 - 1, -(2 ** 31));
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 120 }), (added) => {
      const copies = new Copies(added.length);
      const lists = new Map<number, number[]>();
      for (const [packet, key] of added.entries()) {
        copies.add(copies.slotOf(key), key, packet, never);
        const list = lists.get(key) ?? [];
        lists.set(key, list);
        if (list.length < 16) list.push(packet);
      }
      for (const [key, list] of lists) {
        const found: number[] = [];
        for (let at = copies.firstOf(copies.slotOf(key)); at >= 0; at = copies.after(at))
          found.push(at);
        assert.equal(found, list);
      }
      assert.is(copies.firstOf(copies.slotOf(12_345)), -1);
    }),
  );
});

test('there is room for as many keys as packets; of one key the seventeenth is one too many', () => {
  for (const size of [1, 8, 16, 40]) {
    const copies = new Copies(size);
    for (let i = 0; i < size; i++) copies.add(copies.slotOf(i * 7919), i * 7919, i, never);
    for (let i = 0; i < size; i++) assert.is(copies.firstOf(copies.slotOf(i * 7919)), i);
    assert.is(copies.firstOf(copies.slotOf(-5)), -1);
  }
  const copies = new Copies(17);
  for (let i = 0; i < 17; i++) copies.add(copies.slotOf(3), 3, i, never);
  let count = 0;
  for (let at = copies.firstOf(copies.slotOf(3)); at >= 0; at = copies.after(at)) count += 1;
  assert.is(count, 16);
});

test('of one key those that are too old make room for later ones', () => {
  const remembered = (reach: number): number[] => {
    const copies = new Copies(60);
    for (let i = 0; i < 60; i++) copies.add(copies.slotOf(7), 7, i, (before) => i - before > reach);
    const found: number[] = [];
    for (let at = copies.firstOf(copies.slotOf(7)); at >= 0; at = copies.after(at)) found.push(at);
    return found;
  };
  const from = (first: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => first + i);
  assert.equal(remembered(Infinity), from(0, 16));
  assert.equal(remembered(15), from(44, 16));
  assert.equal(remembered(0), from(48, 12));
  // While none is too old, later ones find no room.
  assert.equal(remembered(20), from(42, 16));
});

interface Bytes {
  readonly digest?: number | null;
  readonly known?: readonly number[];
  readonly length?: number;
}

function stream(
  text: string,
  { digest = null, known, length = text.length }: Bytes = {},
): ByteStream {
  return {
    length,
    head: Buffer.from(text),
    digest,
    known: known ? Uint8Array.from(known) : null,
  } as unknown as ByteStream;
}

const like = (a: ByteStream, b: ByteStream, aligned = true): string =>
  compareStreams(a, b, aligned);

test('streams without bytes: both empty, or one of them only', () => {
  assert.equal(
    [like(stream(''), stream('')), like(stream('a'), stream('')), like(stream(''), stream('a'))],
    ['empty', 'part', 'part'],
  );
});

test('of whole streams of one length the digests tell', () => {
  assert.is(like(stream('same', { digest: 1 }), stream('same', { digest: 1 })), 'equal');
  assert.is(like(stream('same', { digest: 1 }), stream('same', { digest: 2 })), 'different');
  assert.is(like(stream('same', { digest: 1 }), stream('same')), 'same-start');
  assert.is(like(stream('same'), stream('same', { digest: 1 })), 'same-start');
  assert.is(like(stream('same', { digest: 1 }), stream('sames', { digest: 1 })), 'part');
});

test('from the beginning on: what is known agrees, or it is another stream', () => {
  assert.is(like(stream('abcd'), stream('abcd')), 'same-start');
  assert.is(like(stream('abcd'), stream('abcx')), 'different');
  assert.is(like(stream('abcd'), stream('abcdef')), 'part');
  assert.is(like(stream('abcdef'), stream('abcd')), 'part');
  assert.is(like(stream('abcd', { length: 9 }), stream('abcd', { length: 9 })), 'same-start');
  assert.is(like(stream('bcde'), stream('abcde')), 'different', 'it begins elsewhere');
});

test('what is not known says nothing', () => {
  const holes = stream('ab?d', { known: [1, 1, 0, 1] });
  assert.is(like(holes, stream('abcd')), 'same-start');
  assert.is(like(stream('abcd'), holes), 'same-start');
  assert.is(like(holes, stream('abcx')), 'different');
  const none = stream('????', { known: [0, 0, 0, 0] });
  assert.equal([like(none, stream('abcd')), like(none, stream('abcde'))], ['same-length', 'part']);
});

test('streams whose beginnings were not seen are put in step by eight bytes that agree', () => {
  const midst = (a: string, b: string): string => like(stream(a), stream(b), false);
  assert.is(midst('0123456789', '0123456789'), 'same-start');
  assert.is(midst('0123456789', '23456789ab'), 'part', 'b begins later');
  assert.is(midst('23456789ab', '0123456789'), 'part', 'a begins later');
  assert.is(midst('0123456789', '3456789abc'), 'different', 'only seven agree');
  assert.is(midst('0123456789', 'abcdefghij'), 'different');
  assert.is(midst('123', '123'), 'same-start', 'all of a short one');
  assert.equal([midst('', '1'), midst('1', ''), midst('', '')], ['part', 'part', 'empty']);
  const unseen = stream('????', { known: [0, 0, 0, 0] });
  assert.is(like(unseen, stream('abcd'), false), 'different', 'nothing puts them in step');
  const hole = stream('01?3456789ab', { known: [1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1] });
  assert.is(like(stream('zz0123456789ab'), hole, false), 'part');
  assert.is(like(hole, stream('23456789ab'), false), 'part');
  const letters = Array.from({ length: 400 }, (_, i) => String.fromCharCode(33 + ((i * i) % 89)));
  const text = letters.join('') + 'unmistakable';
  assert.is(midst(text, 'unmistakable'), 'different', 'too far on');
  assert.equal(
    [midst(text.slice(-267), 'unmistakable'), midst(text.slice(-268), 'unmistakable')],
    ['part', 'different'],
  );
  assert.is(midst('unmistakable', text.slice(-42)), 'part');
  assert.is(midst('99123', '123'), 'part');
  assert.is(
    like(stream('0123456789', { digest: 1 }), stream('23456789ab', { digest: 2 }), false),
    'part',
  );
});

test.run();
