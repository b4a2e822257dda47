/**
 * Conversations of a capture that show the same packets: what proves that a machine between them rewrote an address.
 */
import * as assert from 'uvu/assert';
import {
  dropForks,
  linkConversations,
  type ConversationLink,
} from '../../src/correlate/capture/links.js';
import type { Twin } from '../../src/correlate/capture/twins.js';
import type { Endpoint } from '../../src/model/address.js';
import type { Conversation } from '../../src/model/conversation.js';
import { suite } from '../support/suite.js';
import { listTwins, Rows, type Row } from '../support/wire-rows.js';

const test = suite('links of captures');

const CLIENT: Endpoint = { address: '198.51.100.2', port: 40_000 };
const HOST: Endpoint = { address: '198.51.100.1', port: 8080 };
const BEHIND: Endpoint = { address: '172.17.0.2', port: 6379 };
const OTHER: Endpoint = { address: '172.17.0.3', port: 6379 };

function conversation(id: number, ends: readonly [Endpoint, Endpoint], file = 0): Conversation {
  return { id, file, streams: ends.map((from) => ({ from })) } as unknown as Conversation;
}

/** How the near and the far device show one direction: microseconds, TTL, way, hardware; `count` packets of it. */
interface Shown {
  readonly near: Partial<Row>;
  readonly far: Partial<Row>;
  readonly count?: number;
}

interface Shape {
  readonly there?: Shown | null;
  readonly back?: Shown | null;
  readonly near?: readonly [Endpoint, Endpoint];
  readonly far?: readonly [Endpoint, Endpoint];
  readonly files?: readonly [number, number];
  readonly all?: Partial<Row>;
}

/** Requests come in at the near device and go out at the far one, answers the other way; a router takes one off the TTL. */
const THERE: Shown = {
  near: { ttl: 64, way: 'in', device: 1 },
  far: { ttl: 63, way: 'out', device: 2, time: 1_005_000 },
};
const BACK: Shown = {
  near: { ttl: 63, way: 'out', device: 1, time: 2_005_000 },
  far: { ttl: 64, way: 'in', device: 2, time: 2_000_000 },
};

function link(shape: Shape = {}): ConversationLink | null {
  const { there = THERE, back = BACK, near = [CLIENT, HOST], far = [CLIENT, BEHIND] } = shape;
  const { files = [0, 0], all = {} } = shape;
  const rows = new Rows();
  const twins: Twin[] = [];
  for (const [shown, turned] of [
    [there, false],
    [back, true],
  ] as const) {
    for (let i = 0; shown && i < (shown.count ?? 1); i++) {
      const add = (fields: Partial<Row>, [from, to]: readonly [Endpoint, Endpoint], file: number) =>
        rows.add({
          seq: i,
          file,
          ipId: 7 + i,
          source: turned ? to : from,
          destination: turned ? from : to,
          ...fields,
          ...all,
        });
      twins.push({ a: add(shown.near, near, files[0]), b: add(shown.far, far, files[1]) });
    }
  }
  return linkConversations(
    conversation(1, near, files[0]),
    conversation(2, far, files[1]),
    listTwins(twins),
  );
}

const doubt = (shape: Shape): unknown => {
  const found = link(shape);
  return found && (found.doubt ?? 'proven');
};

test('a router between two devices, seen in both directions, is proof', () => {
  const found = link();
  assert.is(found?.doubt, null);
  assert.equal(found?.beyond, { one: CLIENT, two: BEHIND });
  assert.is(found?.twins.length, 2);
});

test('the ends are told from whichever side the first direction shows', () => {
  assert.equal(link({ there: null })?.beyond, { one: CLIENT, two: BEHIND });
  const turned = linkConversations(
    conversation(1, [CLIENT, BEHIND]),
    conversation(2, [CLIENT, HOST]),
    listTwins([...(link()?.twins ?? [])].map(({ a, b }) => ({ a: b, b: a }))),
  );
  assert.equal(turned?.beyond, { one: BEHIND, two: CLIENT });
});

test('the same ends, in whichever order, are one flow that was seen twice: rewritten by nobody', () => {
  for (const far of [
    [CLIENT, HOST],
    [HOST, CLIENT],
  ] as const) {
    const found = linkConversations(
      conversation(1, [CLIENT, HOST]),
      conversation(2, far),
      listTwins([]),
    );
    assert.equal([found?.beyond, found?.doubt], [null, null]);
  }
  for (const far of [
    [CLIENT, BEHIND],
    [BEHIND, CLIENT],
    [HOST, BEHIND],
  ] as const) {
    const found = linkConversations(
      conversation(1, [CLIENT, HOST]),
      conversation(2, far),
      listTwins([]),
    );
    assert.is(found, null);
  }
});

test('what is nearer in both directions is no machine between: a copy', () => {
  const lower = { ...BACK, near: { ...BACK.near, ttl: 64, time: 2_000_000 } };
  const copied = { ...lower, far: { ...BACK.far, ttl: 63, time: 2_005_000 } };
  assert.is(link({ back: copied }), null);
});

test('a contradiction in either direction is no machine', () => {
  const late: Shown = { ...THERE, far: { ...THERE.far, time: 100 } };
  assert.is(link({ there: late }), null);
  const early: Shown = { ...BACK, near: { ...BACK.near, time: 100 } };
  assert.is(link({ back: early }), null);
});

test('two files must share three packets', () => {
  const files = [0, 1] as const;
  assert.is(doubt({ files }), 'one-way');
  assert.is(doubt({ files, there: { ...THERE, count: 2 } }), 'proven');
});

test('without a mark of the sender nothing is proven', () => {
  assert.is(doubt({ all: { ipId: 0 } }), 'unmarked');
  assert.is(doubt({ all: { ipId: 0 }, back: null }), 'unmarked');
  assert.is(doubt({ all: { ipId: 0, timestamp: 5 } }), 'proven');
  const bare = { near: { ...BACK.near, ipId: 0 }, far: { ...BACK.far, ipId: 0 } };
  assert.is(doubt({ back: bare }), 'proven', 'one marked packet is enough');
});

test('both ends changed: the new source must be an address that is known', () => {
  const gateway = { address: '10.0.0.1', port: 61_000 };
  assert.is(doubt({ far: [gateway, BEHIND] }), 'both-ends');
  assert.is(doubt({ far: [{ ...gateway, address: HOST.address }, BEHIND] }), 'proven');
});

test('requests alone: one machine that takes them in and sends them out is proof, anything less is not', () => {
  const alone = (near: Partial<Row>, far: Partial<Row>): unknown =>
    doubt({
      back: null,
      there: { near: { ...THERE.near, ...near }, far: { ...THERE.far, ...far } },
    });
  assert.is(alone({}, {}), 'proven');
  assert.is(alone({}, { way: 'in' }), null, 'a machine that tells the way would show both');
  assert.is(alone({ way: null }, { way: null }), 'one-way', 'another device');
  assert.is(alone({ way: null }, {}), 'one-way');
  const wire = { way: null, device: 1 };
  assert.is(alone({ ...wire, hardware: 1 }, { ...wire, hardware: 2 }), 'one-way');
  assert.is(alone({ ...wire, hardware: null }, { ...wire, hardware: 2 }), null);
  assert.is(alone({ ...wire, hardware: 1 }, { ...wire, hardware: null }), null);
  assert.is(alone({ ttl: 63 }, { way: 'in' }), null, 'nothing was routed');
  assert.is(alone({ ...wire, hardware: 0 }, { ...wire, hardware: 0 }), null, 'a loopback device');
  const many = link({
    back: null,
    there: { near: { ...THERE.near, way: null }, far: { ...THERE.far, way: null }, count: 2 },
  });
  assert.is(many?.doubt, 'one-way');
});

test('requests alone, from two files, are likely', () => {
  assert.is(doubt({ back: null, files: [0, 1] }), 'one-way');
  assert.is(doubt({ back: null, files: [0, 1], there: { ...THERE, count: 3 } }), 'one-way');
  const far = { ...THERE.far, device: 1 };
  assert.is(doubt({ back: null, files: [0, 1], there: { ...THERE, far } }), 'one-way');
});

test('answers that show no machine: at two devices they say nothing, at one they are copies', () => {
  const silent = (way: Row['way'], device: number): unknown => {
    const there = { near: { ...THERE.near, way }, far: { ...THERE.far, way } };
    const level = { ttl: 64, time: 2_000_000, way };
    return doubt({ there, back: { near: { ...level, device: 1 }, far: { ...level, device } } });
  };
  assert.equal([silent(null, 2), silent(null, 1)], ['one-way', null]);
  assert.is(silent('in', 2), null, 'a machine that tells the way would show the answers too');
  const level = { ttl: 64, time: 2_000_000 };
  const through = {
    near: { ...level, device: 1, way: 'out' },
    far: { ...level, device: 2, way: 'in' },
  } as const;
  assert.is(doubt({ back: through }), null);
});

test('requests that show no machine, and answers that do', () => {
  const level = { ttl: 64, time: 1_000_000, way: null };
  const there = { near: { ...level, device: 1 }, far: { ...level, device: 2 } };
  const back = { near: { ...BACK.near, way: null }, far: { ...BACK.far, way: null } };
  const found = link({ there, back });
  assert.equal([found?.doubt, found?.beyond], ['one-way', { one: CLIENT, two: BEHIND }]);
});

test('one sender is one sender behind the machine', () => {
  const rows = new Rows();
  const a = { source: CLIENT, destination: HOST, ttl: 64, device: 1 };
  const b = { ttl: 63, device: 2, time: 1_005_000 };
  const there = { source: CLIENT, destination: BEHIND };
  const back = { source: BEHIND, destination: CLIENT };
  const make = (first: Partial<Row>, second: Partial<Row>, turn = a): Twin[] => [
    { a: rows.add({ ...a, way: 'in' }), b: rows.add({ ...b, ...first, way: 'out' }) },
    {
      a: rows.add({ ...turn, seq: 5, way: 'in' }),
      b: rows.add({ ...b, ...second, seq: 5, way: 'out' }),
    },
  ];
  const linked = (twins: readonly Twin[]): boolean =>
    linkConversations(
      conversation(1, [CLIENT, HOST]),
      conversation(2, [CLIENT, BEHIND]),
      listTwins(twins),
    ) !== null;
  assert.is(linked(make(there, there)), true);
  assert.is(linked(make(there, back)), false, 'one sender, two senders beyond');
  const answer = { ...a, source: HOST, destination: CLIENT };
  assert.is(linked(make(there, there, answer)), false, 'two senders, one beyond');
  const beyond = { ...there, ttl: 64, time: 1_000_000 };
  const near = { ...answer, ttl: 63, time: 1_005_000 };
  assert.is(linked(make(there, { ...back, ttl: 64, time: 1_000_000 }, near)), true);
  assert.is(linked(make(there, beyond, near)), false, 'as if it had answered itself');
  const shown = { near: BACK.near, far: BACK.far };
  const twins = [
    [...(link({ there: null, back: shown })?.twins ?? [])],
    make(there, there, answer).slice(1),
  ];
  assert.is(linked(twins.flat()), false, 'one sender of answers, two beyond');
});

/** A link of two conversations whose far ends are these. */
function fork(one: number, two: number, beyond: ConversationLink['beyond']): ConversationLink {
  const ends = [CLIENT, HOST] as const;
  return {
    one: conversation(one, ends),
    two: conversation(two, ends),
    twins: listTwins([]),
    beyond,
    nearer: 'one',
    doubt: null,
  };
}

test('a flow that leads to two ends was rewritten to neither for certain', () => {
  const first = fork(1, 2, { one: CLIENT, two: BEHIND });
  const second = fork(1, 3, { one: CLIENT, two: OTHER });
  const elsewhere = fork(4, 5, { one: CLIENT, two: OTHER });
  assert.equal(dropForks([first, second, elsewhere]), [elsewhere]);
  // Whichever of both has the smaller number.
  const turned = fork(0, 1, { one: OTHER, two: CLIENT });
  assert.equal(dropForks([first, turned]), []);
});

test('the same end twice, another side, and the same addresses are no fork', () => {
  const first = fork(1, 2, { one: CLIENT, two: BEHIND });
  for (const second of [
    fork(1, 3, { one: CLIENT, two: BEHIND }),
    fork(1, 3, { one: HOST, two: OTHER }),
    fork(1, 3, null),
    fork(3, 4, { one: CLIENT, two: OTHER }),
  ]) {
    assert.equal(dropForks([first, second]), [first, second]);
  }
});

test('a conversation that is linked with more than sixteen is one of many copies', () => {
  const many = (count: number): number =>
    dropForks(Array.from({ length: count }, (_, i) => fork(1, i + 2, { one: CLIENT, two: BEHIND })))
      .length;
  assert.equal([many(16), many(17)], [16, 0]);
});

test.run();
